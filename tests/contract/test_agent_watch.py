"""Following an engine that restarts, hangs, and goes for good."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from registrator_tools import add, container_id, end, engine_time, tell, until

from agent import reader as reader_module
from agent import watch as watch_module
from agent.figures import Figures
from agent.rules import stopping as stopping_module
from agent.watch import Watch
from common.backoff import Backoff
from engine.client import EngineClient
from tests.fakes.engine import Call, FakeEngine, Script

pytestmark = pytest.mark.contract

ID_1 = container_id(1)


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    """An engine with one container."""
    one = FakeEngine()
    await one.start()
    add(one, 1, "web-1")
    yield one
    await one.stop()


@asynccontextmanager
async def watching(
    engine: FakeEngine, patience_s: float = 30, on_change: Callable[[], None] = lambda: None
) -> AsyncIterator[Watch]:
    client = EngineClient(engine.address)
    watch = Watch(client, Figures(), on_change, patience_s=patience_s)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()
        assert task.cancelled()


def names(watch: Watch) -> list[str]:
    return [one.name for one in watch.serving()]


async def test_what_ended_while_the_stream_was_broken_is_gone(engine: FakeEngine) -> None:
    add(engine, 2, "web-2")
    async with watching(engine) as watch:
        await until(lambda: names(watch) == ["web-1", "web-2"])
        await engine.stop()
        await until(lambda: not watch.is_following)
        assert names(watch) == ["web-1", "web-2"]
        del engine.containers[container_id(1)]
        await engine.restart()
        await until(lambda: names(watch) == ["web-2"])


async def test_an_engine_that_is_away_too_long_runs_nothing(engine: FakeEngine) -> None:
    async with watching(engine, patience_s=0.5) as watch:
        await until(lambda: names(watch) == ["web-1"])
        await engine.stop()
        await until(lambda: names(watch) == [])
        await engine.restart()
        await until(lambda: names(watch) == ["web-1"])


async def test_an_engine_that_hangs_is_noticed(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_PULSE_S", 0.05)
    monkeypatch.setattr(watch_module, "_TIMEOUT_S", 0.1)
    async with watching(engine, patience_s=0.5) as watch:
        await until(lambda: names(watch) == ["web-1"])
        engine.hang()
        await until(lambda: names(watch) == [])
        engine.wake()
        await until(lambda: names(watch) == ["web-1"])


async def test_an_answer_that_is_older_than_the_end_revives_nobody(engine: FakeEngine) -> None:
    """The engine's inspect is on the way when the container ends."""
    async with watching(engine) as watch:
        await until(lambda: names(watch) == ["web-1"])
        asked, answer = asyncio.Event(), asyncio.Event()
        body = dict(engine.containers[container_id(1)])

        async def late(call: Call) -> None:
            asked.set()
            await answer.wait()
            await call.json(body)

        engine.on(r"GET /containers/.*/json", late)
        await tell(engine, "update", container_id(1))
        await asked.wait()
        await end(engine, container_id(1))
        await until(lambda: names(watch) == [])
        engine.forget_scripts()
        answer.set()
        for _ in range(20):
            await asyncio.sleep(0.01)
            assert names(watch) == []


async def hang(call: Call) -> None:
    """No answer, until the other side gives up."""
    await call.reader.read()


async def refuse(call: Call) -> None:
    """An answer, and no use."""
    await call.json({"message": "layer does not exist"}, 500)


async def drop(call: Call) -> None:
    """The connection breaks, as when the daemon's handler does."""
    call.cut()


