"""What bad input gets: Docker's own status, a message for people, and never a word of Python."""

import json

import pytest
from integration_tools import Api, message, read_all


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{nonsense", id="no-json"),
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"Image": 5}', id="number-for-image"),
        pytest.param(b'{"Image": ""}', id="no-image"),
        pytest.param(b'{"Image":"busybox","Env":"A=1"}', id="text-for-env"),
        pytest.param(b'{"Image":"busybox","Env":[1]}', id="number-in-env"),
        pytest.param(b'{"Image":"busybox","Labels":["a"]}', id="list-for-labels"),
        pytest.param(b'{"Image":"busybox","HostConfig":[]}', id="list-for-host-config"),
        pytest.param(b'{"Image":"busybox","HostConfig":{"Memory":"1g"}}', id="memory-text"),
        pytest.param(b'{"Image":"busybox","HostConfig":{"PortBindings":[]}}', id="ports-list"),
        pytest.param(b'{"Image":"busybox"}x', id="more-behind"),
        pytest.param(b'\xff\xfe{"Image":"busybox"}', id="no-utf-8"),
    ],
)
def test_create(api: Api, body: bytes) -> None:
    """What an engine says, and where it says something else, stands in the conformance book."""
    answer = api("POST", "/containers/create", body)
    assert answer.status == 400
    text = message(answer)
    assert text
    assert not any(word in text for word in ("Traceback", "Error(", "NoneType", "object has no"))


def test_wrong_content_type(target: Api) -> None:
    answer = target(
        "POST", "/containers/create", b'{"Image":"busybox"}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status == 400
    assert "application/json" in message(answer)


@pytest.mark.parametrize(
    "expression", ["constraint:zone=ssd", "affinity:container", "constraint:="]
)
def test_bad_expression(api: Api, expression: str) -> None:
    answer = api("POST", "/containers/create", {"Image": "busybox", "Env": [expression]})
    assert answer.status == 400
    assert message(answer)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        pytest.param("GET /", 404, id="root"),
        pytest.param("GET /nonsense", 404, id="unknown"),
        pytest.param("DELETE /info", 404, id="wrong-method"),
        pytest.param("PATCH /containers/json", 404, id="unknown-method"),
        pytest.param("POST /_ping", 404, id="post-of-ping"),
        pytest.param("GET /containers/create", 404, id="get-of-create"),
        pytest.param("GET /images/viz", 501, id="viz"),
        pytest.param("GET /swarm", 503, id="swarm"),
        pytest.param("GET /services", 503, id="services"),
        pytest.param("POST /swarm/init", 503, id="swarm-init"),
        pytest.param("GET /nodes/x", 503, id="node"),
    ],
)
def test_what_is_not_there(api: Api, request_line: str, status: int) -> None:
    answer = api(*request_line.split())
    assert answer.status == status
    text = message(answer)
    if status == 404:
        assert text == "page not found"
    if status == 503:
        assert text.startswith("This node is not a swarm manager.")


