"""docker-py: attach and logs, what a container says and hears."""

import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest
from docker import DockerClient
from docker_py_tools import script, sleeper
from integration_tools import read_all, unframed, until

SLOWLY = script("for i in 1 2 3; do echo $i; sleep 0.2; done")
BOTH = script("echo out; echo err >&2")


def test_attach_hears_all_from_before_the_start(client: DockerClient) -> None:
    container = client.containers.create("busybox", ["echo", "hi"])
    stream = container.attach(stream=True, logs=True)
    container.start()
    assert b"".join(stream) == b"hi\n"


def test_attach_hears_what_comes_next(client: DockerClient) -> None:
    command = script("echo first; until test -e /go; do sleep 0.1; done; echo second")
    container = client.containers.run("busybox", command, detach=True)
    until(container.logs, 5, "the first line")
    stream = container.attach(stream=True)
    container.exec_run("touch /go")
    assert b"".join(stream) == b"second\n"


def test_attach_tells_streams_apart(client: DockerClient) -> None:
    container = client.containers.create("busybox", BOTH)
    stream = container.attach(stream=True, demux=True)
    container.start()
    assert sorted(stream, key=str) == [(None, b"err\n"), (b"out\n", None)]


@pytest.mark.parametrize(
    ("wanted", "output"),
    [({"stdout": False}, b"err\n"), ({"stderr": False}, b"out\n")],
    ids=["stderr", "stdout"],
)
def test_attach_to_one_stream(client: DockerClient, wanted: dict[str, bool], output: bytes) -> None:
    container = client.containers.create("busybox", BOTH)
    stream = container.attach(stream=True, **wanted)
    container.start()
    assert b"".join(stream) == output


def test_a_socket_takes_input_to_its_end(client: DockerClient) -> None:
    made = client.api.create_container("busybox", ["sort"], stdin_open=True)
    reader = client.api.attach_socket(made, params={"stdin": 1, "stdout": 1, "stream": 1})
    client.api.start(made)
    reader._sock.sendall(b"b\nc\na\n")
    reader._sock.shutdown(socket.SHUT_WR)
    assert unframed(read_all(reader._sock))[1] == b"a\nb\nc\n"
    assert client.api.wait(made)["StatusCode"] == 0


def test_a_terminal_echoes(client: DockerClient) -> None:
    container = client.containers.create("busybox", ["cat"], stdin_open=True, tty=True)
    reader = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    reader._sock.sendall(b"typed\n")
    assert reader._sock.recv(7, socket.MSG_WAITALL) == b"typed\r\n"
    reader._sock.sendall(b"\x04")
    assert read_all(reader._sock).startswith(b"typed\r\n")
    assert container.wait()["StatusCode"] == 0


def test_detach_keys_leave_it_running(client: DockerClient) -> None:
    container = client.containers.create("busybox", ["cat"], stdin_open=True, tty=True)
    asked = {"stdin": 1, "stdout": 1, "stream": 1, "detachKeys": "ctrl-x,q"}
    reader = container.attach_socket(params=asked)
    container.start()
    reader._sock.sendall(b"\x18q")
    assert b"typed" not in read_all(reader._sock)
    container.reload()
    assert container.status == "running"


def test_logs(client: DockerClient) -> None:
    container = client.containers.run(
        "busybox", script("seq 3; sleep 0.2; echo err >&2"), detach=True
    )
    container.wait()
    assert container.logs(stderr=False) == b"1\n2\n3\n"
    assert container.logs(stdout=False) == b"err\n"
    assert sorted(container.logs().split()) == [b"1", b"2", b"3", b"err"]
    assert container.logs(tail=4) == container.logs()
    assert container.logs(tail=1) == b"err\n"
    assert container.logs(stderr=False, tail="all") == b"1\n2\n3\n"
    assert container.logs(stderr=False, tail=0) == b""


def test_logs_as_they_come(client: DockerClient) -> None:
    container = client.containers.run("busybox", SLOWLY, detach=True)
    assert list(container.logs(stream=True, follow=True)) == [b"1\n", b"2\n", b"3\n"]
    container.wait()
    assert b"".join(container.logs(stream=True, follow=False)) == b"1\n2\n3\n"


def test_logs_of_a_terminal_are_not_framed(client: DockerClient) -> None:
    container = client.containers.run("busybox", SLOWLY, detach=True, tty=True)
    assert b"".join(container.logs(stream=True)) == b"1\r\n2\r\n3\r\n"
    assert container.logs() == b"1\r\n2\r\n3\r\n"


def test_logs_have_times(client: DockerClient) -> None:
    container = client.containers.run("busybox", ["echo", "hi"], detach=True)
    container.wait()
    stamp, text = container.logs(timestamps=True).split(b" ")
    assert text == b"hi\n"
    told = datetime.fromisoformat(stamp.decode()[:19]).replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=1)


def test_logs_between_two_times(client: DockerClient) -> None:
    command = script("echo before; sleep 1.5; echo within; sleep 1.5; echo after")
    container = client.containers.run("busybox", command, detach=True)
    container.wait()
    lines = container.logs(timestamps=True).decode().splitlines()
    first, second, third = (datetime.fromisoformat(line[:19]).replace(tzinfo=UTC) for line in lines)
    assert container.logs(since=second, until=third) == b"within\n"
    assert container.logs(since=int(third.timestamp())) == b"after\n"
    assert container.logs(until=second.timestamp()) == b"before\n"
    assert container.logs(until=first - timedelta(hours=1)) == b""


def test_followed_logs_can_be_closed_by_another_thread(client: DockerClient) -> None:
    container = client.containers.run(
        "busybox", script("echo hi; sleep 600"), stop_signal="SIGKILL", detach=True
    )
    stream = container.logs(stream=True, follow=True)
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.extend(stream))
    reader.start()
    until(lambda: heard, 5, "the first line")
    stream.close()
    reader.join(5)
    assert (heard, reader.is_alive()) == ([b"hi\n"], False)


def test_many_follow_one(client: DockerClient) -> None:
    container = sleeper(client)
    streams = [container.logs(stream=True, follow=True) for _ in range(8)]
    container.exec_run(script("echo heard > /proc/1/fd/1"))
    container.kill()
    assert [b"".join(stream) for stream in streams] == [b"heard\n"] * 8


def test_a_megabyte_in_one_line(client: DockerClient) -> None:
    command = script("head -c 1000000 /dev/zero | tr '\\0' x; echo")
    assert client.containers.run("busybox", command, remove=True) == b"x" * 1000000 + b"\n"
