"""``docker run``: the container lands somewhere, and everything else is as with one engine."""

import hashlib
import os

import pytest
from integration_tools import Api, Cli, Terminal, at_an_engine, remove_app

from lab.cluster import Lab


def test_output_and_errors_come_out_where_they_should(any_docker: Cli) -> None:
    done = any_docker("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2")
    assert (done.out, done.err) == ("out\n", "err\n")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param(["true"], 0, id="good"),
        pytest.param(["sh", "-c", "exit 7"], 7, id="its-own"),
        pytest.param(["sh", "-c", "exit 255"], 255, id="its-worst"),
        pytest.param(["/no/such/program"], 127, id="not-found"),
        pytest.param(["/etc"], 126, id="not-executable"),
    ],
)
def test_exit_code(docker: Cli, command: list[str], code: int) -> None:
    assert docker("run", "--rm", "busybox", *command, check=False).code == code


def test_exit_code_of_what_the_daemon_refuses(any_docker: Cli) -> None:
    done = any_docker.fails("run", "--rm", "-v", "relative/path:/x:nonsense", "busybox", code=125)
    assert "invalid" in done.err


def test_rm_removes(any_docker: Cli, api: Api) -> None:
    any_docker("run", "--rm", "--name", "short", "busybox", "true")
    assert api.get("/containers/json?all=1") == []


def test_stdin_through_a_pipe(any_docker: Cli) -> None:
    done = any_docker("run", "-i", "--rm", "busybox", "cat", stdin=b"hi\n")
    assert done.out == "hi\n"


def test_output_after_the_end_of_stdin(any_docker: Cli) -> None:
    script = "cat >/dev/null; sleep 0.5; echo late; exit 3"
    done = any_docker("run", "-i", "--rm", "busybox", "sh", "-c", script, stdin=b"x", check=False)
    assert (done.out, done.code) == ("late\n", 3)


def test_big_stdin_and_big_output(docker: Cli) -> None:
    data = os.urandom(1 << 20) * 20
    done = docker("run", "-i", "--rm", "busybox", "cat", stdin=data)
    assert hashlib.sha256(done.raw).digest() == hashlib.sha256(data).digest()


def test_no_output_is_lost_in_many_short_runs(docker: Cli) -> None:
    for number in range(8):
        done = docker(
            "run", "--rm", "busybox", "sh", "-c", f"echo {number}; exit {number}", check=False
        )
        assert (done.out, done.code) == (f"{number}\n", number)


def test_terminal(any_docker: Cli) -> None:
    with Terminal(any_docker, "run", "-it", "--rm", "busybox", "sh") as terminal:
        terminal.expect("# ")
        # The client tells the size only when the container has started.
        terminal.type("until stty size | grep '33 99'; do sleep 0.1; done; echo a$((40+2))b\n")
        terminal.expect("\n33 99")
        terminal.expect("a42b")
        terminal.type("until stty size | grep '22 77'; do sleep 0.1; done\n")
        # The client listens for changes only a moment after it has set the first size.
        for _ in range(10):
            terminal.resize(22, 77)
            if terminal.shows("\n22 77", 1):
                break
        terminal.expect("\n22 77")
        terminal.type("exit 9\n")
        assert terminal.end() == 9


def test_ctrl_c_reaches_the_process(docker: Cli) -> None:
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.1; done"
    with Terminal(docker, "run", "-it", "--rm", "busybox", "sh", "-c", script) as terminal:
        terminal.expect("ready")
        terminal.type("\x03")
        terminal.expect("caught")
        assert terminal.end() == 5


def test_detached(any_docker: Cli) -> None:
    container = any_docker(
        "run", "-d", "--name", "web", "busybox", "sh", "-c", "echo hi; exit 4"
    ).line
    assert len(container) == 64
    assert any_docker("wait", "web").line == "4"
    assert any_docker("logs", container[:12]).out == "hi\n"


def test_settings_reach_the_container(docker: Cli) -> None:
    options = ["-e", "COLOUR=red", "-h", "lonely", "-w", "/tmp", "-u", "nobody", "-m", "64m"]
    script = "echo $COLOUR $(hostname) $(pwd) $(id -un)"
    done = docker("run", "--rm", *options, "busybox", "sh", "-c", script)
    assert done.line == "red lonely /tmp nobody"


def test_directives_do_not_reach_the_container(docker: Cli) -> None:
    done = docker(
        "run", "--rm", "-e", "constraint:zone==database", "-e", "affinity:image==~busybox",
        "-e", "KEPT=1", "busybox", "env",
    )  # fmt: skip
    assert "KEPT=1" in done.out
    assert "constraint" not in done.out
    assert "affinity" not in done.out


def test_a_missing_image_is_pulled_where_the_container_lands(
    any_docker: Cli, api: Api, lab: Lab
) -> None:
    remove_app(lab, api)
    done = any_docker("run", "-d", "-e", "constraint:node==dockerhost02", "mbajor/deepthought")
    assert "Unable to find image 'mbajor/deepthought:latest' locally" in done.err
    assert any_docker("inspect", "-f", "{{.Node.Name}}", done.line).line == "dockerhost02"
    has_it = [engine.docker("images", "-q", "mbajor/deepthought") != "" for engine in lab.engines]
    assert has_it == [False, True, False]


def test_an_image_that_exists_nowhere(any_docker: Cli, lab: Lab) -> None:
    image = f"{lab.registry.endpoint}/no/such-image"
    done = any_docker.fails("run", "--rm", image, code=125)
    assert f"Unable to find image '{image}:latest' locally" in done.err
    direct = at_an_engine(any_docker, lab).fails("run", "--rm", image, code=125)
    assert done.err == direct.err


def test_a_taken_name(any_docker: Cli) -> None:
    any_docker("run", "-d", "--name", "web", "busybox", "sleep", "600")
    done = any_docker.fails("run", "--name", "web", "busybox", code=125)
    assert (
        "Conflict: The name web is already assigned. You have to delete (or rename) that"
        in done.err
    )
