"""`EngineClient` against a scriptable daemon: calls, streams, deadlines, stale connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from engine.client import EngineClient
from engine.errors import EngineStatusError, EngineTimeoutError, EngineUnreachableError
from engine.transport import _Answer
from tests.fakes.engine import Call, FakeEngine

pytestmark = pytest.mark.contract

ID = "c0ffee" + "0" * 58
MB = 1 << 20


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    engine = FakeEngine()
    engine.add_container(ID, "web")
    await engine.start()
    yield engine
    await engine.stop()


@pytest.fixture
async def client(engine: FakeEngine) -> AsyncIterator[EngineClient]:
    client = EngineClient(engine.address)
    yield client
    await client.aclose()


async def asked(engine: FakeEngine, path: str) -> None:
    """Until the engine has been asked this."""
    async with asyncio.timeout(5):
        while not any(each.path == path for each in engine.asked):  # noqa: ASYNC110 - a fake tells nobody
            await asyncio.sleep(0.01)


async def test_calls_answer_json_over_one_kept_connection(
    engine: FakeEngine, client: EngineClient
) -> None:
    for _ in range(5):
        assert (await client.info())["Name"] == engine.name
        assert (await client.list_containers())[0]["Id"] == ID
        assert (await client.inspect_container(ID))["Id"] == ID
    assert engine.connection_count == 1


async def test_the_version_stands_in_every_path_once_it_is_known(
    engine: FakeEngine, client: EngineClient
) -> None:
    await client.ping(1)
    client.api_version = (1, 41)
    await client.ping(1)
    await client.request("GET", "/_ping", version=(1, 30))
    assert [asked.target for asked in engine.asked] == ["/_ping", "/v1.41/_ping", "/v1.30/_ping"]


async def test_a_header_passes_as_it_came(engine: FakeEngine, client: EngineClient) -> None:
    """Such as the HttpHeaders of somebody's ~/.docker/config.json."""
    await client.request("GET", "/_ping", headers={"X-User": "Müller".encode().decode("latin-1")})
    assert engine.asked[-1].header("x-user").encode("latin-1").decode() == "Müller"


async def test_a_refusal_has_the_engines_words_and_status(client: EngineClient) -> None:
    with pytest.raises(EngineStatusError) as refused:
        await client.inspect_container("nope")
    assert refused.value.status == 404
    assert refused.value.message == "/containers/nope/json: unknown to the fake"


async def test_a_closed_port_is_refused_and_nothing_was_sent(
    engine: FakeEngine, client: EngineClient
) -> None:
    await engine.stop()
    with pytest.raises(EngineUnreachableError) as refused:
        await client.info()
    assert refused.value.message == f"dial {engine.address}: connection refused"
    assert not refused.value.sent


async def test_a_hung_engine_is_given_up_in_time(engine: FakeEngine, client: EngineClient) -> None:
    engine.hang()
    started = time.monotonic()
    with pytest.raises(EngineTimeoutError):
        await client.ping(0.2)
    assert time.monotonic() - started < 5
    assert client.pool.open_connections == 0


async def test_an_engine_that_stops_in_the_middle_is_given_up_in_time(
    engine: FakeEngine, client: EngineClient
) -> None:
    async def half(call: Call) -> None:
        await call.head(200, "Content-Length: 100")
        await call.send(b"{")
        await asyncio.sleep(5)

    engine.on("GET /info", half)
    with pytest.raises(EngineTimeoutError):
        await client.info(timeout_s=0.2)
    assert client.pool.open_connections == 0


async def test_an_engine_that_closes_in_the_middle_is_unreachable(
    engine: FakeEngine, client: EngineClient
) -> None:
    async def half(call: Call) -> None:
        await call.chunked([b"{"], end=False)
        call.cut()

    engine.on("GET /info", half)
    with pytest.raises(EngineUnreachableError):
        await client.info()


async def test_what_is_not_json_is_no_engine(engine: FakeEngine, client: EngineClient) -> None:
    async def page(call: Call) -> None:
        await call.answer(200, b"<html>", "text/html")

    engine.on("GET /info", page)
    with pytest.raises(EngineUnreachableError, match="is this a Docker Engine"):
        await client.info()


async def test_a_get_over_a_stale_connection_is_asked_again_and_a_post_is_not(
    engine: FakeEngine, client: EngineClient
) -> None:
    cut = 0

    async def once(call: Call) -> None:
        nonlocal cut
        cut += 1
        if cut % 2:
            call.cut()
        else:
            await call.json({})

    await client.ping(1)
    engine.on(".* /info", once)
    assert await client.info() == {}
    with pytest.raises(EngineUnreachableError):
        await client.request("POST", "/info", content=b"{}")
    assert cut == 3


