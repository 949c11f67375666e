"""start, stop, restart, kill, pause, update, wait, rm: done where the container is."""

import re
import signal

import pytest
from integration_tools import Api, Cli, message, until


def state(docker: Cli, name: str = "web") -> str:
    """What ``inspect`` calls it."""
    return docker("inspect", "-f", "{{.State.Status}}", name).line


def test_the_whole_life(any_docker: Cli) -> None:
    docker = any_docker
    docker("create", "--name", "web", "busybox", "sleep", "600")
    assert state(docker) == "created"
    assert docker("start", "web").line == "web"
    assert state(docker) == "running"
    docker("pause", "web")
    assert state(docker) == "paused"
    docker("unpause", "web")
    docker("restart", "-t", "0", "web")
    assert state(docker) == "running"
    docker("stop", "-t", "0", "web")
    assert state(docker) == "exited"
    docker("start", "web")
    docker("kill", "web")
    assert docker("wait", "web").line == "137"
    docker("rm", "web")
    assert "No such" in docker.fails("inspect", "web").err


def test_several_at_once_on_several_hosts(docker: Cli) -> None:
    names = ["c1", "c2", "c3", "c4", "c5"]
    for name in names:
        docker("create", "--name", name, "busybox", "sleep", "600")
    assert docker("start", *names).out.split() == names
    assert sorted(docker("stop", "-t", "0", *names).out.split()) == names
    assert sorted(docker("rm", *names).out.split()) == names


def test_a_signal_of_choice(docker: Cli) -> None:
    script = "trap 'exit 12' USR1; echo ready; while :; do sleep 0.1; done"
    docker("run", "-d", "--name", "web", "busybox", "sh", "-c", script)
    until(lambda: docker("logs", "web").out)
    docker("kill", "-s", "USR1", "web")
    assert docker("wait", "web").line == "12"


def test_stop_waits_for_a_process_that_ends_in_order(docker: Cli) -> None:
    script = "trap 'sleep 0.5; exit 3' TERM; echo ready; while :; do sleep 0.1; done"
    docker("run", "-d", "--name", "web", "busybox", "sh", "-c", script)
    until(lambda: docker("logs", "web").out)
    docker("stop", "-t", "5", "web")
    assert docker("inspect", "-f", "{{.State.ExitCode}}", "web").line == "3"


def test_update(docker: Cli) -> None:
    docker("run", "-d", "--name", "web", "-m", "64m", "busybox", "sleep", "600")
    docker("update", "-m", "128m", "--memory-swap", "256m", "--restart", "on-failure:2", "web")
    shown = docker(
        "inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}}", "web"
    )
    assert shown.line == f"{128 << 20} on-failure"


def test_restart_policy_is_the_engines(docker: Cli) -> None:
    docker("run", "-d", "--name", "web", "--restart", "always", "busybox", "sleep", "600")
    docker("exec", "web", "kill", "-TERM", "1", check=False)
    docker("exec", "web", "sh", "-c", "kill -KILL -1", check=False)
    assert state(docker) in ("running", "restarting")


def test_wait_for_several(docker: Cli) -> None:
    docker("run", "-d", "--name", "c1", "busybox", "sh", "-c", "sleep 0.4; exit 1")
    docker("run", "-d", "--name", "c2", "busybox", "sh", "-c", "exit 2")
    assert docker("wait", "c1", "c2").out.split() == ["1", "2"]


@pytest.mark.parametrize(
    ("request_line", "status", "text"),
    [
        pytest.param("POST /containers/nobody/start", 404, "No such container: nobody", id="start"),
        pytest.param("POST /containers/nobody/stop", 404, "No such container: nobody", id="stop"),
        pytest.param("POST /containers/nobody/kill", 404, "No such container: nobody", id="kill"),
        pytest.param("POST /containers/nobody/wait", 404, "No such container: nobody", id="wait"),
        pytest.param("DELETE /containers/nobody", 404, "No such container: nobody", id="rm"),
        pytest.param("GET /containers/nobody/json", 404, "No such container: nobody", id="inspect"),
        pytest.param("GET /containers/nobody/top", 404, "No such container: nobody", id="top"),
        pytest.param("GET /images/nothing/json", 404, "no such image: nothing", id="image"),
    ],
)
def test_of_what_does_not_exist(target: Api, request_line: str, status: int, text: str) -> None:
    answer = target(*request_line.split())
    assert answer.status == status
    # Engines say it in slightly different words: "no such image: nothing: No such image: …:latest".
    assert message(answer).lower().removesuffix(":latest").endswith(text.lower())


def test_what_the_engine_says_is_passed_on(target: Api) -> None:
    container = target.create("web")
    assert target("POST", f"/containers/{container}/start").status == 204
    assert target("POST", f"/containers/{container}/start").status == 304
    # Engines of 20.10 and of 26.1 say the same in other words.
    answer = target("POST", f"/containers/{container}/kill?signal=NONSENSE")
    assert answer.status == 400
    assert message(answer).lower().endswith("invalid signal: nonsense")
    answer = target("POST", f"/containers/{container}/unpause")
    assert answer.status == 500
    assert message(answer) == f"Container {container} is not paused"
    answer = target("DELETE", f"/containers/{container}")
    assert answer.status == 409
    assert re.match(
        rf"You cannot remove a running container {container}\. Stop the container before|"
        r"cannot remove container \S+: container is running: stop the container before",
        message(answer),
    )
    assert target("POST", f"/containers/{container}/stop?t=0").status == 204
    assert target("POST", f"/containers/{container}/stop").status == 304
    answer = target("POST", f"/containers/{container}/kill")
    assert answer.status == 409
    assert message(answer).lower().endswith(f"container {container} is not running")
    assert target("DELETE", f"/containers/{container}?v=1").status == 204


def test_removing_in_force(docker: Cli) -> None:
    docker("run", "-d", "--name", "web", "busybox", "sleep", "600")
    assert docker("rm", "-f", "web").line == "web"


def test_the_clients_signals_go_through(docker: Cli) -> None:
    script = "trap 'echo told; exit 4' TERM; echo ready; while :; do sleep 0.1; done"
    with docker.start("run", "--rm", "busybox", "sh", "-c", script) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"ready\n"
        client.send_signal(signal.SIGTERM)
        assert client.stdout.readline() == b"told\n"
        assert client.wait(10) == 4
