"""The Jenkins docker-plugin writes its own HTTP: lines that end in a bare line feed.

Its attach connector opens a socket, prints the head of an exec's start line by line, the body and
one line feed more, and goes on only after a status line of 101. The bytes here are those of such
requests; what an engine answers to them, the manager answers.
"""

import socket

import pytest
from image_tools import tar
from integration_tools import Api, read_all, read_head, unframed

_SCRIPT = "read word; echo got [$word]; echo err >&2; cat; exit 4"


def _start_of(exec_id: str, *more: str, ending: str = "\n") -> bytes:
    """What the plugin prints to begin an exec; *more* stands among the headers."""
    body = '{"Detach": false, "Tty": false}'
    lines = (
        f"POST /v1.41/exec/{exec_id}/start HTTP/1.1",
        "Host: docker.sock",
        "Content-Type: application/json",
        *more,
        f"Content-Length: {len(body)}",
        "",
        body,
    )
    return "".join(line + ending for line in lines).encode()


_UPGRADE = ("Upgrade: tcp", "Connection: Upgrade")


def _new_exec(api: Api, container: str) -> str:
    body = {
        "Cmd": ["sh", "-c", _SCRIPT],
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
    }
    return str(api("POST", f"/containers/{container}/exec", body).json()["Id"])


def _talk(api: Api, request: bytes, then: bytes) -> tuple[bytes, dict[int, bytes]]:
    """Send a request, after its answer's head some input and its end; the head, the output."""
    with api.connect() as sock:
        sock.sendall(request)
        head = read_head(sock)
        sock.sendall(then)
        sock.shutdown(socket.SHUT_WR)
        return head, unframed(read_all(sock))


@pytest.mark.parametrize(
    ("more", "ending", "status"),
    [
        pytest.param(_UPGRADE, "\n", b"101", id="as-the-plugin"),
        pytest.param(_UPGRADE, "\r\n", b"101", id="as-on-windows"),
        pytest.param((), "\n", b"200", id="without-upgrade"),
    ],
)
def test_an_exec_that_is_started_line_by_line(
    engine: Api, api: Api, more: tuple[str, ...], ending: str, status: bytes
) -> None:
    heads, outputs = [], []
    for place in (engine, api):
        exec_id = _new_exec(place, place.run())
        head, output = _talk(place, _start_of(exec_id, *more, ending=ending), b"word\nrest")
        assert place.get(f"/exec/{exec_id}/json")["ExitCode"] == 4
        heads.append(head)
        outputs.append(output)
    assert heads[1].split()[:2] == [b"HTTP/1.1", status]
    assert heads[1] == heads[0]
    # The line feed behind the body is no input.
    assert outputs[0] == {1: b"got [word]\nrest", 2: b"err\n"}
    assert outputs[1] == outputs[0]


def test_a_plain_call_line_by_line(engine: Api, api: Api) -> None:
    request = b"GET /v1.41/containers/nope/json HTTP/1.1\nHost: docker.sock\nConnection: close\n\n"
    answers = [place.raw(request) for place in (engine, api)]
    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 404 Not Found"] * 2
    assert [answer.split(b"\r\n\r\n")[1] for answer in answers] == [
        b'{"message":"No such container: nope"}\n'
    ] * 2


def test_an_exec_that_nobody_knows(engine: Api, api: Api) -> None:
    request = _start_of("0" * 64, *_UPGRADE, "Connection: close")
    answers = [place.raw(request) for place in (engine, api)]
    assert all(answer.startswith(b"HTTP/1.1 404 ") for answer in answers)
    assert len({answer.split(b"\r\n\r\n")[1] for answer in answers}) == 1


def test_a_parcel_is_put_before_the_agent_starts(target: Api) -> None:
    """The plugin copies its jar into a container that it has only created."""
    container = target.create(Cmd=["cat", "/tmp/remoting.jar"])
    kind = {"Content-Type": "application/x-tar"}
    path = f"/containers/{container}/archive?path=/tmp&noOverwriteDirNonDir=false"
    assert target("PUT", path, tar({"remoting.jar": b"a jar"}), headers=kind).status == 200
    assert target("POST", f"/containers/{container}/start").status == 204
    assert target("POST", f"/containers/{container}/wait").json()["StatusCode"] == 0
    assert unframed(target("GET", f"/containers/{container}/logs?stdout=1").body)[1] == b"a jar"
