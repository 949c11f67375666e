"""Hijacked streams: both ways, half-closed, refused, cut, by the hundred."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import socket
import threading
import time

import pytest

from tests.fakes.client import Client, until
from tests.fakes.engine import WEB_ID, Call, FakeEngine
from tests.fakes.loop import LoopThread
from tests.fakes.manager import RunningManager
from tests.fakes.usage import usage

pytestmark = pytest.mark.contract

MB = 1 << 20
ATTACH = "/v1.41/containers/web/attach?stream=1&stdin=1&stdout=1"
UPGRADE = ("Connection: Upgrade", "Upgrade: tcp")


def attach(client: Client, target: str = ATTACH, body: bytes | None = b"") -> None:
    client.request("POST", target, body, *UPGRADE)
    assert client.head()[0] == 101


def streams(manager: RunningManager, engine: FakeEngine) -> int:
    """Raw connections to the engine."""
    connections = manager.thread.call(lambda: list(manager.pool(engine)._busy))
    return sum(connection._raw for connection in connections)


def test_an_upgrade_is_passed_on_as_it_came(client: Client, engine: FakeEngine) -> None:
    client.request("POST", ATTACH, b"", *UPGRADE, "X-Odd: kept")
    status, headers = client.head()
    assert status == 101
    assert ("Connection", "Upgrade") in headers
    assert ("Upgrade", "tcp") in headers
    asked = next(asked for asked in engine.asked if asked.method == "POST")
    assert asked.target == ATTACH
    assert asked.header("upgrade") == "tcp"
    assert asked.header("x-odd") == "kept"


@pytest.mark.parametrize("status", [101, 200], ids=["upgrade", "legacy"])
def test_bytes_go_both_ways_until_the_client_ends_its_half(
    client: Client, engine: FakeEngine, status: int
) -> None:
    async def shout(call: Call) -> None:
        await call.upgrade(status)
        await call.send(b"hello\n")
        while data := await call.reader.read(100):
            await call.send(data.upper())
        await asyncio.sleep(0.1)
        await call.send(b"late output")  # after the end of the input, as `wc` does

    engine.on("POST /containers/web/attach.*", shout)
    client.request("POST", ATTACH, b"", *(UPGRADE if status == 101 else ()))
    assert client.head()[0] == status
    assert client.exactly(6) == b"hello\n"
    client.send(b"abc")
    assert client.exactly(3) == b"ABC"
    client.half_close()
    assert client.rest() == b"late output"


def test_a_stream_whose_answer_and_first_bytes_come_at_once(
    client: Client, engine: FakeEngine
) -> None:
    async def at_once(call: Call) -> None:
        call.taken_over = True
        await call.send(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nall")

    engine.on("POST /containers/web/attach.*", at_once)
    attach(client)
    assert client.rest() == b"all"


def test_early_data_reaches_the_stream_and_not_the_parser(
    client: Client, engine: FakeEngine
) -> None:
    body = b'{"Detach":false}'
    engine.execs["feed"] = {"ID": "feed", "ContainerID": WEB_ID}
    got = b""

    async def run(call: Call) -> None:
        nonlocal got
        got = await call.read_body()
        await asyncio.sleep(0.05)
        await call.upgrade()
        await call.echo()

    engine.on("POST /exec/feed/start", run)
    head = (
        "POST /v1.41/exec/feed/start HTTP/1.1\r\nHost: x\r\n"
        "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    early = b"GET /info HTTP/1.1\r\n\r\n"
    client.send(head.encode() + body + early)
    client.half_close()
    assert client.head()[0] == 101
    assert client.rest() == early
    assert got == body


def test_a_head_of_bare_line_feeds_and_a_line_feed_behind_the_body(
    client: Client, engine: FakeEngine
) -> None:
    """As Jenkins' docker-plugin sends them; that line feed is no input, for an engine neither."""
    engine.execs["feed"] = {"ID": "feed", "ContainerID": WEB_ID}

    async def run(call: Call) -> None:
        await call.upgrade()
        await call.echo()

    engine.on("POST /exec/feed/start", run)
    client.send(
        b"POST /v1.41/exec/feed/start HTTP/1.1\nHost: x\nContent-Length: 2\n"
        b"Upgrade: tcp\nConnection: Upgrade\n\n{}\n"
    )
    assert client.head()[0] == 101
    client.send(b"word")
    assert client.exactly(4) == b"word"


