import asyncio
import logging

import pytest

from agent import parts as parts_module
from agent.parts import run_parts
from common.backoff import Backoff
from discovery.errors import BadDiscoveryError, NotSupportedError


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_part_that_fails_is_started_again_and_the_other_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(parts_module, "_BACKOFF", Backoff(first_s=0.001, cap_s=0.001))
    starts: list[str] = []
    thrice = asyncio.Event()

    async def weak() -> None:
        starts.append("weak")
        if starts.count("weak") == 3:
            thrice.set()
            await forever()
        raise RuntimeError("a bug")

    async def strong() -> None:
        starts.append("strong")
        await forever()

    task = asyncio.create_task(run_parts({"weak": weak, "strong": strong}))
    await asyncio.wait_for(thrice.wait(), 5)
    assert starts.count("strong") == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [message.partition(",")[0] for message in caplog.messages] == ["weak failed"] * 2


async def test_waits_grow_until_a_part_has_run_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    six = asyncio.Event()

    class Recorder:
        def delay_s(self, failures: int, rng: object) -> float:
            counts.append(failures)
            if len(counts) == 6:
                six.set()
            return 0.001

    monkeypatch.setattr(parts_module, "_BACKOFF", Recorder())
    monkeypatch.setattr(parts_module, "_STEADY_S", 0.05)

    async def weak() -> None:
        await asyncio.sleep(0.1 if len(counts) == 3 else 0)
        raise RuntimeError("a bug")

    task = asyncio.create_task(run_parts({"weak": weak}))
    await asyncio.wait_for(six.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert counts[:6] == [1, 2, 3, 1, 2, 3]


async def test_a_part_that_can_never_work_is_given_up_and_the_other_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)

    given_up = asyncio.Event()

    async def hopeless() -> None:
        asyncio.get_running_loop().call_soon(given_up.set)
        raise NotSupportedError("a list cannot be joined")

    task = asyncio.create_task(run_parts({"join": hopeless, "registrator": forever}))
    await asyncio.wait_for(given_up.wait(), 5)
    assert caplog.messages == ["join is given up: a list cannot be joined"]
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_when_no_part_can_ever_work_it_ends() -> None:
    async def one() -> None:
        raise NotSupportedError("one")

    async def two() -> None:
        raise BadDiscoveryError("two")

    with pytest.raises(NotSupportedError, match="one; two"):
        await run_parts({"a": one, "b": two})
