"""Following an engine that restarts, hangs, and goes for good."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fakes.engine import Call, FakeEngine
from registrator_tools import add, container_id, end, tell, until

from agent import watch as watch_module
from agent.figures import Figures
from agent.watch import Watch
from engine.client import EngineClient

pytestmark = pytest.mark.contract


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    """An engine with one container."""
    one = FakeEngine()
    await one.start()
    add(one, 1, "web-1")
    yield one
    await one.stop()


@asynccontextmanager
async def watching(engine: FakeEngine, patience_s: float = 30) -> AsyncIterator[Watch]:
    client = EngineClient(engine.address)
    watch = Watch(client, Figures(), lambda: None, patience_s=patience_s)
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


async def test_a_line_that_is_no_event_changes_nothing(engine: FakeEngine) -> None:
    async with watching(engine) as watch:
        await until(lambda: names(watch) == ["web-1"])
        for call in list(engine._listeners):
            await call.send(b"9\r\nnonsense\n\r\n4\r\n[1]\n\r\n")
        await end(engine, container_id(1))
        await until(lambda: names(watch) == [])