@pytest.mark.parametrize("answer", [404, 409, 200])
def test_a_refusal_is_a_plain_answer_and_the_connection_goes_on(
    client: Client, engine: FakeEngine, answer: int
) -> None:
    async def refuse(call: Call) -> None:
        await call.json({"message": "no"}, answer)

    engine.on("POST /containers/web/attach.*", refuse)
    for _ in range(2):
        found = client.ask("POST", ATTACH, b"", *UPGRADE)
        assert (found.status, found.json()) == (answer, {"message": "no"})
    assert client.ask("GET", "/_ping").status == 200


def test_an_unknown_container_is_refused_by_the_manager(client: Client) -> None:
    answer = client.ask("POST", "/containers/nope/attach", b"", *UPGRADE)
    assert (answer.status, answer.message) == (404, "No such container: nope")
    assert client.ask("GET", "/_ping").status == 200


def test_a_refused_half_closed_client_is_answered_and_let_go(
    client: Client, engine: FakeEngine
) -> None:
    async def refuse(call: Call) -> None:
        await asyncio.sleep(0.1)
        await call.json({"message": "no"}, 409)

    engine.on("POST /containers/web/attach.*", refuse)
    client.request("POST", ATTACH, b"", *UPGRADE)
    client.half_close()
    assert client.answer().status == 409
    assert client.is_closed


def test_fifty_megabytes_both_ways_arrive_as_they_were(client: Client) -> None:
    attach(client)
    piece = os.urandom(MB)
    sent, received = hashlib.sha256(), hashlib.sha256()

    def write() -> None:
        for _ in range(50):
            client.send(piece)
            sent.update(piece)
        client.half_close()

    writer = threading.Thread(target=write)
    writer.start()
    total = 0
    while data := client.recv(MB):
        received.update(data)
        total += len(data)
    writer.join()
    assert total == 50 * MB
    assert received.digest() == sent.digest()


@pytest.mark.parametrize("side", ["client", "engine"])
def test_a_side_that_does_not_read_stops_the_other(
    client: Client, engine: FakeEngine, side: str
) -> None:
    written = 0

    async def stuck(call: Call) -> None:
        nonlocal written
        await call.upgrade()
        if side == "engine":
            call.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(30)
        while True:
            await call.send(b"x" * 65536)
            written += 65536

    engine.on("POST /containers/web/attach.*", stuck)
    attach(client)
    if side == "engine":
        written = client.flood()
    else:
        time.sleep(0.5)
    assert 0 < written < 40 * MB
    client.kill()


def test_a_websocket_is_relayed(client: Client, engine: FakeEngine) -> None:
    async def accept(call: Call) -> None:
        assert call.asked.header("sec-websocket-key") == "abc="
        await call.upgrade()
        await call.echo()

    engine.on("GET /containers/web/attach/ws.*", accept)
    client.request(
        "GET",
        "/containers/web/attach/ws?stream=1",
        None,
        "Connection: keep-alive, Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: abc=",
    )
    status, headers = client.head()
    assert (status, ("Upgrade", "websocket") in headers) == (101, True)
    client.send(b"\x81\x02hi")
    assert client.exactly(4) == b"\x81\x02hi"


# Who lets go


@pytest.mark.parametrize("how", ["close", "kill"])
def test_a_client_that_leaves_ends_the_engines_stream(
    manager: RunningManager, client: Client, engine: FakeEngine, how: str
) -> None:
    ended = threading.Event()

    async def wait(call: Call) -> None:
        await call.upgrade()
        try:
            while await call.reader.read(100):
                pass
        finally:
            ended.set()

    engine.on("POST /containers/web/attach.*", wait)
    with manager.connect() as other:
        attach(other)
        (other.kill if how == "kill" else other.sock.close)()
    # A plain close looks like a half-close: the stream goes on, with its end of input.
    assert ended.wait(1.8)
    until(lambda: streams(manager, engine) == 0, "no stream left", 3.0)


def test_a_client_that_died_behind_its_half_close_is_noticed(
    manager: RunningManager, client: Client, engine: FakeEngine
) -> None:
    async def silent(call: Call) -> None:
        await call.upgrade()
        await asyncio.sleep(60)

    engine.on("POST /containers/web/attach.*", silent)
    with manager.connect() as other:
        attach(other)
        other.half_close()
        time.sleep(0.1)
        assert streams(manager, engine) == 1
        other.kill()
    until(lambda: streams(manager, engine) == 0, "the stream dropped", 5.0)


