"""Relayed requests: what the engine is asked, what the client gets, who waits and who lets go."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from engine.transport import _Answer
from tests.fakes.client import Client, until
from tests.fakes.engine import WEB_ID, Asked, Call, FakeEngine
from tests.fakes.manager import RunningManager, running_engines, running_manager
from tests.fakes.usage import usage

pytestmark = pytest.mark.contract

ADDED = "decade" + "0" * 58
MB = 1 << 20


def asked_for(engine: FakeEngine, end: str) -> Asked:
    """The last request whose path ends so; waits for it."""
    until(lambda: any(asked.path.endswith(end) for asked in engine.asked), f"asked for {end}")
    return [asked for asked in engine.asked if asked.path.endswith(end)][-1]


def busy(manager: RunningManager, engine: FakeEngine) -> int:
    """Connections to the engine that carry a relayed request (not the manager's own)."""
    connections = manager.thread.call(lambda: list(manager.pool(engine)._busy))
    return sum(not isinstance(connection._exchange, _Answer) for connection in connections)


def fronts(manager: RunningManager) -> list[Any]:
    """The manager's ends of its clients' connections."""
    return list(manager.runtime.server.server_state.connections)


# What the engine is asked


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("/v1.30/containers/web/top?ps_args=a%20b&x", "/v1.30/containers/web/top?ps_args=a%20b&x"),
        ("/containers/web/top", "/v1.43/containers/web/top"),
        (f"/containers/{WEB_ID[:6]}/top", f"/v1.43/containers/{WEB_ID[:6]}/top"),
        ("/containers/%2Fweb/top", f"/v1.43/containers/{WEB_ID}/top"),
        ("/containers/dockerhost01/web/top", f"/v1.43/containers/{WEB_ID}/top"),
        ("/containers/dockerhost01%2Fweb/top", f"/v1.43/containers/{WEB_ID}/top"),
    ],
)
def test_the_reference_is_made_one_that_the_engine_understands(
    client: Client, engine: FakeEngine, target: str, seen: str
) -> None:
    client.ask("GET", target)
    assert asked_for(engine, "/top").target == seen


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("container=web&container=nope", 201),
        ("container=nope&container=web", 404),
        ("container=&container=nope", 201),  # an engine's affair, which finds none
    ],
)
def test_of_a_container_named_twice_the_first_counts(
    client: Client, engine: FakeEngine, query: str, status: int
) -> None:
    async def commit(call: Call) -> None:
        await call.read_body()
        await call.json({"Id": "sha256:1"}, 201)

    engine.on("POST /commit.*", commit)
    assert client.ask("POST", f"/commit?{query}", b"{}").status == status


def test_of_a_tag_named_twice_the_first_decides_who_pushes() -> None:
    first, second = FakeEngine(), FakeEngine(name="dockerhost02")
    for number, engine in enumerate((first, second)):
        digest = f"sha256:{number:064x}"
        engine.images = [{"Id": digest, "RepoTags": [f"busybox:{number}"], "Created": 1}]

    async def push(call: Call) -> None:
        await call.read_body()
        await call.json({})

    for engine in (first, second):
        engine.on("POST /images/busybox/push.*", push)
    with running_engines(first, second), running_manager(first, second) as manager:
        for tags, one in (("0&tag=1", first), ("1&tag=0", second)):
            with manager.connect() as client:
                assert client.ask("POST", f"/images/busybox/push?tag={tags}", b"").status == 200
            assert one.asked[-1].target.endswith(f"/images/busybox/push?tag={tags}")


def test_headers_pass_except_those_of_one_connection(client: Client, engine: FakeEngine) -> None:
    client.ask(
        "GET",
        "/containers/web/top",
        None,
        "X-Registry-Auth: abc=",
        "X-Twice: 1",
        "x-twice: 2",
        "Connection: Keep-Alive",
        "Keep-Alive: timeout=5",
    )
    asked = asked_for(engine, "/top")
    assert asked.headers == [
        ("Host", "docker"),
        ("X-Registry-Auth", "abc="),
        ("X-Twice", "1"),
        ("x-twice", "2"),
    ]