async def test_a_stream_comes_piece_by_piece_and_is_dropped_by_its_reader(
    engine: FakeEngine, client: EngineClient
) -> None:
    ended = asyncio.Event()

    async def endless(call: Call) -> None:
        await call.chunked([b"one\n"], end=False)
        await call.send(b"4\r\ntwo\n\r\n")
        await call.reader.read()
        ended.set()

    engine.on("GET /events", endless)
    async with client.stream("GET", "/events") as pieces:
        got = b""
        async for piece in pieces:
            got += piece
            if got == b"one\ntwo\n":
                break
    async with asyncio.timeout(1):
        await ended.wait()
    assert client.pool.open_connections == 0


async def test_a_slow_reader_holds_the_engine_back_and_loses_nothing(
    engine: FakeEngine, client: EngineClient
) -> None:
    sent = 0

    async def large(call: Call) -> None:
        nonlocal sent
        await call.head(200, f"Content-Length: {60 * MB}")
        for _ in range(60):
            await call.send(b"x" * MB)
            sent += 1

    engine.on("GET /large", large)
    async with client.stream("GET", "/large") as pieces:
        total = len(await anext(pieces))
        await asyncio.sleep(0.3)
        assert sent < 30
        async for piece in pieces:
            total += len(piece)
    assert total == 60 * MB
    # The connection was told to wait at times: it has to be read again by the next call.
    assert (await client.info())["Name"] == engine.name
    assert engine.connection_count == 1


async def test_an_early_answer_to_a_long_body_is_heard_and_its_connection_not_kept(
    engine: FakeEngine, client: EngineClient
) -> None:
    async def refuse(call: Call) -> None:
        call.body_read = True
        await call.json({"message": "no"}, 400)
        await call.reader.read()

    async def body() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 100_000
            await asyncio.sleep(0)

    engine.on("POST /build", refuse)
    with pytest.raises(EngineStatusError, match="no"):
        await client.request("POST", "/build", content=body())  # type: ignore[arg-type]
    assert (await client.info())["Name"] == engine.name
    assert engine.connection_count == 2


async def test_an_unhealthy_engines_calls_fail_at_once_and_its_streams_go_on(
    engine: FakeEngine, client: EngineClient
) -> None:
    async with client.stream("GET", "/events") as pieces:
        await asyncio.sleep(0.05)
        engine.hang()
        waiting = asyncio.create_task(client.info())
        await asked(engine, "/info")
        client.pool.fail_unanswered(EngineUnreachableError(engine.address, "it does not answer"))
        with pytest.raises(EngineUnreachableError, match="it does not answer"):
            await waiting
        engine.wake()
        await engine.emit({"Type": "container"})
        assert b"container" in await anext(pieces)


@pytest.mark.parametrize(
    ("sign", "outlasts", "is_ended"),
    [
        pytest.param(False, False, True, id="silent"),
        pytest.param(True, False, False, id="speaks"),
        pytest.param(False, True, False, id="outlasts"),
    ],
)
async def test_what_has_begun_ends_if_a_lost_engine_is_silent(
    engine: FakeEngine, client: EngineClient, *, sign: bool, outlasts: bool, is_ended: bool
) -> None:
    async with client.stream("GET", "/events", outlasts_outages=outlasts) as pieces:
        await asyncio.sleep(0.05)
        client.pool.listen()
        if sign:
            await engine.emit({"Type": "image"})
            assert b"image" in await anext(pieces)
        client.pool.fail_silent(EngineUnreachableError(engine.address, "it is lost"))
        if is_ended:
            with pytest.raises(EngineUnreachableError, match="it is lost"):
                await anext(pieces)
        else:
            await engine.emit({"Type": "container"})
            assert b"container" in await anext(pieces)


async def test_a_slow_reader_is_not_taken_for_a_silent_engine(
    engine: FakeEngine, client: EngineClient
) -> None:
    async def large(call: Call) -> None:
        await call.head(200, f"Content-Length: {20 * MB}")
        await call.send(b"x" * (20 * MB))

    engine.on("GET /large", large)
    async with client.stream("GET", "/large") as pieces:
        total = len(await anext(pieces))
        await asyncio.sleep(0.2)  # so much has come that the engine is told to wait
        client.pool.listen()
        client.pool.fail_silent(EngineUnreachableError(engine.address, "it is lost"))
        async for piece in pieces:
            total += len(piece)
    assert total == 20 * MB


