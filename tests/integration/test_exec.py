"""``docker exec``: found by the exec's own ID, on whatever host it runs."""

import hashlib
import os

import pytest
from integration_tools import Api, Cli, Terminal, message, unframed

from lab.cluster import Lab


@pytest.fixture(autouse=True)
def _web(api: Api) -> None:
    api.run("web", Env=["constraint:node==dockerhost03"])


def test_output_errors_and_exit_code(any_docker: Cli) -> None:
    done = any_docker("exec", "web", "sh", "-c", "echo out; echo err >&2; exit 6", check=False)
    assert (done.out, done.err.splitlines()[0], done.code) == ("out\n", "err", 6)


def test_settings(docker: Cli) -> None:
    script = "echo $A $(pwd) $(id -un)"
    done = docker("exec", "-e", "A=1", "-w", "/tmp", "-u", "nobody", "web", "sh", "-c", script)
    assert done.line == "1 /tmp nobody"


def test_detached(docker: Cli) -> None:
    docker("exec", "-d", "web", "sh", "-c", "echo done > /tmp/mark")
    docker("exec", "web", "sh", "-c", "until test -s /tmp/mark; do sleep 0.05; done")


def test_stdin_through_a_pipe(any_docker: Cli) -> None:
    assert any_docker("exec", "-i", "web", "wc", "-c", stdin=b"12345").line == "5"


def test_terminal(any_docker: Cli) -> None:
    with Terminal(any_docker, "exec", "-it", "web", "sh") as terminal:
        terminal.expect("# ")
        terminal.type("stty size; exit 3\n")
        terminal.expect("33 99")
        assert terminal.end() == 3


def test_50_megabytes_there_and_back(any_docker: Cli) -> None:
    data = os.urandom(1 << 20) * 50
    wanted = hashlib.md5(data, usedforsecurity=False).hexdigest()
    sent = any_docker("exec", "-i", "web", "sh", "-c", "cat > /tmp/big; md5sum < /tmp/big",
                      stdin=data, timeout_s=40)  # fmt: skip
    assert sent.out.split()[0] == wanted
    back = any_docker("exec", "web", "cat", "/tmp/big", timeout_s=40)
    assert hashlib.md5(back.raw, usedforsecurity=False).hexdigest() == wanted


def test_program_that_does_not_exist(docker: Cli) -> None:
    done = docker("exec", "web", "/no/such", check=False)
    assert done.code in (126, 127)
    assert "no such file" in done.out + done.err


def test_unknown_container(docker: Cli, docker_direct: Cli) -> None:
    done = docker.fails("exec", "nobody", "true", code=1)
    assert done.err == docker_direct.fails("exec", "nobody", "true", code=1).err


def test_stopped_container(docker: Cli) -> None:
    docker("kill", "web")
    assert "is not running" in docker.fails("exec", "web", "true").err


def test_by_hand(api: Api) -> None:
    body = {"Cmd": ["sh", "-c", "echo out; echo err >&2; exit 2"], "AttachStdout": True,
            "AttachStderr": True}  # fmt: skip
    made = api("POST", "/containers/web/exec", body)
    assert made.status == 201
    exec_id = made.json()["Id"]
    facts = api.get(f"/exec/{exec_id}/json")
    assert (facts["Running"], facts["ExitCode"]) == (False, None)
    # The legacy form: no Upgrade header, 200, and the stream until it closes.
    head = f"POST /exec/{exec_id}/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    answer = api.raw(head.encode() + b"Content-Length: 2\r\n\r\n{}")
    status, _, stream = answer.partition(b"\r\n\r\n")
    assert status.startswith(b"HTTP/1.1 200 ")
    assert unframed(stream) == {1: b"out\n", 2: b"err\n"}
    assert api.get(f"/exec/{exec_id}/json")["ExitCode"] == 2


def test_exec_made_behind_the_managers_back(api: Api, lab: Lab) -> None:
    direct = Api(lab.engines[2].plan.endpoint)
    exec_id = direct("POST", "/containers/web/exec", {"Cmd": ["true"]}).json()["Id"]
    assert api.get(f"/exec/{exec_id}/json")["ID"] == exec_id
    assert api("POST", f"/exec/{exec_id}/start", {"Detach": True}).status == 200


def test_resize(api: Api) -> None:
    body = {"Cmd": ["sleep", "5"], "Tty": True, "AttachStdout": True}
    exec_id = api("POST", "/containers/web/exec", body).json()["Id"]
    assert api("POST", f"/exec/{exec_id}/start", {"Detach": True, "Tty": True}).status == 200
    assert api("POST", f"/exec/{exec_id}/resize?h=10&w=20").status in (200, 201)


@pytest.mark.parametrize("path", ["json", "start", "resize?h=1&w=1"])
def test_unknown_exec(target: Api, path: str) -> None:
    method = "GET" if path == "json" else "POST"
    answer = target(method, f"/exec/{'0' * 64}/{path}", None if path == "json" else {})
    assert answer.status == 404
    assert message(answer) == f"No such exec instance: {'0' * 64}"


def test_no_command(target: Api) -> None:
    answer = target("POST", "/containers/web/exec", {"Cmd": []})
    # The referee knows no such container: only the manager gets as far as the command.
    assert answer.status in (400, 404)
    assert message(answer) in ("No exec command specified", "No such container: web")
