"""Builds over both lanes, against scripted engines: who goes where, and what happens when it ends.

Clients of other addresses are other loopback addresses of this machine.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import orjson
import pytest

from tests.fakes.client import Client, until
from tests.fakes.engine import Call, FakeEngine
from tests.fakes.loop import LoopThread
from tests.fakes.manager import RunningManager, running_manager

pytestmark = pytest.mark.contract

H2C = ("Connection: Upgrade", "Upgrade: h2c")
MB = 1 << 20
LINE = b'{"stream":"Step 1/1 : FROM busybox"}\r\n'


async def stream(call: Call) -> None:
    await call.upgrade()
    await call.echo()


async def build(call: Call) -> None:
    await call.read_body()
    await call.chunked([LINE])


@pytest.fixture(scope="module")
def fleet() -> list[FakeEngine]:
    return [FakeEngine(name="one"), FakeEngine(name="two")]


@pytest.fixture
def manager(engines: LoopThread, fleet: list[FakeEngine]) -> Iterator[RunningManager]:
    for engine in fleet:
        engine.forget_scripts()
        engine.asked.clear()
        engine.on("POST /(grpc|session)", stream)
        engine.on("POST /build.*", build)
    with running_manager(*fleet) as manager:
        yield manager


def connect(manager: RunningManager, source: str = "127.0.0.1") -> Client:
    """A client that comes from *source*."""
    client = manager.connect()
    client.sock.close()
    client.sock = client._io = socket.create_connection(manager.address, 10, (source, 0))
    return client


def upgrade(manager: RunningManager, path: str, *headers: str, source: str = "127.0.0.1") -> Client:
    client = connect(manager, source)
    client.request("POST", path, b"", *H2C, *headers)
    assert client.head()[0] == 101
    client.send(b"preface")
    assert client.exactly(7) == b"preface"
    return client


def homes(fleet: list[FakeEngine], path: str) -> list[str]:
    """The engines that were asked for *path*, once for each time, in no order."""
    return [
        engine.name
        for engine in fleet
        for asked in engine.asked
        if asked.path.endswith(path) and asked.method == "POST"
    ]


def test_all_connections_of_a_client_meet_on_one_engine(
    manager: RunningManager, fleet: list[FakeEngine]
) -> None:
    clients = [upgrade(manager, "/grpc") for _ in range(3)]
    uuid = "X-Docker-Expose-Session-Uuid: abc"
    clients.append(upgrade(manager, "/session", uuid))
    for client in clients:
        client.kill()
    with upgrade(manager, "/v1.41/grpc"):
        asked = homes(fleet, "/grpc") + homes(fleet, "/session")
        assert len(asked) == 5
        assert len(set(asked)) == 1


def test_clients_that_build_at_the_same_time_are_spread(
    manager: RunningManager, fleet: list[FakeEngine]
) -> None:
    sources = "127.0.0.5", "127.0.0.6"
    clients = [upgrade(manager, "/grpc", source=source) for source in sources]
    assert sorted(homes(fleet, "/grpc")) == ["one", "two"]
    for client in clients:
        client.kill()


def test_a_client_whose_engine_is_gone_gets_another(
    manager: RunningManager, fleet: list[FakeEngine], engines: LoopThread
) -> None:
    upgrade(manager, "/grpc").kill()
    (home,) = homes(fleet, "/grpc")
    gone = next(engine for engine in fleet if engine.name == home)
    engines.run(gone.stop())
    try:
        until(lambda: not manager._is_healthy(gone.address), f"{home} is unhealthy", 30)
        upgrade(manager, "/grpc").kill()
    finally:
        engines.run(gone.restart())
    assert sorted(homes(fleet, "/grpc")) == ["one", "two"]


def test_a_session_waits_for_its_build(manager: RunningManager, fleet: list[FakeEngine]) -> None:
    waiting = connect(manager)
    waiting.request("POST", "/session", b"", *H2C, "X-Docker-Expose-Session-Uuid: abc")
    with manager.connect() as client:
        target = '/build?version=2&session=abc&buildargs={"constraint:node":"=two","a":"b"}'
        assert client.ask("POST", target.replace('"', "%22")).status == 200
    assert waiting.head()[0] == 101
    waiting.kill()
    assert homes(fleet, "/session") == homes(fleet, "/build") == ["two"]


def test_an_upload_waits_for_its_build(manager: RunningManager, fleet: list[FakeEngine]) -> None:
    with connect(manager) as upload, manager.connect() as client:
        upload.request("POST", "/build?version=2&buildid=upload-request:7", b"x" * MB)
        target = "/build?version=2&buildid=7&remote=upload-request&buildargs=%7B%22constraint:node"
        assert client.ask("POST", target + "%22:%22=two%22%7D").status == 200
        assert upload.answer("POST").status == 200
    assert homes(fleet, "/build") == ["two", "two"]


def test_a_build_that_contradicts_its_session_says_so(
    manager: RunningManager, fleet: list[FakeEngine]
) -> None:
    uuid = "X-Docker-Expose-Session-Uuid: abc"
    with upgrade(manager, "/grpc") as first, upgrade(manager, "/session", uuid):
        (there,) = homes(fleet, "/session")
        query = f"version=2&session=abc&buildargs=%7B%22constraint:node%22:%22!={there}%22%7D"
        query = query.replace("node%22:%22!=", "node!%22:%22")
        with manager.connect() as client:
            answer = client.ask("POST", f"/build?{query}")
        assert answer.status == 500
        assert f"the session of this build is on node {there}" in answer.message
        first.kill()


def test_a_build_passes_untouched(manager: RunningManager, fleet: list[FakeEngine]) -> None:
    body = bytes(range(256)) * 8192
    with manager.connect() as client:
        target = "/v1.41/build?t=a:1&t=b&odd=%2f%20x&buildargs=%7B%22who%22%3A%22me%22%7D"
        headers = ("X-Registry-Config: e30=", "Content-Type: application/x-tar", "X-Odd: kept")
        answer = client.ask("POST", target, body, *headers)
        assert (answer.status, answer.body) == (200, LINE)
    (asked,) = [asked for engine in fleet for asked in engine.asked if asked.method == "POST"]
    assert asked.target == "/v1.41/build?t=a%3A1&t=b&odd=%2F+x&buildargs=%7B%22who%22%3A%22me%22%7D"
    assert asked.header("x-registry-config") == "e30="
    assert asked.header("content-type") == "application/x-tar"
    assert asked.header("x-odd") == "kept"
    assert asked.body == body


@pytest.mark.parametrize("query", ["t=x", "version=2&buildid=7&session=abc"])
def test_an_engine_that_cannot_be_dialled_is_not_the_last_one(
    manager: RunningManager, fleet: list[FakeEngine], engines: LoopThread, query: str
) -> None:
    with manager.connect() as client:
        assert client.ask("POST", f"/build?{query}", b"tar").status == 200
        (home,) = homes(fleet, "/build")
        gone = next(engine for engine in fleet if engine.name == home)
        engines.run(gone.stop())
        try:
            assert client.ask("POST", f"/build?{query}", b"tar").status == 200
        finally:
            engines.run(gone.restart())
    assert sorted(homes(fleet, "/build")) == ["one", "two"]


def test_an_engine_that_dies_is_told_as_a_failed_build(
    manager: RunningManager, fleet: list[FakeEngine]
) -> None:
    async def dies(call: Call) -> None:
        await call.read_body()
        await call.chunked([LINE], end=False)
        await asyncio.sleep(0.1)
        call.cut()

    for engine in fleet:
        engine.forget_scripts()
        engine.on("POST /build.*", dies)
    with manager.connect() as client:
        answer = client.ask("POST", "/build", b"tar")
        assert answer.status == 200
        first, last = answer.body.splitlines()
        assert first == LINE.strip()
        assert "does not answer" in orjson.loads(last)["error"]


def test_a_refusal_before_the_body_is_passed_on(
    manager: RunningManager, fleet: list[FakeEngine]
) -> None:
    async def refuse(call: Call) -> None:
        await call.json({"message": "no"}, 400)
        await call.read_body()

    for engine in fleet:
        engine.forget_scripts()
        engine.on("POST /build.*", refuse)
    with manager.connect() as client:
        answer = client.ask("POST", "/build", b"x" * (20 * MB))
        assert (answer.status, answer.message) == (400, "no")
    until(lambda: busy(manager, fleet) == 0, "no connection is left")


@pytest.mark.parametrize("moment", ["upload", "quiet", "lines"])
def test_a_client_that_leaves_ends_its_build(
    manager: RunningManager, fleet: list[FakeEngine], moment: str
) -> None:
    begun, over = [], []

    async def endless(call: Call) -> None:
        begun.append(call)
        if moment != "upload":
            await call.read_body()
        if moment == "lines":
            await call.chunked([LINE], end=False)
        try:
            while await call.reader.read(65536):
                pass
        finally:
            over.append(call)

    for engine in fleet:
        engine.forget_scripts()
        engine.on("POST /build.*", endless)
    client = connect(manager)
    if moment == "upload":
        client.send(b"POST /build HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nhalf")
    else:
        client.request("POST", "/build?q=1", b"tar")
    until(lambda: bool(begun), "the build")
    client.kill()
    until(lambda: bool(over), "the end of the build", 5)
    until(lambda: busy(manager, fleet) == 0, "no connection is left")
    until(lambda: reserved(manager) == 0, "no place is left")


def test_nothing_is_left_of_a_hundred_broken_builds(
    manager: RunningManager, fleet: list[FakeEngine]
) -> None:
    with manager.connect() as client:
        assert client.ask("POST", "/build", b"tar").status == 200
    tasks = manager.thread.call(lambda: len(asyncio.all_tasks()))
    ends = [
        b"Content-Length: 99\r\n\r\nhalf",
        b"Content-Length: 10000000000\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\nzz\r\n",
    ]
    for number in range(100):
        client = manager.connect()
        client.send(b"POST /build?version=2&session=%d HTTP/1.1\r\nHost: x\r\n" % number)
        client.send(ends[number % 4])
        client.kill()
    until(lambda: busy(manager, fleet) == 0, "no connection is left")
    until(lambda: reserved(manager) == 0, "no place is left")
    until(lambda: manager.thread.call(lambda: len(asyncio.all_tasks())) <= tasks, "no task is left")


def busy(manager: RunningManager, fleet: list[FakeEngine]) -> int:
    """Builds' connections to engines: each engine's events have one of their own."""
    pools = [manager.pool(engine) for engine in fleet]
    return manager.thread.call(lambda: sum(len(pool._busy) for pool in pools) - len(pools))


def reserved(manager: RunningManager) -> int:
    return manager.thread.call(lambda: len(manager.runtime._manager.placement.reservations))


def test_a_running_build_counts_as_a_container(
    manager: RunningManager, fleet: list[FakeEngine]
) -> None:
    begun = []

    async def endless(call: Call) -> None:
        begun.append(call.engine.name)
        await call.read_body()
        await call.reader.read()

    for engine in fleet:
        engine.forget_scripts()
        engine.on("POST /build.*", endless)
    clients = []
    for number in range(2):
        client = connect(manager)
        client.request("POST", f"/build?t={number}", b"tar")
        clients.append(client)
        until(lambda: len(begun) == len(clients), "the build")
    assert sorted(begun) == ["one", "two"]
    assert reserved(manager) == 2
    for client in clients:
        client.kill()
    until(lambda: reserved(manager) == 0, "no place is left")


def test_cancel_goes_to_the_engine_that_builds_or_to_all(
    manager: RunningManager, fleet: list[FakeEngine]
) -> None:
    async def done(call: Call) -> None:
        await call.answer(200)

    for engine in fleet:
        engine.forget_scripts()
        engine.on("POST /build/cancel.*", done)
        engine.on("POST /build.*", build)
    with manager.connect() as client:
        assert client.ask("POST", "/build?version=2&buildid=7").status == 200
        assert client.ask("POST", "/build/cancel?id=7").status == 200
        assert homes(fleet, "/build/cancel") == homes(fleet, "/build")
        assert client.ask("POST", "/build/cancel?id=8").status == 200
        assert len(homes(fleet, "/build/cancel")) == 3


def test_no_engine_is_a_plain_error(manager: RunningManager, fleet: list[FakeEngine]) -> None:
    with manager.connect() as client:
        target = "/build?buildargs=%7B%22constraint:node%22:%22=three%22%7D"
        assert client.ask("POST", target).status == 500
        bad = client.ask("POST", "/build?buildargs=%7B%22constraint:node%22:%22three%22%7D")
        assert bad.status == 400
    assert homes(fleet, "/build") == []


def test_a_refused_upgrade_is_passed_on(manager: RunningManager, fleet: list[FakeEngine]) -> None:
    async def refuse(call: Call) -> None:
        await call.json({"message": "no session ID provided"}, 400)

    for engine in fleet:
        engine.forget_scripts()
        engine.on("POST /session", refuse)
    with manager.connect() as client:
        client.request("POST", "/session", b"", *H2C)
        answer = client.answer("POST")
        assert (answer.status, answer.message) == (400, "no session ID provided")
        assert client.ask("GET", "/_ping").status == 200
    until(lambda: reserved(manager) == 0, "no place is left")
