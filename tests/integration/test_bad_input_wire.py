"""What is wrong with the bytes before anybody looks at their meaning: sizes, lengths, silence."""

import time

import pytest
from bad_input_tools import TAR, connect, half_made, uploads
from integration_tools import Api, until

from lab.cluster import Lab
from tests.fakes.client import Client
from tests.fakes.usage import usage

MB = 1 << 20
CREATE = b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = b'{"Image":"nope:1"}'


@pytest.mark.parametrize(
    ("lines", "body", "status"),
    [
        pytest.param(b"Content-Length: 18\r\nContent-Length: 18\r\n", BODY, 404, id="length-twice"),
        pytest.param(b"Content-Length: 18\r\nContent-Length: 9\r\n", BODY, 400, id="two-lengths"),
        pytest.param(b"Content-Length: +18\r\n", BODY, 400, id="sign"),
        pytest.param(b"Content-Length: 0x12\r\n", BODY, 400, id="hexadecimal"),
        pytest.param(b"Content-Length: %s\r\n" % (b"9" * 30), BODY, 400, id="huge-length"),
        pytest.param(b"Transfer-Encoding: gzip\r\n", b"", 501, id="unknown-coding"),
        pytest.param(b"Transfer-Encoding: chunked\r\n", b"12\r\n%s\r\n0\r\n\r\n" % BODY, 404,
                     id="chunked"),
        pytest.param(b"X: %s\r\n" % (b"a" * (2 * MB)), b"", 431, id="long-header"),
        pytest.param(b"X: a\r\n" * 20_000 + b"Content-Length: 18\r\n", BODY, 404,
                     id="twenty-thousand-headers"),
        pytest.param(b"X: a\r\n" * 300_000, b"", 431, id="a-million-headers"),
    ],
)  # fmt: skip
def test_a_head_is_taken_or_refused_as_an_engine_does(
    api: Api, engine: Api, lines: bytes, body: bytes, status: int
) -> None:
    answers = []
    for place in (api, engine):
        with connect(place) as client:
            client.send(CREATE + lines + b"\r\n" + body)
            answers.append(client.answer().status)
    assert answers == [status, status]


def test_a_length_and_chunks_at_once_are_refused(api: Api, engine: Api) -> None:
    """An engine takes the chunks; two readers that differ are how requests are smuggled."""
    sent = CREATE + b"Content-Length: 18\r\nTransfer-Encoding: chunked\r\n\r\n12\r\n%s\r\n0\r\n\r\n"
    with connect(engine) as client:
        client.send(sent % BODY)
        assert client.answer().status == 404
    with connect(api) as client:
        client.send(sent % BODY)
        assert client.answer().status == 400
        assert client.is_closed


@pytest.mark.parametrize(
    "target",
    [
        "/containers/{}/json",
        "/images/{}/json",
        "/networks/{}",
        "/nope/{}",
        "/containers/json?x={}",
        '/containers/json?filters={{"id":["{}"]}}',
    ],
)
def test_an_address_of_900_kilobytes(api: Api, engine: Api, target: str) -> None:
    answers = [place("GET", target.format("a" * 900_000)) for place in (api, engine)]
    assert answers[0].status == answers[1].status


def silent_requests() -> list[bytes]:
    """Heads that promise ten gigabytes, each with a first piece of them."""
    heads = [(*uploads()[verb][:2], TAR.encode()) for verb in uploads()]
    heads.append(("POST", "/containers/create", b"Content-Type: application/json"))
    heads.append(("POST", "/v1.41/containers/web/exec", b"Content-Type: application/json"))
    framings = [
        b"Content-Length: 10000000000\r\n\r\n" + b"{" * 50_000,
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % 10_000_000_000 + b"{" * 50_000,
    ]
    return [
        b"%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n%s" % (method.encode(), path.encode(), kind, framing)
        for method, path, kind in heads
        for framing in framings
    ]


def test_ten_gigabytes_that_never_come_cost_nothing(lab: Lab, api: Api) -> None:
    """They may be silent for as long as they like, as with an engine: a slow disk is no fault."""
    api.create("web", Env=["constraint:node==dockerhost01"])
    assert lab.manager.process is not None
    pid = lab.manager.process.pid
    _silence(api, silent_requests())  # warm
    until(lambda: not half_made(lab), 10, "the end of what was half made")
    before = usage(pid)
    clients = [client for _ in range(5) for client in _begin(api, silent_requests())]
    time.sleep(1)  # what they cost, they cost while they are silent
    assert usage(pid).memory - before.memory < 15 * MB
    assert api("GET", "/_ping").status == 200
    assert api.get("/info")["Containers"] == 1
    for client in clients:
        client.kill()
    until(lambda: not half_made(lab), 10, "the end of what was half made")
    # To each engine one more may be kept for the next call.
    kept = before.sockets + len(lab.engines)
    until(lambda: usage(pid).sockets <= kept, 10, "the end of their connections")


def _begin(api: Api, requests: list[bytes]) -> list[Client]:
    clients = []
    for request in requests:
        client = connect(api)
        client.send(request)
        clients.append(client)
    return clients


def _silence(api: Api, requests: list[bytes]) -> None:
    for client in _begin(api, requests):
        client.kill()
