"""``docker attach``: the container's own streams, with both ends of the connection."""

import base64
import os

from integration_tools import Api, Cli, message, read_all, read_head, unframed

ECHO = ["sh", "-c", "while read line; do echo got $line; done; echo end; sleep 0.3; echo late"]


def test_output_of_a_running_container(any_docker: Cli) -> None:
    script = "sleep 3; echo one; echo two >&2; exit 5"
    any_docker("run", "-d", "--name", "web", "busybox", "sh", "-c", script)
    done = any_docker("attach", "--no-stdin", "web", check=False)
    assert (done.out, done.err.splitlines()[0], done.code) == ("one\n", "two", 5)


def test_start_attached(any_docker: Cli) -> None:
    any_docker("create", "-i", "--name", "web", "busybox", *ECHO)
    done = any_docker("start", "-ai", "web", stdin=b"a\nb\n")
    assert done.out == "got a\ngot b\nend\nlate\n"


def test_half_close(api: Api) -> None:
    """The end of input reaches the process, and its last words still come back."""
    container = api.create(Cmd=ECHO, OpenStdin=True, StdinOnce=True, AttachStdin=True)
    with api.connect() as sock:
        target = f"/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1"
        sock.sendall(
            f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            "Content-Length: 0\r\n\r\nearly\n".encode()
        )
        head = read_head(sock)
        assert head.startswith(b"HTTP/1.1 101 ")
        api("POST", f"/containers/{container}/start")
        sock.sendall(b"later\n")
        sock.shutdown(1)
        assert unframed(read_all(sock))[1] == b"got early\ngot later\nend\nlate\n"
    assert api("POST", f"/containers/{container}/wait").json()["StatusCode"] == 0


def test_without_upgrade(api: Api) -> None:
    container = api.create(Cmd=["sh", "-c", "echo hi"], AttachStdout=True)
    with api.connect() as sock:
        target = f"/containers/{container}/attach?stream=1&stdout=1"
        sock.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert read_head(sock).startswith(b"HTTP/1.1 200 ")
        api("POST", f"/containers/{container}/start")
        assert unframed(read_all(sock))[1] == b"hi\n"


def test_a_client_that_is_killed_leaves_the_container_running(docker: Cli, api: Api) -> None:
    script = "while :; do echo tick; sleep 0.05; done"
    docker("run", "-d", "--name", "web", "busybox", "sh", "-c", script)
    with docker.start("attach", "--no-stdin", "web") as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"tick\n"
        client.kill()
    assert api.get("/containers/web/json")["State"]["Running"]


def test_two_clients_see_the_same(docker: Cli) -> None:
    docker("run", "-d", "--name", "web", "busybox", "sh", "-c", "sleep 3; echo both")
    with docker.start("attach", "--no-stdin", "web") as one:
        assert docker("attach", "--no-stdin", "web").out == "both\n"
        assert one.communicate(timeout=10)[0] == b"both\n"


def test_websocket(api: Api) -> None:
    container = api.create(Cmd=["cat"], OpenStdin=True, AttachStdin=True, Tty=False)
    api("POST", f"/containers/{container}/start")
    key = base64.b64encode(os.urandom(16)).decode()
    target = f"/containers/{container}/attach/ws?stream=1&stdin=1&stdout=1"
    with api.connect() as sock:
        sock.sendall(
            f"GET {target} HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            .encode()
        )  # fmt: skip
        assert read_head(sock).startswith(b"HTTP/1.1 101 ")
        text, mask = b"hello\n", b"\x01\x02\x03\x04"
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
        sock.sendall(bytes([0x81, 0x80 | len(text)]) + mask + masked)
        sock.settimeout(5)
        got = b""
        while text not in got:
            piece = sock.recv(4096)
            assert piece, f"the end came before the echo: {got!r}"
            got += piece


def test_unknown_container(api: Api) -> None:
    # An engine of 20.10 tells this one in plain text; the newer ones as here.
    answer = api("POST", "/containers/nobody/attach?stream=1&stdout=1")
    assert (answer.status, message(answer)) == (404, "No such container: nobody")


def test_stopped_container(any_docker: Cli) -> None:
    any_docker("run", "--name", "web", "busybox", "true")
    assert "cannot attach to a stopped container" in any_docker.fails("attach", "web").err.lower()


def test_wait_answers_its_head_before_the_container_starts(api: Api) -> None:
    container = api.create(Cmd=["sh", "-c", "exit 8"])
    with api.connect(5) as sock:
        target = f"/containers/{container}/wait?condition=next-exit"
        sock.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert read_head(sock).startswith(b"HTTP/1.1 200 ")
        api("POST", f"/containers/{container}/start")
        assert b'"StatusCode":8' in read_all(sock)