def test_an_answer_passes_as_it_came(client: Client, engine: FakeEngine) -> None:
    async def odd(call: Call) -> None:
        await call.send(
            b"HTTP/1.1 418 I'm a teapot\r\nX-Odd:  kept \r\nx-odd: twice\r\nKeep-Alive: 5\r\n"
            b"Content-Length: 4\r\n\r\n\x00\xff\r\n"
        )

    engine.on("GET /containers/web/top", odd)
    client.request("GET", "/containers/web/top")
    expected = (
        b"HTTP/1.1 418 I'm a teapot\r\nX-Odd: kept\r\nx-odd: twice\r\nContent-Length: 4\r\n\r\n"
        b"\x00\xff\r\n"
    )
    assert client.exactly(len(expected)) == expected


def test_chunks_pass_as_they_were_cut(client: Client, engine: FakeEngine) -> None:
    framed = b"3;ext=1\r\nabc\r\n01\r\nd\r\n0\r\nTrailer: x\r\n\r\n"

    async def answer(call: Call) -> None:
        await call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for byte in framed:
            await call.send(bytes([byte]))

    engine.on("GET /containers/web/top", answer)
    client.request("GET", "/containers/web/top")
    assert client.head()[0] == 200
    assert client.exactly(len(framed)) == framed
    assert client.ask("GET", "/_ping").status == 200