BREAKS = pytest.mark.parametrize("broken", [hang, refuse, drop])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less patience, and shorter waits, than with a real engine."""
    monkeypatch.setattr(reader_module, "_TIMEOUT_S", 0.2)
    monkeypatch.setattr(reader_module, "_LOOK_S", 0.02)
    monkeypatch.setattr(reader_module, "_BACKOFF", Backoff(first_s=0.05, cap_s=0.1))
    monkeypatch.setattr(watch_module, "_PULSE_S", 0.05)


def on_inspect(engine: FakeEngine, number: int, script: Script) -> None:
    engine.on(rf"GET /containers/{container_id(number)}/json", script)


@BREAKS
async def test_a_container_that_cannot_be_read_stays_and_the_others_go_on(
    engine: FakeEngine, quick: None, broken: Script, caplog: pytest.LogCaptureFixture
) -> None:
    add(engine, 2, "web-2")
    async with watching(engine, patience_s=0.3) as watch:
        await until(lambda: names(watch) == ["web-1", "web-2"])
        on_inspect(engine, 1, broken)
        await tell(engine, "update", container_id(1))
        tries = len(engine.asked)
        await until(lambda: len([one for one in engine.asked[tries:] if ID_1 in one.target]) >= 4)
        # Several times the engine's patience have passed by now.
        assert watch.is_following
        assert names(watch) == ["web-1", "web-2"]
        await end(engine, container_id(2))
        await until(lambda: names(watch) == ["web-1"])
        add(engine, 3, "web-3")
        await tell(engine, "start", container_id(3))
        await until(lambda: names(watch) == ["web-1", "web-3"])
        await tell(engine, "kill", container_id(1), signal="15")
        await until(lambda: names(watch) == ["web-3"])
        assert not any("/events" in one.target for one in engine.asked[tries:])
    told = [one for one in caplog.messages if "cannot be read" in one]
    assert [one.partition(":")[0] for one in told] == [
        f"Container {ID_1[:12]} cannot be read and counts as it was"
    ]


async def test_nobody_waits_for_a_container_that_hangs(engine: FakeEngine) -> None:
    async with watching(engine) as watch:
        await until(lambda: names(watch) == ["web-1"])
        for number in range(2, 8):
            add(engine, number, f"web-{number}")
            on_inspect(engine, number, hang)
            await tell(engine, "start", container_id(number))
        await until(lambda: ID_1[:-1] + "7" in engine.asked[-1].target)
        add(engine, 8, "web-8")
        await tell(engine, "start", container_id(8))
        await until(lambda: names(watch) == ["web-1", "web-8"], timeout_s=3)


@BREAKS
async def test_one_that_could_never_be_read_is_named_until_it_can(
    engine: FakeEngine, quick: None, broken: Script
) -> None:
    add(engine, 2, "web-2")
    on_inspect(engine, 2, broken)
    async with watching(engine) as watch:
        await until(lambda: watch.unread() == {container_id(2): "web-2"})
        assert names(watch) == ["web-1"]
        await tell(engine, "kill", container_id(2), signal="10")
        await tell(engine, "update", container_id(1))
        await until(lambda: watch._figures.events == 2)
        assert watch.unread() == {container_id(2): "web-2"}
        await tell(engine, "kill", container_id(2), signal="15")
        await until(lambda: watch.unread() == {})
        engine.forget_scripts()
        await tell(engine, "start", container_id(2))
        await until(lambda: names(watch) == ["web-1", "web-2"])
        assert watch._figures.unread == 0


async def test_what_survives_a_signal_is_back_after_a_while(
    engine: FakeEngine, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping_module, "_BENEFIT_S", 0.2)
    engine.containers[container_id(1)]["Config"]["StopTimeout"] = 0
    now = engine_time()

    async def info(call: Call) -> None:
        await call.json({**engine._info(), "SystemTime": now})

    engine.on("GET /info", info)
    changes: list[int] = []
    async with watching(engine, on_change=lambda: changes.append(1)) as watch:
        await until(lambda: names(watch) == ["web-1"])
        await tell(engine, "kill", container_id(1), signal="3")
        await until(lambda: names(watch) == [])
        changes.clear()
        await until(lambda: names(watch) == ["web-1"])
        await until(lambda: bool(changes), "somebody to be told of it")


async def test_an_engine_that_cannot_be_followed_is_not_read_all_the_time(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_BACKOFF", Backoff(first_s=0.05, cap_s=10))

    async def end_soon(call: Call) -> None:
        await call.chunked([], end=False)
        await asyncio.sleep(0.05)
        await call.send(b"0\r\n\r\n")

    engine.on("GET /events.*", end_soon)
    async with watching(engine) as watch:
        await until(lambda: watch.is_following)
        await asyncio.sleep(1.5)
        reads = [one for one in engine.asked if one.target.endswith("/containers/json?all=1")]
    # Waits of 50, 100, 200, 400, 800 ms, each shortened by a half at most.
    assert 3 <= len(reads) <= 7


async def test_an_engine_that_was_followed_for_a_while_is_asked_again_at_once(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_BACKOFF", Backoff(first_s=0.05, cap_s=10))
    monkeypatch.setattr(watch_module, "_STEADY_S", 0.2)
    async with watching(engine) as watch:
        for _ in range(8):
            await until(lambda: watch.is_following, timeout_s=3)
            await asyncio.sleep(0.25)
            await engine.restart()
            await until(lambda: not watch.is_following)
        await until(lambda: watch.is_following, timeout_s=3)


async def test_a_resync_finds_what_no_event_told_of(engine: FakeEngine) -> None:
    async with watching(engine) as watch:
        await until(lambda: names(watch) == ["web-1"])
        add(engine, 2, "web-2")
        del engine.containers[container_id(1)]
        await watch.resync()
        await until(lambda: names(watch) == ["web-2"])


async def test_what_is_no_engine_is_asked_again(engine: FakeEngine) -> None:
    async def nonsense(call: Call) -> None:
        await call.json({"ApiVersion": "newest"})

    engine.on("GET /version", nonsense)
    async with watching(engine) as watch:
        await until(lambda: len(engine.asked) >= 4)
        assert not watch.is_following
        engine.forget_scripts()
        await until(lambda: names(watch) == ["web-1"])


async def test_an_event_that_is_too_long_is_not_asked_for_again(
    engine: FakeEngine, quick: None
) -> None:
    async with watching(engine) as watch:
        await until(lambda: names(watch) == ["web-1"])
        add(engine, 2, "web-2")
        await tell(engine, "start", container_id(2), note="x" * (5 << 20))
        await until(lambda: names(watch) == ["web-1", "web-2"])
        await end(engine, container_id(1))
        await until(lambda: names(watch) == ["web-2"])
        assert sum("/events" in one.target for one in engine.asked) == 1


async def test_a_line_that_is_no_event_changes_nothing(engine: FakeEngine) -> None:
    async with watching(engine) as watch:
        await until(lambda: names(watch) == ["web-1"])
        for call in list(engine._listeners):
            await call.send(b"9\r\nnonsense\n\r\n4\r\n[1]\n\r\n")
        await end(engine, container_id(1))
        await until(lambda: names(watch) == [])
