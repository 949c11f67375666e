"""Clients that end their half of the connection behind a request: ``printf 'GET …' | nc -N``.

What they have asked for is answered. What has no end of its own ends, as it does on an engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.client import Client, until
from tests.fakes.engine import WEB_ID, Call, FakeEngine
from tests.fakes.loop import LoopThread
from tests.fakes.manager import RunningManager, running_manager

pytestmark = pytest.mark.contract

TOP = "/v1.41/containers/web/top"
CANCELED = "context canceled"


async def _processes(call: Call) -> None:
    await asyncio.sleep(0.1)  # the end of its input is there long before
    await call.json({"Processes": [["1"]]})


@pytest.fixture(scope="module", params=["tcp", "unix"])
def manager(
    request: pytest.FixtureRequest,
    engines: LoopThread,
    engine: FakeEngine,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningManager]:
    folder: Path = tmp_path_factory.mktemp("socket")
    path = str(folder / "s") if request.param == "unix" else ""
    with running_manager(engine, unix_path=path) as manager:
        yield manager


# Every lane answers


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        pytest.param("GET", "/info", 200, id="asgi"),
        pytest.param("HEAD", "/_ping", 200, id="head"),
        pytest.param("GET", "/containers/json", 200, id="list"),
        pytest.param("GET", TOP, 200, id="relay"),
        pytest.param("GET", "/containers/web/json", 200, id="edited"),
        pytest.param("POST", "/containers/web/restart", 204, id="change"),
        pytest.param("GET", "/swarm", 503, id="table"),
        pytest.param("GET", "/nowhere", 404, id="unknown"),
        pytest.param("OPTIONS", "/info", 200, id="options"),
    ],
)
def test_a_whole_request_is_answered(
    client: Client, engine: FakeEngine, method: str, target: str, status: int, version: str
) -> None:
    engine.on("GET /containers/web/top", _processes)
    body = b"" if method == "POST" else None
    client.request(method, target, body, version=version)
    client.half_close()
    answer = client.answer(method)
    assert (answer.status, answer.whole) == (status, True)
    assert client.is_closed


def test_a_body_is_part_of_the_request(client: Client, engine: FakeEngine) -> None:
    async def update(call: Call) -> None:
        assert await call.read_body() == b"{}"
        await asyncio.sleep(0.1)
        await call.json({"Warnings": []})

    engine.on("POST /containers/web/update", update)
    client.request("POST", "/containers/web/update", b"{}")
    client.half_close()
    assert client.answer().json() == {"Warnings": []}


def test_all_that_was_asked_is_answered_in_order(client: Client, engine: FakeEngine) -> None:
    engine.on("GET /containers/web/top", _processes)
    for _ in range(3):
        client.request("GET", TOP)
        client.request("GET", "/_ping")
    client.half_close()
    bodies = [client.answer().body for _ in range(6)]
    assert bodies == [b'{"Processes": [["1"]]}\n', b"OK"] * 3
    assert client.is_closed


@pytest.mark.parametrize("rest", [b"\r\n", b"GET /info HT", b"GET /info HTTP/1.1\r\nHost: x\r\n"])
def test_what_is_no_request_is_dropped(client: Client, engine: FakeEngine, rest: bytes) -> None:
    engine.on("GET /containers/web/top", _processes)
    client.request("GET", TOP)
    client.send(rest)
    client.half_close()
    assert client.answer().status == 200
    assert client.is_closed


@pytest.mark.parametrize("target", ["/containers/create", "/containers/web/kill"])
def test_a_body_that_is_cut_is_told_behind_the_answers_before(
    client: Client, engine: FakeEngine, target: str
) -> None:
    engine.on("GET /containers/web/top", _processes)
    client.request("GET", TOP)
    client.request("POST", target, None, "Content-Length: 10")
    client.send(b"{")
    client.half_close()
    assert client.answer().status == 200
    answer = client.answer()
    assert (answer.status, answer.message) == (400, "unexpected EOF")
    assert client.is_closed


def test_who_reads_late_gets_the_rest_too(manager: RunningManager, engine: FakeEngine) -> None:
    engine.forget_scripts()
    body = b"x" * 300_000

    async def large(call: Call) -> None:
        await call.answer(200, body)

    engine.on("GET /containers/web/top", large)
    with manager.connect(receive_buffer=4096) as client:
        for _ in range(40):
            client.request("GET", TOP)
        client.half_close()
        for _ in range(40):
            assert client.answer().body == body
        assert client.is_closed


def test_the_engines_connection_is_kept(
    manager: RunningManager, client: Client, engine: FakeEngine
) -> None:
    engine.on("GET /containers/web/top", _processes)
    assert client.ask("GET", TOP).status == 200
    before = engine.connection_count
    for _ in range(5):
        with manager.connect() as leaving:
            leaving.request("GET", TOP)
            leaving.half_close()
            assert leaving.answer().status == 200
            assert leaving.is_closed
    # One more is dialled if the engine is pinged in the same moment.
    assert engine.connection_count <= before + 1


# The engine decides what ends


async def _until_the_client_ends(call: Call) -> None:
    """As an engine answers what it would go on with: first nothing more comes, then it ends."""
    if call.asked.method == "POST":
        await call.read_body()
    await call.chunked([b'{"first": 1}\n'], end=False)
    assert await call.reader.read() == b""
    last = b'{"last": 1}\n'
    await call.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(last), last))
    call.writer.close()


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/containers/web/logs?follow=1&stdout=1"),
        ("GET", "/containers/web/stats"),
        ("POST", "/containers/web/wait"),
        ("POST", "/images/busybox/push"),
    ],
)
@pytest.mark.parametrize("when", ["at-once", "later"])
def test_what_has_no_end_of_its_own_ends_as_the_engine_ends_it(
    client: Client, manager: RunningManager, engine: FakeEngine, method: str, target: str, when: str
) -> None:
    engine.images = [{"Id": "sha256:" + "a" * 64, "RepoTags": ["busybox:latest"]}]
    manager.settle()
    engine.on(f"{method} /(containers/web|images/busybox)/.*", _until_the_client_ends)
    client.request(method, target, b"" if method == "POST" else None)
    if when == "at-once":
        client.half_close()
        answer = client.answer()
        assert answer.status == 200
        assert answer.body == b'{"first": 1}\n{"last": 1}\n'
        assert answer.whole
    else:
        assert client.head()[0] == 200
        client.half_close()
        assert client.rest().endswith(b'{"last": 1}\n\r\n0\r\n\r\n')
    assert client.is_closed
    # The engine's connection has had its end, too: the next request must not be sent over it.
    engine.forget_scripts()
    with manager.connect() as other:
        assert other.ask("GET", "/containers/web/json").status == 200


# The slow lane


def test_events_end_behind_the_past(
    client: Client, manager: RunningManager, engine: FakeEngine
) -> None:
    event = {"Type": "container", "Action": "start", "Actor": {"ID": WEB_ID}, "time": 5}

    async def past(call: Call) -> None:
        await asyncio.sleep(0.1)
        await call.chunked([json.dumps(event).encode() + b"\n"])

    engine.on(r"GET /events\?.*", past)
    client.request("GET", "/events?since=1")
    client.half_close()
    answer = client.answer()
    assert answer.status == 200
    assert answer.whole
    first = json.loads(answer.body.splitlines()[0])
    assert first["Actor"]["ID"] == WEB_ID
    assert client.is_closed
    until(lambda: _listeners(manager) == 0, "nobody listens")


def test_live_events_end(client: Client, manager: RunningManager) -> None:
    client.request("GET", "/events")
    assert client.head()[0] == 200
    assert _listeners(manager) == 1
    client.half_close()
    assert client.rest() == b"0\r\n\r\n"
    until(lambda: _listeners(manager) == 0, "nobody listens")


def _listeners(manager: RunningManager) -> int:
    return int(manager.thread.call(lambda: manager.fleet.broker.subscriber_count))


@pytest.mark.parametrize(
    "target", ["/images/create?fromImage=busybox", "/build", "/plugins/pull?remote=x"]
)
@pytest.mark.parametrize("when", ["before", "behind"])
def test_what_is_done_for_the_client_alone_is_given_up(
    client: Client, engine: FakeEngine, target: str, when: str
) -> None:
    """``docker pull``, ``docker build``: an interrupted client ends its half first, or alone."""
    given_up = threading.Event()

    async def work(call: Call) -> None:
        await call.read_body()
        if when == "behind":
            await call.chunked([b'{"status": "begun"}\n'], end=False)
        with contextlib.suppress(ConnectionError):
            await call.reader.read()
        given_up.set()
        raise ConnectionResetError

    engine.on(f"POST {target.partition('?')[0]}.*", work)
    client.request("POST", target, b"")
    if when == "behind":
        until(lambda: any(asked.method == "POST" for asked in engine.asked), "asked")
    client.half_close()
    answer = client.answer()
    if answer.status == 500:
        assert answer.message == CANCELED
    else:
        assert answer.whole
        assert json.loads(answer.body.splitlines()[-1])["errorDetail"] == {"message": CANCELED}
    assert client.is_closed
    assert when == "before" or given_up.wait(5)


@pytest.mark.parametrize("target", ["/images/load", "/images/create?fromSrc=-&repo=x"])
def test_what_has_all_arrived_is_loaded(client: Client, engine: FakeEngine, target: str) -> None:
    async def load(call: Call) -> None:
        assert await call.read_body() == b"a tar"
        await asyncio.sleep(0.2)
        await call.chunked([b'{"stream": "Loaded"}\n'])

    engine.on(f"POST {target.partition('?')[0]}.*", load)
    client.request("POST", target, b"a tar")
    client.half_close()
    answer = client.answer()
    assert answer.status == 200
    assert b"Loaded" in answer.body
    assert answer.whole


def test_a_create_is_answered(client: Client, engine: FakeEngine) -> None:
    async def create(call: Call) -> None:
        await call.read_body()
        await asyncio.sleep(0.2)
        await call.json({"Id": "d" * 64, "Warnings": []}, 201)

    engine.on(r"POST /containers/create.*", create)
    client.request("POST", "/containers/create", b'{"Image": "busybox"}')
    client.half_close()
    assert client.answer().status == 201


def test_a_create_that_takes_long_is_given_up(
    client: Client, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("master.api.containers._PATIENCE_S", 0.3)
    given_up = threading.Event()

    async def create(call: Call) -> None:
        await call.read_body()
        with contextlib.suppress(ConnectionError):
            await call.reader.read()
        given_up.set()
        raise ConnectionResetError

    engine.on(r"POST /containers/create.*", create)
    client.request("POST", "/containers/create", b'{"Image": "busybox"}')
    client.half_close()
    assert client.answer().message == CANCELED


# The dead are noticed


@pytest.mark.parametrize("target", [TOP, "/containers/create"])
def test_a_client_that_dies_after_it_is_noticed(
    manager: RunningManager, engine: FakeEngine, target: str
) -> None:
    engine.forget_scripts()
    noticed = threading.Event()

    async def hang(call: Call) -> None:
        await call.read_body()
        with contextlib.suppress(ConnectionError):
            await call.reader.read()
        noticed.set()
        raise ConnectionResetError

    engine.on(r"(GET /containers/web/top|POST /containers/create.*)", hang)
    client = manager.connect()
    method = "GET" if target == TOP else "POST"
    client.request(method, target, b'{"Image": "busybox"}' if method == "POST" else None)
    until(lambda: any("top" in asked.path or asked.method == "POST" for asked in engine.asked), "?")
    client.half_close()
    assert not noticed.wait(0.3)
    client.kill()
    assert noticed.wait(5)
