"""Two managers behind HAProxy, with the operating guide's own configuration of it."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from integration_tools import Api, Cli, Manager, until

from lab.cluster import Lab
from lab.install import find
from tests.fakes.ports import free_port
from tests.guide import block

pytestmark = pytest.mark.fault

FAILOVER_S = 10
"""Two checks that fail, a second apart, and some time for a busy machine."""


class Pair:
    """The two of them, and the proxy's address."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.endpoint = f"127.0.0.1:{free_port()}"
        self.managers = [self._manager(lab, folder / name) for name in ("one", "two")]
        self._config = folder / "haproxy.cfg"

    @staticmethod
    def _manager(lab: Lab, folder: Path) -> Manager:
        folder.mkdir()
        return Manager(folder, f"consul://{lab.consul.endpoint}/swarm", nodes=len(lab.engines))

    @contextmanager
    def proxied(self) -> Iterator[None]:
        """HAProxy before them, as long as the block lasts."""
        text = block("checked: haproxy")
        for given, here in (
            ("127.0.0.1:12375", self.endpoint),
            ("127.0.0.1:12376", self.managers[0].endpoint),
            ("127.0.0.1:12377", self.managers[1].endpoint),
        ):
            assert text.count(given) == 1
            text = text.replace(given, here)
        self._config.write_text(text)
        command = [str(find().haproxy), "-f", str(self._config)]
        checked = subprocess.run([*command, "-c"], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")
        with subprocess.Popen([*command, "-db"], stderr=subprocess.DEVNULL) as proxy:
            try:
                until(self.answers, 10, "an answer through the proxy")
                yield
            finally:
                proxy.kill()

    def answers(self) -> bool:
        """Whether somebody answers behind the proxy."""
        try:
            return Api(self.endpoint)("GET", "/_ping").status == 200
        except OSError:
            return False


@pytest.fixture
def pair(lab: Lab, tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(lab, tmp_path)
    try:
        with pair.proxied():
            yield pair
    finally:
        for manager in pair.managers:
            manager.process.kill()
            manager.process.wait()


@pytest.fixture
def docker(docker: Cli, pair: Pair) -> Cli:
    """The docker client, pointed at the proxy."""
    return replace(docker, host=f"tcp://{pair.endpoint}")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_the_second_manager_goes_on_where_the_first_one_ended(
    docker: Cli, pair: Pair, end: signal.Signals
) -> None:
    program = ("sh", "-c", "echo here; exec sleep 600")
    kept = docker("run", "-d", "--init", "--name", "web", "busybox", *program).line
    with docker.start("logs", "-f", "web") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == b"here\n"
        pair.managers[0].process.send_signal(end)
        following.wait(FAILOVER_S)  # its stream has ended, and it knows
    assert docker("ps", "-q", "--no-trunc").line == kept
    assert "web is already assigned" in docker.fails("create", "--name", "web", "busybox").err
    assert docker("run", "--rm", "busybox", "echo", "hi").out == "hi\n"
    docker("rm", "-f", "web")
    assert docker("ps", "-aq").out == ""


def test_the_first_manager_serves_again_when_it_is_back(docker: Cli, pair: Pair) -> None:
    first, second = pair.managers
    first.process.send_signal(signal.SIGSTOP)
    until(lambda: not pair.answers(), FAILOVER_S, "the end of the first one")
    until(pair.answers, FAILOVER_S, "the second manager's answer")
    container = docker("create", "busybox").line
    first.process.send_signal(signal.SIGCONT)
    until(lambda: first.api("GET", f"/containers/{container}/json").status == 200, 10, "its news")
    second.process.kill()
    until(pair.answers, 10, "the first manager's answer")
    assert docker("ps", "-aq", "--no-trunc").line == container