def test_a_body_passes_in_its_own_framing(client: Client, engine: FakeEngine) -> None:
    async def read(call: Call) -> None:
        assert await call.read_body() == b"abcd"
        await call.answer(200)

    engine.on("PUT /containers/web/archive.*", read)
    client.request("PUT", "/containers/web/archive?path=/", None, "Transfer-Encoding: chunked")
    client.send(b"3\r\nabc\r\n")
    client.send(b"1\r\nd\r\n0\r\n\r\n" + b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.answer().status == 200
    assert client.answer().body == b"OK"


def test_head_of_an_archive_has_its_length_and_no_body(client: Client, engine: FakeEngine) -> None:
    async def stat(call: Call) -> None:
        await call.head(200, "X-Docker-Container-Path-Stat: e30=", "Content-Length: 77")

    engine.on("HEAD /containers/web/archive.*", stat)
    for _ in range(2):
        client.request("HEAD", "/containers/web/archive?path=/etc")
        answer = client.answer("HEAD")
        assert answer.header("x-docker-container-path-stat") == "e30="
        assert answer.header("content-length") == "77"
    assert client.ask("GET", "/_ping").status == 200


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
        time.sleep(0.1)
        assert busy(manager, engine) == 0  # its last answer is complete, on our side
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


# Kept-alive connections


def test_connections_to_the_engine_are_kept(
    client: Client, manager: RunningManager, engine: FakeEngine
) -> None:
    client.ask("GET", "/containers/web/top")
    before = engine.connection_count
    for _ in range(20):
        assert client.ask("GET", "/containers/web/json").status == 200
        assert client.ask("POST", "/containers/web/kill", b"").status == 204
    assert engine.connection_count - before <= 1  # the refresh after a kill may want one more


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
def test_a_get_over_a_stale_connection_is_asked_again(
    client: Client, engine: FakeEngine, reset: bool
) -> None:
    cut = 0

    async def once(call: Call) -> None:
        nonlocal cut
        if not cut:
            cut += 1
            call.cut(reset=reset)
        else:
            await call.json({"again": True})

    assert client.ask("GET", "/containers/web/top").status == 204
    engine.on("GET /containers/web/top", once)
    assert client.ask("GET", "/containers/web/top").json() == {"again": True}


def test_a_post_is_never_asked_again(client: Client, engine: FakeEngine) -> None:
    async def cut(call: Call) -> None:
        call.cut()

    assert client.ask("GET", "/containers/web/top").status == 204
    engine.on("POST /containers/web/kill", cut)
    assert client.ask("POST", "/containers/web/kill", b"").status == 500
    assert sum(asked.path.endswith("/kill") for asked in engine.asked) == 1


def test_unasked_bytes_end_a_kept_connection(client: Client, engine: FakeEngine) -> None:
    async def two(call: Call) -> None:
        await call.answer(200, b"one")
        await call.answer(200, b"two")

    engine.on("GET /containers/web/top", two)
    for _ in range(3):
        assert client.ask("GET", "/containers/web/top").body == b"one"


# Who lets go


@pytest.mark.parametrize("route", ["wait", "logs?follow=1"])
@pytest.mark.parametrize("how", ["close", "kill"])
@pytest.mark.parametrize("begun", [False, True], ids=["no-answer-yet", "answer-begun"])
def test_a_client_that_leaves_cancels_the_engines_request(
    manager: RunningManager, client: Client, engine: FakeEngine, route: str, how: str, begun: bool
) -> None:
    left = threading.Event()

    async def endless(call: Call) -> None:
        if begun:
            await call.chunked([b"{}"], end=False)
        call.body_read = True
        try:
            while await call.reader.read(65536):
                pass
        finally:
            left.set()

    engine.on("(GET|POST) /containers/web/(wait|logs).*", endless)
    with manager.connect() as other:
        other.request("POST" if route == "wait" else "GET", f"/containers/web/{route}")
        if begun:
            assert other.head()[0] == 200
        else:
            asked_for(engine, route.partition("?")[0])
        (other.kill if how == "kill" else other.sock.close)()
    assert left.wait(1.0)
    until(lambda: busy(manager, engine) == 0, "connections given back", 1.0)


def test_a_client_that_dies_while_it_waits_for_the_engine_to_read_is_noticed(
    manager: RunningManager, client: Client, engine: FakeEngine
) -> None:
    async def never_read(call: Call) -> None:
        call.reader._limit = 1  # not even into the fake's own buffer
        call.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(60)

    engine.on("PUT /containers/web/archive.*", never_read)
    with manager.connect() as other:
        other.request("PUT", "/containers/web/archive?path=/", None, f"Content-Length: {900 * MB}")
        other.flood()
        assert busy(manager, engine) == 1
        other.kill()
    until(lambda: busy(manager, engine) == 0, "the engine's request dropped", 5.0)


# Edits


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_inspect_gains_its_node_and_reachable_ports(
    client: Client, engine: FakeEngine, framing: str
) -> None:
    ports = {
        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8"}, {"HostIp": "::", "HostPort": "8"}],
        "81/tcp": [{"HostIp": "127.0.0.1", "HostPort": "9"}],
        "82/tcp": None,
    }
    body = b'{"Id": "x", "Unknown": {"n": 1.5}, "NetworkSettings": {"Ports": %s}}' % (
        str(ports).replace("'", '"').replace("None", "null").encode()
    )

    async def inspect(call: Call) -> None:
        if framing == "length":
            await call.answer(200, body)
        elif framing == "chunked":
            await call.chunked([body[:7], body[7:8], body[8:]])
        else:
            call.taken_over = True
            await call.head(200, "Content-Type: application/json")
            await call.send(body)

    engine.on("GET /containers/web/json", inspect)
    for _ in range(2):
        answer = client.ask("GET", "/containers/web/json")
        found = answer.json()
        assert found["Node"]["Name"] == "dockerhost01"
        assert found["Node"]["Addr"] == engine.address
        assert found["Unknown"] == {"n": 1.5}
        assert found["NetworkSettings"]["Ports"] == {
            "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8"}],
            "81/tcp": [{"HostIp": "127.0.0.1", "HostPort": "9"}],
            "82/tcp": None,
        }
        assert answer.header("transfer-encoding") == ""


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b"null"])
def test_an_inspect_that_is_no_object_passes_as_it_is(
    client: Client, engine: FakeEngine, body: bytes
) -> None:
    async def inspect(call: Call) -> None:
        await call.answer(200, body)

    engine.on("GET /containers/web/json", inspect)
    assert client.ask("GET", "/containers/web/json").body == body


def test_an_engines_refusal_passes_in_its_own_words(client: Client, engine: FakeEngine) -> None:
    async def gone(call: Call) -> None:
        await call.json({"message": "No such container: web, says the engine"}, 404)

    engine.on("GET /containers/web/json", gone)
    answer = client.ask("GET", "/containers/web/json")
    assert (answer.status, answer.message) == (404, "No such container: web, says the engine")
    assert client.ask("GET", "/_ping").status == 200


