"""Detaching with keys: the client leaves, what it was attached to runs on.

On a unix socket: over plain ``tcp://`` the client cannot detach, from an engine neither.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from integration_tools import Cli, Terminal, docker_clients, until

from lab.cluster import Lab

_DEFAULT = ("\x10", "\x11")
"""ctrl-p, ctrl-q."""


@pytest.fixture(params=sorted(docker_clients()))
def client(request: pytest.FixtureRequest, unix_socket: Path) -> Cli:
    """Each docker client, on the manager's unix socket."""
    return Cli(docker_clients()[request.param], f"unix://{unix_socket}")


@pytest.fixture(params=["engine", "manager"])
def local(request: pytest.FixtureRequest, lab: Lab, client: Cli) -> Cli:
    """The client at one engine, then at the manager."""
    at_engine = replace(client, host=f"unix://{lab.engines[0].socket}")
    return at_engine if request.param == "engine" else client


def _leave(terminal: Terminal, word: str, keys: tuple[str, ...]) -> int:
    """Make sure that the shell answers, then press the keys one by one; the exit code."""
    terminal.type(f"echo {word}-$((40+2))\n")
    terminal.expect(f"{word}-42")
    for key in keys:
        terminal.type(key)
    return terminal.end(10)


def _runs(client: Cli) -> bool:
    return client("inspect", "-f", "{{.State.Running}}", "web").line == "true"


def test_run_attach_and_start_are_left_and_come_back_to(local: Cli) -> None:
    with Terminal(local, "run", "-it", "--name", "web", "busybox", "sh") as terminal:
        assert _leave(terminal, "run", _DEFAULT) == 0
    assert _runs(local)
    with Terminal(local, "attach", "web") as terminal:
        assert _leave(terminal, "attach", _DEFAULT) == 1
    assert _runs(local)
    with Terminal(local, "attach", "--detach-keys", "ctrl-x,x", "web") as terminal:
        # The usual keys are input now: ctrl-p is the line before, which ctrl-c drops.
        terminal.type("\x10\x03")
        assert _leave(terminal, "own-keys", ("\x18", "x")) == 1
    assert _runs(local)
    local("kill", "web")
    with Terminal(local, "start", "-ai", "--detach-keys", "a", "web") as terminal:
        terminal.expect("# ")
        terminal.type("a")
        assert terminal.end(10) == 0
    assert _runs(local)


def test_an_exec_is_left_and_runs_on(local: Cli) -> None:
    local("run", "-d", "--init", "--name", "web", "busybox", "sleep", "600")
    with Terminal(local, "exec", "-it", "--detach-keys", "ctrl-e,e", "web", "sh") as terminal:
        terminal.type("sleep 4343 &\n")
        _leave(terminal, "exec", ("\x05", "e"))
    assert "sleep 4343" in local("top", "web").out
    with Terminal(local, "exec", "-it", "web", "sh") as terminal:
        _leave(terminal, "default", _DEFAULT)
    assert _runs(local)


def test_the_clients_settings_name_the_keys(client: Cli, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"detachKeys": "ctrl-a,d"}))
    local = replace(client, environment={"DOCKER_CONFIG": str(tmp_path)})
    with Terminal(local, "run", "-it", "--name", "web", "busybox", "sh") as terminal:
        assert _leave(terminal, "run", ("\x01", "d")) == 0
    with Terminal(local, "exec", "-it", "web", "sh") as terminal:
        _leave(terminal, "exec", ("\x01", "d"))
    assert _runs(local)
    # A flag overrules the settings, and the end of the shell still ends the client.
    with Terminal(local, "attach", "--detach-keys", "ctrl-x", "web") as terminal:
        terminal.type("exit 3\n")
        assert terminal.end(10) == 3
    until(lambda: not _runs(local), 5, "the end of the shell")
