"""``POST /containers/{id}/wait`` when its node goes: answered long before there is an answer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.fakes.client import Client, until
from tests.fakes.engine import WEB_ID, Call, FakeEngine
from tests.fakes.loop import LoopThread
from tests.fakes.manager import running_engines, running_manager

pytestmark = pytest.mark.contract


@contextlib.contextmanager
def waiting(version: str) -> Iterator[tuple[FakeEngine, LoopThread, Client, Call]]:
    """A client that waits for a container, on an engine whose connection is the test's."""
    engine = FakeEngine()
    engine.add_container(WEB_ID, "web")
    calls: list[Call] = []

    async def wait(call: Call) -> None:
        await call.read_body()
        if call.asked.version == "HTTP/1.0":
            await call.head(200, "Content-Type: application/json")
        else:
            await call.chunked([], end=False)
        calls.append(call)
        await call.reader.read()

    engine.on("POST /containers/web/wait.*", wait)
    with (
        running_engines(engine) as thread,
        running_manager(engine) as manager,
        manager.connect() as client,
    ):
        client.request("POST", "/containers/web/wait", b"", version=version)
        until(lambda: bool(calls), "the engine is asked")
        yield engine, thread, client, calls[0]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_wait_on_a_lost_node_says_so(version: str) -> None:
    with waiting(version) as (engine, thread, client, _):
        thread.run(engine.stop())
        answer = client.answer()
        assert answer.whole
        assert answer.json() == {
            "StatusCode": 137,
            "Error": {"Message": "node dockerhost01 lost"},
        }


def test_a_wait_that_breaks_on_a_node_that_answers_is_seen_broken() -> None:
    with waiting("1.1") as (_, thread, client, call):
        thread.call(call.cut)
        assert not client.answer().whole


def test_a_wait_whose_answer_has_begun_is_not_answered_twice() -> None:
    with waiting("1.1") as (engine, thread, client, call):
        thread.run(call.send(b'12\r\n{"StatusC'))
        thread.run(engine.stop())
        assert not client.answer().whole