def test_a_client_that_died_while_the_container_does_not_read_is_noticed(
    manager: RunningManager, client: Client, engine: FakeEngine
) -> None:
    async def stuck(call: Call) -> None:
        await call.upgrade()
        call.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(60)

    engine.on("POST /containers/web/attach.*", stuck)
    with manager.connect() as other:
        attach(other)
        other.flood()
        other.kill()
    until(lambda: streams(manager, engine) == 0, "the stream dropped", 5.0)


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
def test_an_engine_that_dies_ends_the_clients_stream(
    client: Client, engine: FakeEngine, reset: bool
) -> None:
    async def die(call: Call) -> None:
        await call.upgrade()
        await call.send(b"last words")
        await asyncio.sleep(0.1)
        call.cut(reset=reset)

    engine.on("POST /containers/web/attach.*", die)
    attach(client)
    assert client.rest() == b"last words"


def test_an_engine_that_ends_its_half_only_ends_the_stream(
    manager: RunningManager, client: Client, engine: FakeEngine
) -> None:
    async def half(call: Call) -> None:
        await call.upgrade()
        await call.send(b"done")
        call.writer.write_eof()
        call.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(30)

    engine.on("POST /containers/web/attach.*", half)
    attach(client)
    assert client.rest() == b"done"
    until(lambda: streams(manager, engine) == 0, "no stream left", 1.8)


# By the hundred


def test_streams_by_the_hundred_leave_nothing_behind(
    manager: RunningManager, client: Client, engine: FakeEngine, engines: LoopThread
) -> None:
    def steady() -> tuple[int, int]:
        gc.collect()
        return usage().sockets, manager.thread.task_count()

    def many(count: int) -> list[Client]:
        opened = [manager.connect() for _ in range(count)]
        for each in opened:
            each.request("POST", ATTACH, b"", *UPGRADE)
        for each in opened:
            assert each.head()[0] == 101
        return opened

    def back() -> bool:
        now = steady()
        # Two sockets more, both ends of one connection, if the engine was pinged meanwhile.
        return now[0] <= before[0] + 4 and now[1] <= before[1]

    for each in many(50):  # allocators and caches warm up
        each.kill()
    until(lambda: streams(manager, engine) == 0, "warm")
    time.sleep(0.2)
    before, memory = steady(), usage().memory

    # 200 at once, each of them alive
    opened = many(200)
    assert streams(manager, engine) == 200
    for number, each in enumerate(opened):
        each.send(b"%d" % number)
    assert [each.recv() for each in opened] == [b"%d" % number for number in range(200)]
    for each in opened:
        each.half_close()
    assert all(each.is_closed for each in opened)
    for each in opened:
        each.sock.close()
    until(back, "200 streams gone")

    # 1000 killed, in the middle of whatever they were doing
    for _ in range(5):
        opened = many(150)
        opened += [manager.connect() for _ in range(50)]
        for each in opened[150:]:
            each.request("POST", ATTACH, b"", *UPGRADE)
        for number, each in enumerate(opened):
            if number % 3 == 0:
                each.send(b"x" * 10_000)
            elif number % 3 == 1:
                each.half_close()
            each.kill()
    until(back, "1000 killed clients gone", 15)

    # The engine's side killed under 100
    opened = many(100)
    engines.call(lambda: [writer.transport.abort() for writer in list(engine._connections)])
    assert all(each.is_closed for each in opened)
    for each in opened:
        each.sock.close()
    manager.wait_healthy(engine)
    until(back, "100 cut streams gone")
    assert usage().memory - memory < 20 * MB
    assert manager.thread.call(lambda: len(manager.runtime.server.server_state.connections)) <= 1


def test_the_pool_keeps_no_connection_of_a_stream(
    manager: RunningManager, client: Client, engine: FakeEngine
) -> None:
    attach(client)
    client.half_close()
    assert client.rest() == b""
    until(lambda: streams(manager, engine) == 0, "no stream left")
    with manager.connect() as other:
        assert other.ask("GET", "/containers/web/json").json()["Id"] == WEB_ID


def test_a_socket_takes_no_second_request_after_a_stream(
    client: Client, engine: FakeEngine
) -> None:
    attach(client)
    client.send(b"DELETE /containers/web HTTP/1.1\r\nHost: x\r\n\r\n")
    client.half_close()
    assert b"DELETE" in client.rest()
    assert not any(asked.method == "DELETE" for asked in engine.asked)
    assert client.sock.family == socket.AF_INET
