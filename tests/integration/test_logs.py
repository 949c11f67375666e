"""``docker logs``: from whatever host the container is on, so far or as it comes."""

import time
from pathlib import Path

from integration_tools import Api, Cli, message, unframed, until

from lab.cluster import Lab


def test_so_far(any_docker: Cli) -> None:
    script = "echo out; echo err >&2"
    any_docker("run", "--name", "web", "busybox", "sh", "-c", script)
    done = any_docker("logs", "web")
    assert (done.out, done.err) == ("out\n", "err\n")


def test_options(docker: Cli) -> None:
    docker("run", "--name", "web", "busybox", "sh", "-c", "for i in 1 2 3 4; do echo line $i; done")
    assert docker("logs", "--tail", "2", "web").out == "line 3\nline 4\n"
    first = docker("logs", "--timestamps", "--tail", "1", "web").out
    assert first[:2] == "20"
    assert first.endswith("Z line 4\n")
    assert docker("logs", "--since", "1h", "web").out.count("\n") == 4
    assert docker("logs", "--until", "2001-01-01T00:00:00Z", "web").out == ""


def test_as_they_come(any_docker: Cli) -> None:
    script = "echo one; sleep 3; echo two"
    any_docker("run", "-d", "--name", "web", "busybox", "sh", "-c", script)
    with any_docker.start("logs", "-f", "web") as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"one\n"
        started = time.monotonic()
        assert client.stdout.readline() == b"two\n"
        assert time.monotonic() - started > 1  # it came when it was written, not at the end
        assert client.wait(10) == 0


def test_of_a_terminal(docker: Cli) -> None:
    docker("run", "-t", "--name", "web", "busybox", "echo", "raw")
    assert docker("logs", "web").raw.rstrip(b"\r\n") == b"raw"


def test_a_client_that_leaves_ends_the_engines_stream(api: Api, lab: Lab) -> None:
    script = "while :; do echo tick; sleep 0.05; done"
    api.run("web", Cmd=["sh", "-c", script])
    with api.connect() as sock:
        sock.sendall(b"GET /containers/web/logs?follow=1&stdout=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 200 ")
        before = _connections(lab)
    until(lambda: _connections(lab) < before, 3, "the end of the engine's stream")


def _connections(lab: Lab) -> int:
    """How many TCP connections the manager has."""
    assert lab.manager.process is not None
    pid = lab.manager.process.pid
    links = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(fd.readlink()))
        except FileNotFoundError:
            continue
    return sum(link.startswith("socket:") for link in links)


def test_much_output(docker: Cli) -> None:
    docker("run", "--name", "web", "busybox", "seq", "1", "200000")
    assert docker("logs", "web", timeout_s=30).out.split()[-1] == "200000"


def test_stdout_alone(api: Api) -> None:
    container = api.run(Cmd=["sh", "-c", "echo out; echo err >&2"])
    api("POST", f"/containers/{container}/wait")
    answer = api("GET", f"/containers/{container}/logs?stderr=1")
    assert unframed(answer.body) == {1: b"", 2: b"err\n"}


def test_unknown_container(target: Api) -> None:
    answer = target("GET", "/containers/nobody/logs?stdout=1")
    assert (answer.status, message(answer)) == (404, "No such container: nobody")


def test_no_stream_chosen(target: Api) -> None:
    container = target.create()
    answer = target("GET", f"/containers/{container}/logs")
    assert answer.status == 400
    assert message(answer) == "Bad parameters: you must choose at least one stream"
