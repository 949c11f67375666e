"""testcontainers-python on a cluster as on one engine: unchanged, its reaper included.

The reaper's image is a stand-in (`ryuk_image`). The sessions that it ends are processes of their
own, since what it is for is a test run that was killed.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker_py_tools import script
from integration_tools import Api, Manager, docker_config, until
from publish_tools import PublishingManager, address_of
from ryuk_image import RYUK, load_ryuk
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer, Reaper
from testcontainers.core.labels import SESSION_ID
from testcontainers.core.wait_strategies import HttpWaitStrategy
from testcontainers_tools import environment

from lab.cluster import Lab
from lab.http import call

LABEL = "org.testcontainers.session-id"
SERVE = script("mkdir /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www")
SESSION = """
import sys
from testcontainers.core.container import DockerContainer
from testcontainers.core.labels import SESSION_ID
from testcontainers.core.network import Network
from testcontainers_tools import waiting_for
DockerContainer.waiting_for = waiting_for
with Network() as network:
    for number in range(3):
        DockerContainer("busybox").with_command("sleep 600").with_network(network).start()
    print(SESSION_ID, network.name, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def manager(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    folder: Path = tmp_path_factory.mktemp("publish")
    with PublishingManager(lab, folder, f"{address_of(lab)}:62100-62199") as manager:
        load_ryuk(manager.api)
        yield manager
        manager.api("DELETE", f"/images/{RYUK}?force=1")


@pytest.fixture(autouse=True)
def _environment(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with environment(monkeypatch, manager.url):
        yield


def get(container: DockerContainer) -> bytes:
    """What a web server in *container* says, at the place that the library thinks it has."""
    place = f"{container.get_container_host_ip()}:{container.get_exposed_port(80)}"
    return call("GET", place, "/", timeout_s=5).body


def web() -> DockerContainer:
    strategy = HttpWaitStrategy(80).with_poll_interval(0.05).with_startup_timeout(10)
    made = DockerContainer("busybox").with_command(SERVE).with_exposed_ports(80)
    return made.waiting_for(strategy)


def node_of(container: DockerContainer) -> str:
    return str(container.get_wrapped_container().attrs["Node"]["Name"])


def test_a_port_is_where_the_library_looks_for_it(lab: Lab) -> None:
    with ExitStack() as stack:
        containers = [stack.enter_context(web()) for _ in range(3)]
        assert {one.get_container_host_ip() for one in containers} == {address_of(lab)}
        assert {node_of(one) for one in containers} == {engine.name for engine in lab.engines}
        assert [get(one) for one in containers] == [b"hello\n"] * 3


def test_the_reaper_is_reached_and_its_session_is_where_it_is(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", False)
    monkeypatch.setattr(testcontainers_config, "ryuk_docker_socket", "/var/run/docker.sock")
    with ExitStack() as stack:
        stack.callback(Reaper.delete_instance)
        containers = [stack.enter_context(web()) for _ in range(3)]
        assert [get(one) for one in containers] == [b"hello\n"] * 3
        assert Reaper._socket is not None
        assert Reaper._socket.recv(100) == b"ACK\n"
        ryuk = manager.api.node_of(f"testcontainers-ryuk-{SESSION_ID}")
        assert {node_of(one) for one in containers} == {ryuk}


@contextmanager
def session(manager: Manager) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A test run that has started its containers: it, its session's ID and its network."""
    environment = {
        **os.environ,
        "DOCKER_HOST": manager.url,
        "DOCKER_CONFIG": docker_config(),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
        "RYUK_RECONNECTION_TIMEOUT": "1s",
    }
    command = [sys.executable, "-c", SESSION]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as run:
        try:
            assert run.stdout is not None
            session_id, _, network = run.stdout.readline().strip().partition(" ")
            assert network, "the session ended before it had begun"
            yield run, session_id, network
        finally:
            run.kill()


def containers_of(api: Api, session_id: str) -> list[dict[str, Any]]:
    """A session's containers and its reaper."""
    rows: list[dict[str, Any]] = api.get("/containers/json?all=1")
    reaper = f"testcontainers-ryuk-{session_id}"
    return [
        row
        for row in rows
        if row["Labels"].get(LABEL) == session_id
        or any(name.endswith(reaper) for name in row["Names"])
    ]


def nodes_of(api: Api, session_id: str) -> set[str]:
    return {api.node_of(row["Id"]) for row in containers_of(api, session_id)}


def networks(api: Api) -> set[str]:
    return {network["Name"] for network in api.get("/networks")}


def test_what_a_killed_run_leaves_is_reaped_and_nothing_else(manager: Manager) -> None:
    api = manager.api
    with session(manager) as (first, one, its_network), session(manager) as (second, two, other):
        assert len(containers_of(api, one)) == len(containers_of(api, two)) == 4
        assert {its_network, other} <= networks(api)
        assert [len(nodes_of(api, each)) for each in (one, two)] == [1, 1]
        assert nodes_of(api, one) != nodes_of(api, two)
        first.kill()
        until(lambda: containers_of(api, one) == [], 20, "the first session's end")
        until(lambda: its_network not in networks(api), 5, "its network's end")
        assert len(containers_of(api, two)) == 4
        assert other in networks(api)
        second.kill()
        until(lambda: containers_of(api, two) == [], 20, "the second session's end")
        until(lambda: other not in networks(api), 5, "its network's end")