def test_too_large_an_answer_to_edit_is_an_error(
    client: Client, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("master.proxy.exchanges.COLLECT_LIMIT", 1000)

    async def inspect(call: Call) -> None:
        await call.chunked([b"x" * 600, b"x" * 600, b"x" * 600])

    engine.on("GET /containers/web/json", inspect)
    answer = client.ask("GET", "/containers/web/json")
    assert answer.status == 500
    assert "too large" in answer.message
    assert client.ask("GET", "/_ping").status == 200


def test_an_edit_that_fails_is_an_answer_and_not_a_hang(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr("master.proxy.edits.add_node", fail)
    answer = client.ask("GET", "/containers/web/json")
    assert (answer.status, answer.message) == (
        500,
        "the manager failed to answer; its log says why",
    )


# Execs


def test_an_exec_is_found_by_its_id_alone(client: Client, engine: FakeEngine) -> None:
    exec_id = client.ask("POST", "/containers/web/exec", b'{"Cmd":["true"]}').json()["Id"]
    before = len(engine.asked)
    assert client.ask("GET", f"/exec/{exec_id}/json").json()["ContainerID"] == WEB_ID
    assert [asked.path for asked in engine.asked[before:]] == [f"/v1.43/exec/{exec_id}/json"]


def test_an_exec_made_behind_our_back_is_looked_for(client: Client, engine: FakeEngine) -> None:
    engine.execs["beef"] = {"ID": "beef", "ContainerID": WEB_ID}
    for _ in range(2):
        assert client.ask("GET", "/exec/beef/json").json()["ID"] == "beef"
    # Asked for once to find it, then once for each client.
    assert sum(asked.path.endswith("/exec/beef/json") for asked in engine.asked) == 3


def test_an_unknown_exec_is_not_found(client: Client) -> None:
    answer = client.ask("GET", "/exec/nope/json")
    assert (answer.status, answer.message) == (404, "No such exec instance: nope")


# Engines that fail


def test_a_hung_engines_requests_fail_when_it_becomes_unhealthy_and_it_comes_back() -> None:
    good, bad = FakeEngine("good"), FakeEngine("bad")
    good.add_container(WEB_ID, "here")
    bad.add_container(ADDED, "there")
    with running_engines(good, bad) as engines, running_manager(good, bad) as manager:
        engines.call(bad.hang)
        started = time.monotonic()
        with manager.connect(timeout_s=30) as stuck, manager.connect() as other:
            stuck.request("GET", "/containers/there/json")
            assert other.ask("GET", "/containers/here/json").status == 200
            answer = stuck.answer()
            assert answer.status == 500
            assert answer.message.startswith("node bad does not answer: ")
            assert time.monotonic() - started < 15
            refused = stuck.ask("GET", "/containers/there/json")
            assert refused.message == "Container there running on unhealthy node bad"
            engines.call(bad.wake)
            until(lambda: stuck.ask("GET", "/containers/there/json").status == 200, "back", 15)


def test_a_restarted_engine_is_used_again() -> None:
    engine = FakeEngine()
    engine.add_container(WEB_ID, "web")
    with (
        running_engines(engine) as engines,
        running_manager(engine) as manager,
        manager.connect() as client,
    ):
        assert client.ask("GET", "/containers/web/json").status == 200
        engines.run(engine.restart())
        until(lambda: client.ask("GET", "/containers/web/json").status == 200, "back", 5)


def test_an_engine_behind_a_unix_socket(tmp_path: Path) -> None:
    engine = FakeEngine(unix_path=str(tmp_path / "docker.sock"))
    engine.add_container(WEB_ID, "web")
    with running_engines(engine), running_manager(engine) as manager, manager.connect() as client:
        assert client.ask("GET", "/containers/web/json").json()["Id"] == WEB_ID


def test_a_manager_behind_a_unix_socket(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.add_container(WEB_ID, "web")
    path = str(tmp_path / "swarm.sock")
    with (
        running_engines(engine),
        running_manager(engine, unix_path=path) as manager,
        manager.connect() as client,
    ):
        assert client.ask("GET", "/_ping").status == 200
        assert client.ask("GET", "/containers/web/json").json()["Id"] == WEB_ID
