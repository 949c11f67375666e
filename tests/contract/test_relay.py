"""Relayed requests: what the engine is asked, what the client gets."""

from __future__ import annotations

import pytest
from relay_tools import asked_for

from tests.fakes.client import Client
from tests.fakes.engine import WEB_ID, Call, FakeEngine
from tests.fakes.manager import running_engines, running_manager

pytestmark = pytest.mark.contract


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
            pushes = [asked.target for asked in one.asked if asked.path.endswith("/push")]
            assert pushes[-1].endswith(f"/images/busybox/push?tag={tags}")


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
    asked = [one.path for one in engine.asked[before:] if not one.path.endswith("/_ping")]
    assert asked == [f"/v1.43/exec/{exec_id}/json"]


def test_an_exec_made_behind_our_back_is_looked_for(client: Client, engine: FakeEngine) -> None:
    engine.execs["beef"] = {"ID": "beef", "ContainerID": WEB_ID}
    for _ in range(2):
        assert client.ask("GET", "/exec/beef/json").json()["ID"] == "beef"
    # Asked for once to find it, then once for each client.
    assert sum(asked.path.endswith("/exec/beef/json") for asked in engine.asked) == 3


def test_an_unknown_exec_is_not_found(client: Client) -> None:
    answer = client.ask("GET", "/exec/nope/json")
    assert (answer.status, answer.message) == (404, "No such exec instance: nope")