async def test_an_engine_that_takes_its_request_is_not_silent(
    engine: FakeEngine, client: EngineClient
) -> None:
    """One that has begun to answer may read on for long before it says more."""
    some, rest = asyncio.Event(), asyncio.Event()

    async def reads_on(call: Call) -> None:
        call.body_read = True
        await call.chunked([b"reading\n"], end=False)
        await some.wait()
        await call.reader.readexactly(20 * MB)
        await rest.wait()
        got = b""
        while not got.endswith(b"\r\n0\r\n\r\n") and (data := await call.reader.read(MB)):
            got = got[-10:] + data
        await call.send(b"0\r\n\r\n")

    async def body() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * MB

    engine.on("POST /images/load", reads_on)
    async with asyncio.TaskGroup() as group:

        async def load() -> bytes:
            async with client.stream("POST", "/images/load", content=body()) as pieces:
                return b"".join([piece async for piece in pieces])

        loading = group.create_task(load())
        await asked(engine, "/images/load")
        await asyncio.sleep(0.3)  # the sockets between them are full
        client.pool.listen()
        some.set()
        await asyncio.sleep(0.3)
        client.pool.fail_silent(EngineUnreachableError(engine.address, "it is lost"))
        rest.set()
    assert loading.result() == b"reading\n"


@pytest.mark.parametrize("refusal", ["cut", "stopped"])
async def test_a_stream_that_is_refused_in_half_a_sentence_is_a_lost_engine(
    engine: FakeEngine, client: EngineClient, refusal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def half(call: Call) -> None:
        await call.head(404, "Content-Length: 100")
        await call.send(b'{"message":"no suc')
        if refusal == "stopped":
            await call.reader.read()
        call.cut()

    monkeypatch.setattr("engine.client.CALL_TIMEOUT_S", 0.2)
    engine.on("GET /events", half)
    expected = EngineTimeoutError if refusal == "stopped" else EngineUnreachableError
    with pytest.raises(expected) as lost:
        async with client.stream("GET", "/events"):
            pytest.fail("there is nothing to read")
    assert type(lost.value) is expected
    assert client.pool.open_connections == 0


async def test_a_connection_that_was_dialled_during_an_outage_is_not_used(
    client: EngineClient,
) -> None:
    dialling = asyncio.create_task(client.pool.acquire())
    await asyncio.sleep(0)
    client.pool.fail_unanswered(EngineUnreachableError(client.address, "it does not answer"))
    with pytest.raises(EngineUnreachableError, match="it stopped answering"):
        await dialling
    assert client.pool.open_connections == 0


async def test_closing_the_client_tells_whoever_waits(
    engine: FakeEngine, client: EngineClient
) -> None:
    engine.hang()
    waiting = asyncio.create_task(client.info())
    await asked(engine, "/info")
    await client.aclose()
    with pytest.raises(EngineUnreachableError):
        await waiting


async def test_a_retired_pool_lets_streams_end_and_keeps_nothing(
    engine: FakeEngine, client: EngineClient
) -> None:
    await client.ping(1)
    async with client.stream("GET", "/events") as pieces:
        client.pool.retire()
        await asyncio.sleep(0.05)
        await engine.emit({"Type": "container"})
        assert b"container" in await anext(pieces)
    await client.ping(1)
    assert client.pool.open_connections == 0


async def test_a_connection_is_given_back_once(engine: FakeEngine, client: EngineClient) -> None:
    connection = await client.pool.acquire()
    client.pool.release(connection)
    client.pool.release(connection)
    assert client.pool.open_connections == 1
    assert await client.pool.acquire() is connection
    assert await client.pool.acquire() is not connection


async def test_a_connection_that_is_gone_before_its_first_request_is_an_error() -> None:
    async def shut(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(shut, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    client = EngineClient(f"{host}:{port}")
    connection = await client.pool.acquire()
    async with asyncio.timeout(5):
        while connection.is_idle:  # noqa: ASYNC110 - the connection tells nobody
            await asyncio.sleep(0.01)
    lost = asyncio.get_running_loop().create_future()

    class Waiting:
        def on_lost(self, error: Exception) -> None:
            lost.set_result(error)

    connection.begin("GET", Waiting())  # type: ignore[arg-type]
    assert isinstance(await lost, ConnectionResetError)
    await client.aclose()
    server.close()


async def test_an_answer_that_comes_while_its_request_is_cancelled_is_ignored(
    engine: FakeEngine, client: EngineClient
) -> None:
    """Cancelled is first what is waited for; only then the request drops its connection."""
    connection = await client.pool.acquire()
    answer = _Answer(connection, "GET")
    connection.begin("GET", answer)
    answer.head.cancel()
    connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot ")
    connection.data_received(b"read")
    assert not connection.is_idle
    client.pool.discard(connection)
