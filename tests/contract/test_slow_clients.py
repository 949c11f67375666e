"""Clients that do not read: they are sent no more than fits, and dropped if that is for ever."""

from __future__ import annotations

import asyncio
import time

import pytest

from master.proxy import client_socket
from tests.fakes.client import until
from tests.fakes.engine import Call, FakeEngine
from tests.fakes.loop import LoopThread
from tests.fakes.manager import RunningManager

pytestmark = pytest.mark.contract

TOP = b"GET /v1.41/containers/web/top HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_client_that_does_not_read_gets_no_further_answers(
    manager: RunningManager, engine: FakeEngine
) -> None:
    body = b"x" * 300_000
    engine.forget_scripts()

    async def large(call: Call) -> None:
        await call.answer(200, body)

    engine.on("GET /containers/web/top", large)
    with manager.connect(receive_buffer=4096) as client:
        client.send(TOP * 400)
        time.sleep(0.3)
        asked = sum(asked.path.endswith("/top") for asked in engine.asked)
        assert asked < 40  # the kernel's socket buffers hold some
        for _ in range(400):
            assert client.answer().body == body


def test_a_client_that_does_not_read_gets_no_further_refusals(manager: RunningManager) -> None:
    count = 30_000
    with manager.connect(receive_buffer=4096) as client:
        client.send(b"GET /swarm HTTP/1.1\r\nHost: x\r\n\r\n" * count)
        fronts = manager.runtime.server.server_state.connections

        def waiting() -> int:
            sockets = [front._socket for front in fronts]  # type: ignore[attr-defined]
            return max((one._transport.get_write_buffer_size() for one in sockets), default=0)

        until(lambda: manager.thread.call(waiting) > 0, "the client's socket is full")
        time.sleep(0.3)
        assert manager.thread.call(waiting) < 300_000
        for _ in range(count):
            assert client.answer().status == 503


# For ever

LIMIT_S = 0.4


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_socket, "_TAKE_LIMIT_S", LIMIT_S)


def _connections(manager: RunningManager) -> int:
    return int(manager.thread.call(lambda: len(manager.runtime.server.server_state.connections)))


async def _endless(call: Call) -> None:
    await call.head(200, "Content-Type: application/vnd.docker.raw-stream")
    while True:
        await call.send(b"x" * 65536)


async def _endless_raw(call: Call) -> None:
    await call.upgrade()
    while True:
        await call.send(b"x" * 65536)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "request_line",
    [
        pytest.param(b"GET /containers/web/logs?follow=1", id="relay"),
        pytest.param(b"POST /containers/web/attach?stream=1", id="hijack"),
        pytest.param(b"GET /events", id="asgi"),
        pytest.param(b"GET /containers/web/top", id="the-last-answer"),
    ],
)
def test_who_takes_nothing_of_what_waits_is_dropped(
    manager: RunningManager, engine: FakeEngine, engines: LoopThread, request_line: bytes
) -> None:
    engine.forget_scripts()

    async def large(call: Call) -> None:
        await call.answer(200, b"x" * 8_000_000)

    engine.on("GET /containers/web/logs.*", _endless)
    engine.on("POST /containers/web/attach.*", _endless_raw)
    engine.on("GET /containers/web/top", large)
    before = _connections(manager), engine.open_connections
    with manager.connect(receive_buffer=4096) as client:
        client.send(request_line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        if b"events" in request_line:
            assert client.head()[0] == 200
            event = {"Type": "container", "Action": "x" * 1_000_000, "time": 5}
            for _ in range(8):
                engines.run(engine.emit(event))
        until(lambda: _connections(manager) == before[0], "the client is gone")
        until(lambda: engine.open_connections <= before[1], "so is what it had of the engine")


@pytest.mark.usefixtures("impatient")
def test_who_has_got_everything_may_wait_for_more(
    manager: RunningManager, engine: FakeEngine
) -> None:
    """``logs -f`` of a quiet container, ``wait``: nothing waits for the client."""
    engine.forget_scripts()

    async def quiet(call: Call) -> None:
        await call.chunked([b"once\n"], end=False)
        await asyncio.sleep(5 * LIMIT_S)
        await call.send(b"5\r\nmore\n\r\n0\r\n\r\n")

    engine.on("GET /containers/web/logs.*", quiet)
    with manager.connect() as client:
        assert client.ask("GET", "/containers/web/logs?follow=1").body == b"once\nmore\n"


@pytest.mark.usefixtures("impatient")
def test_who_reads_slowly_is_left_alone(manager: RunningManager, engine: FakeEngine) -> None:
    engine.forget_scripts()
    size = 6_000_000

    async def large(call: Call) -> None:
        await call.answer(200, b"x" * size)

    engine.on("GET /containers/web/top", large)
    with manager.connect(receive_buffer=65536) as client:
        client.send(TOP)
        assert client.head()[0] == 200
        started, taken = time.monotonic(), 0
        while taken < size:
            taken += len(client.exactly(200_000))
            time.sleep(LIMIT_S / 4)
        assert time.monotonic() - started > 4 * LIMIT_S
        assert taken == size
