"""The load generator counts what a client would see: answers, losses by cause, second tries."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from lab.load import LostError, Tally, Worker

_Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n"


@asynccontextmanager
async def served(handler: _Handler) -> AsyncIterator[Worker]:
    """Yield a worker that asks a server which *handler* makes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    worker = Worker(f"{host}:{port}", "app.example")
    try:
        yield worker
    finally:
        worker.close()
        server.close()
        await server.wait_closed()


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> bytes:
    """Read one request, write *text*, return the request."""
    request = await reader.readuntil(b"\r\n\r\n")
    writer.write(text)
    await writer.drain()
    return request


async def test_one_connection_serves_many_requests() -> None:
    requests: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.extend([await answers(reader, writer, _OK) for _ in range(3)])

    async with served(handler) as worker:
        assert [await worker.ask() for _ in range(3)] == ["hi"] * 3
    assert all(b"Host: app.example\r\n" in request for request in requests)
    assert (len(requests), worker.again) == (3, 0)


async def test_a_kept_connection_that_has_ended_is_replaced_without_a_loss() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers(reader, writer, _OK)

    async with served(handler) as worker:
        assert [await worker.ask() for _ in range(2)] == ["hi", "hi"]
        assert worker.again == 1


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        pytest.param(b"", "cut off", id="no-byte"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", "cut off", id="half-a-head"),
        pytest.param(_OK[:-2], "cut off", id="half-a-body"),
        pytest.param(b"SSH-2.0-server\r\n\r\n", "not HTTP", id="something-else"),
        pytest.param(
            b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "status 503", id="an-error-status"
        ),
    ],
)
async def test_a_first_request_without_a_good_answer_is_lost(text: bytes, cause: str) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers(reader, writer, text)

    async with served(handler) as worker:
        with pytest.raises(LostError, match=cause):
            await worker.ask()


async def test_a_half_answer_on_a_kept_connection_is_lost_too() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers(reader, writer, _OK)
        await answers(reader, writer, b"HTTP/1.1 200")

    async with served(handler) as worker:
        await worker.ask()
        with pytest.raises(LostError, match="cut off"):
            await worker.ask()


async def test_nobody_there_is_a_refusal() -> None:
    async with served(lambda _reader, _writer: asyncio.sleep(0)) as worker:
        pass
    with pytest.raises(LostError, match="refused"):
        await worker.ask()


async def test_who_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.load._TIMEOUT_S", 0.01)
    is_over = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await is_over.wait()

    async with served(handler) as worker:
        with pytest.raises(LostError, match="no answer"):
            await worker.ask()
        is_over.set()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n",
            id="chunked",
        ),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\nhi", id="until-the-end"),
    ],
)
async def test_bodies_of_every_form_are_read(text: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers(reader, writer, text)

    async with served(handler) as worker:
        assert await worker.ask() == "hi"


def test_a_tally_tells_answers_apart_and_says_it_in_a_line() -> None:
    tally = Tally()
    tally.note("one", 0.1, 10.0)
    tally.note("two", 1.5, 11.0)
    tally.note("one", 0.1, 12.0)
    assert str(tally) == "3 answered, none lost, 1 late, 0 asked again"
    assert (tally.answers["one"].first_s, tally.answers["one"].last_s) == (10.0, 12.0)
    tally.failed["status 503"] += 2
    assert tally.lost == 2
    assert str(tally) == "3 answered, 2 lost (2 status 503), 1 late, 0 asked again"
