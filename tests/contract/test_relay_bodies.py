"""Bodies that pass through: who waits for whom, in bounded memory, and how broken ones end."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time

import pytest
from relay_tools import MB, busy, fronts

from tests.fakes.client import Client, until
from tests.fakes.engine import WEB_ID, Call, FakeEngine
from tests.fakes.manager import RunningManager
from tests.fakes.usage import usage

pytestmark = pytest.mark.contract


# Bodies up


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_large_upload_waits_for_a_slow_engine_in_bounded_memory(
    client: Client, engine: FakeEngine, chunked: bool
) -> None:
    size, piece = 200 * MB, bytes(range(256)) * 4096
    got = hashlib.sha256()
    taken = threading.Event()

    async def slow(call: Call) -> None:
        call.body_read = True
        await asyncio.sleep(0.5)
        left = size
        while left:
            if chunked:
                length = int((await call.reader.readline()), 16)
                data = await call.reader.readexactly(length)
                await call.reader.readexactly(2)
            else:
                data = await call.reader.readexactly(65536)
            got.update(data)
            left -= len(data)
        if chunked:
            assert await call.reader.readexactly(5) == b"0\r\n\r\n"
        taken.set()
        await call.answer(200)

    engine.on("PUT /containers/web/archive.*", slow)
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    client.request("PUT", "/containers/web/archive?path=/", None, framing)
    expected = hashlib.sha256()
    before, started = usage().memory, time.monotonic()
    peak = 0
    for number in range(size // len(piece)):
        client.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        expected.update(piece)
        peak = max(peak, usage().memory)
        if number == 80:  # the sockets' buffers and the fake's own hold some
            assert time.monotonic() - started > 0.4  # the engine has not read a byte yet
    client.send(b"0\r\n\r\n" if chunked else b"")
    assert client.answer().status == 200
    assert taken.is_set()
    assert got.digest() == expected.digest()
    assert peak - before < 40 * MB


def test_an_engine_that_answers_before_the_body_ends_is_heard_at_once(
    client: Client, manager: RunningManager, engine: FakeEngine
) -> None:
    async def refuse(call: Call) -> None:
        call.body_read = True
        await call.answer(404, b'{"message":"no such path"}')
        await call.reader.read()  # whatever comes is still that body

    engine.on("PUT /containers/web/archive.*", refuse)
    client.request("PUT", "/containers/web/archive?path=/", None, f"Content-Length: {5 * MB}")
    client.send(b"x" * MB)
    assert client.answer().message == "no such path"
    # The rest is read and forgotten; it must reach neither this engine nor the next request.
    client.send(b"x" * (4 * MB))
    assert client.ask("GET", "/containers/web/json").json()["Id"] == WEB_ID
    until(lambda: busy(manager, engine) == 0, "connections given back")


def test_an_engine_lost_while_it_is_sent_a_body_is_a_plain_error(
    client: Client, engine: FakeEngine
) -> None:
    async def die(call: Call) -> None:
        await call.reader.read(1000)
        call.cut(reset=True)

    engine.on("PUT /containers/web/archive.*", die)
    client.request("PUT", "/containers/web/archive?path=/", None, f"Content-Length: {20 * MB}")
    for _ in range(20):
        client.send(b"x" * MB)
    answer = client.answer()
    assert answer.status == 500
    assert "node dockerhost01 does not answer" in answer.message
    assert client.ask("GET", "/_ping").status == 200


# Bodies down


@pytest.mark.parametrize("route", ["export", "changes"], ids=["not-scanned", "scanned"])
def test_a_large_answer_waits_for_a_slow_client_in_bounded_memory(
    manager: RunningManager, engine: FakeEngine, client: Client, route: str
) -> None:
    sent, piece = 0, b"x" * 32768

    async def answer(call: Call) -> None:
        nonlocal sent
        await call.chunked([], end=False)
        for _ in range(100 * MB // len(piece)):
            await call.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            sent += len(piece)
        await call.send(b"0\r\n\r\n")

    engine.on(f"GET /containers/web/{route}", answer)
    before = usage().memory
    client.request("GET", f"/containers/web/{route}")
    time.sleep(0.7)
    assert sent < 30 * MB
    assert usage().memory - before < 30 * MB
    received = client.answer()
    assert received.whole
    assert len(received.body) == 100 * MB


def test_a_connection_that_was_told_to_wait_is_read_again_by_its_next_user(
    manager: RunningManager, client: Client, engine: FakeEngine
) -> None:
    """The last piece of an answer may be the one that fills the client's socket."""

    async def answer(call: Call) -> None:
        await call.answer(200, b"x" * 150_000)

    engine.on("GET /containers/web/changes", answer)
    with manager.connect(receive_buffer=4096) as slow:
        slow.send(b"GET /containers/web/changes HTTP/1.1\r\nHost: x\r\n\r\n" * 200)

        def stuck() -> bool:
            return bool(manager.thread.call(lambda: [c for c in fronts(manager) if c.is_clogged]))

        until(stuck, "the client's socket is full")
        until(lambda: busy(manager, engine) == 0, "its last answer is complete, on our side")
        for _ in range(3):
            assert client.ask("GET", "/containers/web/top").status == 204


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
@pytest.mark.parametrize("route", ["top", "export"], ids=["scanned", "not-scanned"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_answer_that_breaks_is_seen_broken(
    client: Client, engine: FakeEngine, framing: str, route: str, reset: bool
) -> None:
    async def half(call: Call) -> None:
        if framing == "length":
            await call.head(200, "Content-Length: 1000")
            await call.send(b"x" * 500)
        else:
            await call.chunked([b"x" * 500], end=False)
        await asyncio.sleep(0.1)
        call.cut(reset=reset)

    engine.on(f"GET /containers/web/{route}", half)
    try:
        answer = client.ask("GET", f"/containers/web/{route}")
    except ConnectionResetError:
        return
    assert (answer.body, answer.whole) == (b"x" * 500, False)
    assert client.is_closed


def test_an_answer_without_length_that_breaks_resets_the_client(
    client: Client, engine: FakeEngine
) -> None:
    async def half(call: Call) -> None:
        await call.head(200)
        await call.send(b"x" * 500)
        await asyncio.sleep(0.1)
        call.cut(reset=True)

    engine.on("GET /containers/web/top", half)
    with pytest.raises(ConnectionResetError):
        client.ask("GET", "/containers/web/top")


def test_an_answer_without_length_ends_with_its_connection(
    client: Client, engine: FakeEngine
) -> None:
    async def answer(call: Call) -> None:
        call.taken_over = True
        await call.head(200)
        await call.send(b"all")

    engine.on("GET /containers/web/top", answer)
    assert client.ask("GET", "/containers/web/top").body == b"all"


def test_a_stream_with_a_known_length_needs_no_end_of_connection(
    client: Client, engine: FakeEngine
) -> None:
    async def answer(call: Call) -> None:
        await call.head(200, "Content-Length: 3")
        await call.send(b"all")
        await asyncio.sleep(30)

    engine.on("GET /containers/web/export", answer)
    assert client.ask("GET", "/containers/web/export").body == b"all"


@pytest.mark.parametrize(
    "answer",
    [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 200 O"],
    ids=["no-head", "bad-length", "half-a-head"],
)
def test_an_engine_that_speaks_no_http_is_an_error(
    client: Client, engine: FakeEngine, answer: bytes
) -> None:
    async def talk(call: Call) -> None:
        await call.send(answer)
        call.taken_over = True

    engine.on("GET /containers/web/top", talk)
    assert client.ask("GET", "/containers/web/top").status == 500
    assert client.ask("GET", "/_ping").status == 200


def test_a_broken_chunk_in_an_answer_cuts_it(client: Client, engine: FakeEngine) -> None:
    async def talk(call: Call) -> None:
        await call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await call.send(b"2\r\nab\r\nnonsense\r\n")

    engine.on("GET /containers/web/top", talk)
    try:
        assert not client.ask("GET", "/containers/web/top").whole
    except (ConnectionResetError, ValueError):
        assert client.is_closed
