"""The front as clients meet it: heads, lanes, limits, refusals, on one connection after another."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import pytest

from tests.fakes.client import Client, until
from tests.fakes.engine import WEB_ID, Call, FakeEngine
from tests.fakes.loop import LoopThread
from tests.fakes.manager import running_manager

pytestmark = pytest.mark.contract


PING = b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"
TOP = b"GET /v1.41/containers/web/top HTTP/1.1\r\nHost: x\r\n\r\n"


async def _processes(call: Call) -> None:
    await call.json({"Processes": [["1"]]})


# Heads


@pytest.mark.parametrize("head", [PING, TOP], ids=["asgi", "relay"])
def test_a_head_may_come_byte_by_byte(client: Client, engine: FakeEngine, head: bytes) -> None:
    engine.on("GET /containers/web/top", _processes)
    for byte in head:
        client.send(bytes([byte]))
    assert client.answer().status == 200


@pytest.mark.parametrize("head", [PING, TOP], ids=["asgi", "relay"])
def test_lines_may_end_in_bare_line_feeds(client: Client, engine: FakeEngine, head: bytes) -> None:
    engine.on("GET /containers/web/top", _processes)
    client.send(head.replace(b"\r\n", b"\n"))
    assert client.answer().status == 200


def test_line_ends_before_a_head_are_skipped(client: Client) -> None:
    client.send(PING + b"\r\n\n\n" + PING)
    assert client.answer().status == client.answer().status == 200


def test_a_flood_of_line_ends_costs_nothing(client: Client) -> None:
    started = time.monotonic()
    client.send(b"\n" * 4_000_000 + PING)
    assert client.answer().status == 200
    assert time.monotonic() - started < 10


def test_pipelined_requests_are_answered_in_order(client: Client, engine: FakeEngine) -> None:
    async def late(call: Call) -> None:
        await asyncio.sleep(0.1)
        await _processes(call)

    engine.on("GET /containers/web/top", late)
    client.send((TOP + PING) * 3 + b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" + TOP)
    bodies = [client.answer().body for _ in range(8)]
    top, ok, unknown = b'{"Processes": [["1"]]}\n', b"OK", b'{"message":"page not found"}\n'
    assert bodies == [top, ok, top, ok, top, ok, unknown, top]


def test_a_head_that_comes_while_another_is_answered_is_found(
    client: Client, engine: FakeEngine
) -> None:
    release = threading.Event()

    async def wait(call: Call) -> None:
        await asyncio.to_thread(release.wait, 10)
        await _processes(call)

    engine.on("GET /containers/web/top", wait)
    client.send(TOP)
    until(lambda: any(asked.path.endswith("/top") for asked in engine.asked), "asked")
    # Its head in three pieces: before, around and after the end of the answer in front of it.
    client.send(PING[:7])
    time.sleep(0.02)
    client.send(PING[7:-2])
    release.set()
    client.send(PING[-2:])
    assert client.answer().body.startswith(b'{"Processes"')
    assert client.answer().body == b"OK"


def test_both_lanes_take_turns_on_one_connection(client: Client, engine: FakeEngine) -> None:
    for _ in range(5):
        assert client.ask("GET", "/_ping").body == b"OK"
        assert client.ask("GET", "/containers/web/json").json()["Node"]["Name"] == engine.name
        assert client.ask("GET", "/v1.40/containers/json").json()[0]["Id"] == WEB_ID
        assert client.ask("GET", "/swarm").status == 503


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        pytest.param(b"GARBAGE\r\n\r\n", 400, "malformed HTTP request", id="no-request"),
        pytest.param(b"GET /a b HTTP/1.1\r\n\r\n", 400, "malformed HTTP request", id="space"),
        pytest.param(b"GET /\x00 HTTP/1.1\r\n\r\n", 400, "malformed HTTP request", id="nul"),
        pytest.param(b"GET / HTTP/2.0\r\n\r\n", 505, "unsupported HTTP version", id="http2"),
        pytest.param(b"GET / HTTP/1.1\r\n: x\r\n\r\n", 400, "malformed HTTP header", id="no-name"),
        pytest.param(
            b"GET / HTTP/1.1\r\nA : x\r\n\r\n", 400, "malformed HTTP header", id="space-name"
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nA: x\r\n b\r\n\r\n", 400, "malformed HTTP header", id="folded"
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nA: x\rb\r\n\r\n", 400, "invalid header value", id="carriage-return"
        ),
        pytest.param(
            b"GET example.com/ HTTP/1.1\r\n\r\n", 400, "malformed HTTP request target", id="target"
        ),
        pytest.param(
            b"POST /containers/web/kill HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
            "bad Content-Length",
            id="two-lengths",
        ),
        pytest.param(
            b"POST /containers/web/kill HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            400,
            "bad Content-Length",
            id="negative-length",
        ),
        pytest.param(
            b"POST /containers/create HTTP/1.1\r\nContent-Length: 1\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n",
            400,
            "both Content-Length and Transfer-Encoding",
            id="length-and-chunked",
        ),
        pytest.param(
            b"POST /containers/create HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "Transfer-Encoding in an HTTP/1.0 request",
            id="chunked-1.0",
        ),
        pytest.param(
            b"POST /containers/create HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            501,
            "unsupported transfer encoding",
            id="gzip",
        ),
    ],
)
def test_what_is_no_request_is_refused_and_ends_the_connection(
    client: Client, sent: bytes, status: int, message: str
) -> None:
    client.send(sent)
    answer = client.answer()
    assert (answer.status, answer.message) == (status, message)
    assert answer.header("connection") == "close"
    assert client.is_closed


@pytest.mark.parametrize(
    "path", ["/containers/create", "/containers/web/kill", "/build", "/secrets/create"]
)
def test_a_broken_chunk_is_refused(client: Client, engine: FakeEngine, path: str) -> None:
    async def read(call: Call) -> None:
        await call.read_body()

    engine.on("POST /containers/web/kill", read)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    client.send(head.encode() + b"3\r\nabc\r\nzz\r\n")
    answer = client.answer()
    if path == "/secrets/create":  # refused before its body was looked at
        assert answer.status == 503
    else:
        assert (answer.status, answer.message) == (400, "invalid byte in chunk length")
    assert client.is_closed


def test_a_large_head_is_taken(client: Client) -> None:
    client.send(PING[:-2] + b"X-Large: " + b"a" * 900_000 + b"\r\n\r\n")
    assert client.answer().status == 200


@pytest.mark.parametrize("ended", [True, False])
def test_too_large_a_head_is_refused_and_the_client_sees_why(client: Client, ended: bool) -> None:
    end = b"\r\n\r\n" if ended else b""
    client.send(PING[:-2] + b"X-Large: ")
    for _ in range(25):
        client.send(b"a" * 100_000)
        time.sleep(0.01)  # the refusal is there before the head is sent
    client.send(end)
    answer = client.answer()
    assert (answer.status, answer.message) == (431, "request header fields too large")
    assert client.is_closed


def test_a_name_of_a_megabyte_is_just_unknown(client: Client) -> None:
    name = "a" * 1_000_000
    answer = client.ask("GET", f"/containers/{name}/json")
    assert answer.status == 404
    assert answer.message.startswith("No such container: aaaa")
    assert client.ask("GET", "/_ping").status == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/containers/json?filters=%7B%22id%22:%5B%22{}%22%5D%7D", 200),
        ("/networks/{}", 404),
        ("/volumes/{}", 404),
    ],
)
def test_a_long_target_is_read_in_the_slow_lane_too(
    client: Client, target: str, status: int
) -> None:
    """As one is that filters by a thousand IDs."""
    assert client.ask("GET", target.format("f" * 500_000)).status == status
    assert client.ask("GET", "/_ping").status == 200


def test_a_length_that_is_said_twice_counts_once(client: Client) -> None:
    client.request("POST", "/networks/create", None, *["Content-Length: 2"] * 2)
    client.send(b"[]" + PING)
    assert client.answer().message == "invalid JSON: the request body is not an object"
    assert client.answer().status == 200


@pytest.mark.parametrize("framing", ["Content-Length: 99", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("target", ["/containers/create", "/images/load", "/containers/web/kill"])
def test_who_ends_its_half_in_the_middle_of_a_body_is_told(
    client: Client, engine: FakeEngine, target: str, framing: str
) -> None:
    async def read(call: Call) -> None:
        await call.read_body()
        await call.answer(204)

    engine.on("POST /containers/web/kill", read)
    engine.on("POST /images/load", read)
    client.request("POST", target, None, framing)
    client.send(b"4\r\n{   \r\n")
    client.half_close()
    answer = client.answer()
    assert (answer.status, answer.message) == (400, "unexpected EOF")
    assert client.is_closed


def test_of_a_parameter_given_twice_the_first_counts(client: Client) -> None:
    assert client.ask("GET", "/containers/json?limit=1&limit=x").status == 200
    assert client.ask("GET", "/containers/json?limit=x&limit=1").status == 400


# Versions, paths, refusals


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "/v1.0/info",
            (
                "client version 1.0 is too old. Minimum supported API version is 1.24, "
                "please upgrade your client to a newer version"
            ),
        ),
        ("/v1.99/info", "client version 1.99 is too new. Maximum supported API version is 1.43"),
        ("/v1.99/containers/web/top", None),
        ("/v1.99/swarm", None),
        ("/v2/info", None),
        ("/v999999999999999999999.1/info", None),
    ],
)
def test_a_version_that_nobody_speaks_is_refused(
    client: Client, path: str, message: str | None
) -> None:
    answer = client.ask("GET", path)
    assert answer.status == 400
    assert message is None or answer.message == message
    assert client.ask("GET", "/_ping").status == 200


@pytest.mark.parametrize(
    "target",
    ["/nope", "/v1.99/nope", "/v1.41", "/", "//", "/v1.41/", "/containers/web/nope", "/%00", "*"],
)
def test_an_unknown_path_is_not_found_as_json(client: Client, target: str) -> None:
    answer = client.ask("GET", target)
    assert (answer.status, answer.message) == (404, "page not found")
    assert answer.header("api-version") == "1.43"
    assert answer.header("server").startswith("Swarm/")
    assert answer.header("date") != ""


@pytest.mark.parametrize(
    "target",
    ["/containers/..%2f..%2finfo/json", "/containers/../info/json", "/containers/%00/json"],
)
def test_a_path_that_tries_tricks_is_an_unknown_container(client: Client, target: str) -> None:
    answer = client.ask("GET", target)
    assert answer.status == 404
    assert answer.message.startswith("No such container: ")


def test_a_method_that_a_path_does_not_have_is_not_found(client: Client) -> None:
    assert client.ask("PATCH", "/info").status == 404


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("GET", "/swarm", 503), ("POST", "/secrets/create", 503), ("GET", "/images/viz", 501)],
)
def test_refused_routes_answer_json_and_keep_the_connection(
    client: Client, method: str, target: str, status: int
) -> None:
    answer = client.ask(method, target, b'{"a": 1}' if method == "POST" else None)
    assert answer.status == status
    assert answer.message
    assert client.ask("GET", "/_ping").status == 200


def test_a_refused_upload_is_read_so_that_its_answer_is_seen(client: Client) -> None:
    client.request("POST", "/secrets/create", None, f"Content-Length: {50 << 20}")
    for _ in range(50):
        client.send(b"x" * (1 << 20))
    assert client.answer().status == 503
    assert client.ask("GET", "/_ping").status == 200


def test_a_proxy_style_target_is_understood(client: Client) -> None:
    assert client.ask("GET", "http://docker:2375/_ping").status == 200


def test_head_has_headers_and_no_body(client: Client) -> None:
    client.send(b"HEAD /_ping HTTP/1.1\r\nHost: x\r\n\r\n" + PING)
    answer = client.answer("HEAD")
    assert answer.status == 200
    assert answer.header("api-version") == "1.43"
    assert client.answer().body == b"OK"


def test_head_of_an_unknown_path_has_no_body(client: Client) -> None:
    client.send(b"HEAD /nope HTTP/1.1\r\nHost: x\r\n\r\n" + PING)
    assert client.answer("HEAD").status == 404
    assert client.answer().body == b"OK"


# The connection's end


@pytest.mark.parametrize(
    "target", ["/_ping", "/swarm", "/containers/web/json", "/containers/web/top"]
)
@pytest.mark.parametrize("how", ["close", "1.0", "1.0-keep-alive"])
def test_the_last_request_closes_the_connection(
    client: Client, engine: FakeEngine, target: str, how: str
) -> None:
    engine.on("GET /containers/web/top", _processes)
    headers = {"close": ("Connection: close",), "1.0-keep-alive": ("Connection: keep-alive",)}
    version = "1.1" if how == "close" else "1.0"
    client.request("GET", target, None, *headers.get(how, ()), version=version)
    answer = client.answer()
    assert answer.whole
    assert answer.status in (200, 503)
    assert answer.header("connection") == "close"
    assert client.is_closed


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_stream_has_chunks_for_those_who_know_them(
    client: Client, engine: FakeEngine, version: str
) -> None:
    async def past(call: Call) -> None:
        await call.chunked([b'{"Type":"container","Action":"start","time":5}\n'])

    engine.on(r"GET /events\?.*", past)
    client.request("GET", "/events?since=1&until=6", version=version)
    answer = client.answer()
    assert answer.header("transfer-encoding") == ("" if version == "1.0" else "chunked")
    assert answer.header("content-length") == ""
    assert json.loads(answer.body)["Action"] == "start"
    assert version == "1.1" or client.is_closed


@pytest.mark.parametrize("target", ["/images/load", "/images/create?fromSrc=-"])
def test_progress_without_chunks_ends_with_the_connection(
    client: Client, engine: FakeEngine, target: str
) -> None:
    async def load(call: Call) -> None:
        await call.read_body()
        await call.chunked([b'{"stream":"one"}\n', b'{"stream":"two"}\n'])

    engine.on(f"POST {target.partition('?')[0]}.*", load)
    client.request("POST", target, b"tar", version="1.0")
    answer = client.answer()
    assert answer.header("transfer-encoding") == ""
    assert [json.loads(line) for line in answer.body.splitlines()] == [
        {"stream": "one"},
        {"stream": "two"},
    ]


# 100 Continue


@pytest.mark.parametrize("target", ["/containers/create?name=x", "/containers/web/update"])
def test_a_client_that_expects_continue_gets_it(
    client: Client, engine: FakeEngine, target: str
) -> None:
    async def update(call: Call) -> None:
        await call.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await call.read_body() == b"{}"
        await call.json({"Warnings": []})

    engine.on("POST /containers/web/update", update)
    client.request(
        "POST",
        target,
        None,
        "Expect: 100-continue",
        "Content-Length: 2",
        "Content-Type: application/json",
    )
    assert client.answer().status == 100
    client.send(b"{}")
    answer = client.answer()
    assert answer.status == (400 if "create" in target else 200), answer.body
    assert client.ask("GET", "/_ping").status == 200


@pytest.mark.parametrize("target", ["/secrets/create", "/containers/nope/update"])
def test_who_expects_continue_and_is_refused_can_leave_its_body_out(
    client: Client, target: str
) -> None:
    client.request("POST", target, None, "Expect: 100-continue", "Content-Length: 1000000")
    answer = client.answer()
    assert answer.status in (404, 503)
    assert answer.header("connection") == "close"


# The end of the manager


def test_a_graceful_stop_lets_answers_finish_and_closes_idle_connections(
    engine: FakeEngine, engines: LoopThread
) -> None:
    async def late(call: Call) -> None:
        await asyncio.sleep(0.5)
        await _processes(call)

    engine.forget_scripts()
    engine.on("GET /containers/web/top", late)
    with running_manager(engine) as other, other.connect() as idle, other.connect() as busy:
        assert idle.ask("GET", "/_ping").status == 200
        busy.send(TOP)
        until(lambda: any(asked.path.endswith("/top") for asked in engine.asked), "asked")
        other.thread.loop.call_soon_threadsafe(other.runtime.server.stop)
        assert idle.is_closed
        assert busy.answer().status == 200
        assert busy.is_closed


def test_a_stop_does_not_wait_for_ever_for_a_client_that_does_not_read(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(call: Call) -> None:
        await call.chunked([], end=False)
        while True:
            await call.send(b"%x\r\n%s\r\n" % (65536, b"x" * 65536))

    monkeypatch.setattr("master.runtime._SHUTDOWN_GRACE_S", 0.5)
    engine.forget_scripts()
    engine.on("GET /containers/web/top", endless)
    with running_manager(engine) as other, other.connect(receive_buffer=4096) as stuck:
        stuck.send(TOP)
        assert stuck.head()[0] == 200
        started = time.monotonic()
        other.stop()
        assert time.monotonic() - started < 10
    engine.forget_scripts()