@pytest.mark.parametrize(
    "path",
    [
        "/containers/../info",
        "/containers/%2e%2e/info",
        "/containers/..%2finfo/json",
        "/containers/%2e%2e%2finfo/json",
        "/containers/a%00b/json",
        "/containers/%00/json",
        "/containers/%/json",
        "/containers/%zz/json",
        "/containers/a%2fb%2fc/json",
        "/containers/a?b/json",
        "/containers/%3fall=1/json",
        "/containers/a%0d%0aX-Evil:%201/json",
        "/containers/%ff%fe/json",
        "/containers/é/json",
        "/containers//json",
        "/containers/./json",
        "/containers/json/json/json",
        "//containers/json",
        "/exec/..%2f..%2finfo/json",
        "/exec/a%2fb/json",
        "/images/..%2f..%2finfo/json",
        "/images/%00/json",
        "/v1.41/../info",
        "/v1.41//info",
        "http://elsewhere/info",
        "/_ping%00",
    ],
)
def test_path_tricks(api: Api, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    answer = api.raw(head)
    status = int(answer.split()[1])
    lines, _, body = answer.partition(b"\r\n\r\n")
    assert b"x-evil" not in lines.lower()
    assert b"Traceback" not in body
    if status == 200:
        # Nothing but what the path plainly says, with Docker's own cleaning of it.
        assert path in ("//containers/json", "/containers//json", "/v1.41//info",
                        "http://elsewhere/info")  # fmt: skip
    elif status in (301, 302, 307):
        assert b"location: " in lines.lower()
    else:
        assert status in (400, 404, 500)
        assert status != 500
        assert json.loads(body)["message"]


@pytest.mark.parametrize("size", [10_000, 1 << 20])
def test_big_names(api: Api, size: int) -> None:
    name = "a" * size
    if size > 1 << 16:  # an engine does take a name of ten thousand letters
        answer = api("POST", f"/containers/create?name={name}", {"Image": "busybox"})
        assert answer.status in (400, 414, 431)
    for method, path in (("GET", "json"), ("POST", "start"), ("DELETE", "")):
        answer = api(method, f"/containers/{name}/{path}".rstrip("/"))
        assert answer.status in (404, 414, 431)
        assert len(answer.body) < 20_000
    assert api("GET", "/_ping").status == 200


def test_big_name_in_a_body(api: Api) -> None:
    answer = api("POST", "/containers/create", {"Image": "b" * (1 << 20)})
    assert answer.status == 400
    assert len(message(answer)) < 20_000
    answer = api(
        "POST", "/containers/create",
        {"Image": "busybox", "Env": ["constraint:node==" + "x" * (1 << 20)]},
    )  # fmt: skip
    assert answer.status in (400, 500)
    assert len(message(answer)) < 20_000


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"nonsense\r\n\r\n", id="no-http"),
        pytest.param(b"GET /info\r\n\r\n", id="no-version"),
        pytest.param(b"GET /info HTTP/9.9\r\n\r\n", id="unknown-http"),
        pytest.param(b"GET /info HTTP/1.1\r\nBad Header: 1\r\n\r\n", id="bad-header"),
        pytest.param(b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
                     id="bad-length"),
        pytest.param(b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                     b"Content-Length: 6\r\n\r\n", id="two-lengths"),
        pytest.param(b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="length-and-chunked"),
    ],
)  # fmt: skip
def test_broken_requests(api: Api, request_bytes: bytes) -> None:
    with api.connect(5) as sock:
        sock.sendall(request_bytes)
        sock.shutdown(1)
        answer = read_all(sock)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 ", b"HTTP/1.1 505 ")), answer[:200]
    assert b"Traceback" not in answer


def test_head_with_bare_line_feeds(api: Api) -> None:
    """As a Java client that prints lines sends it."""
    answer = api.raw(b"GET /_ping HTTP/1.1\nHost: x\nConnection: close\n\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_expectation(api: Api) -> None:
    body = b'{"Image":"busybox"}'
    with api.connect(5) as sock:
        sock.sendall(
            b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        assert sock.recv(25).startswith(b"HTTP/1.1 100 ")
        sock.sendall(body)
        assert b"HTTP/1.1 201 " in read_all(sock)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("x", "invalid syntax"),
        ("1e9", "invalid syntax"),
        ("99999999999999999999999", "value out of range"),
    ],
)
def test_numbers_that_are_none(api: Api, engine: Api, value: str, why: str) -> None:
    answer, alone = (one("GET", f"/containers/json?limit={value}") for one in (api, engine))
    assert (answer.status, alone.status) == (400, 500)
    assert message(answer) == message(alone) == f'strconv.Atoi: parsing "{value}": {why}'


def test_a_negative_limit_is_none(api: Api, engine: Api) -> None:
    for one in (api, engine):
        one.create()
        assert len(one.get("/containers/json?all=1&limit=-5")) > 0


def test_auth_header_that_is_none(api: Api) -> None:
    answer = api(
        "POST", "/images/create?fromImage=busybox&tag=latest", headers={"X-Registry-Auth": "!!!"}
    )
    # The engine takes it for an empty one; so do we.
    assert answer.status == 200
