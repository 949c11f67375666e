"""A Consul of three real servers: one of them may go, and without two the cluster still serves."""

import os
import time
from collections.abc import Iterator

import pytest
from integration_tools import Api, Cli, docker_clients, is_whole, nodes_of, until

from lab.cluster import Lab
from lab.consul import ConsulServer
from lab.http import call

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def ensemble() -> Iterator[Lab]:
    """Three engines, their agents and a manager over a Consul of three servers."""
    with Lab(f"test-{os.getpid()}-consul", 3, consul_servers=3) as lab:
        yield lab


@pytest.fixture
def broken(ensemble: Lab) -> Iterator[Lab]:
    """The same, mended and empty afterwards."""
    yield ensemble
    for part in (*ensemble.consul_servers, *ensemble.agents):
        part.start()
    until(lambda: is_whole(ensemble), 30, "a whole cluster")
    until(lambda: len(voters(ensemble)) == 3, 20, "three servers that vote")
    manager = Api(ensemble.manager.endpoint)
    for container in manager.get("/containers/json?all=1"):
        manager("DELETE", f"/containers/{container['Id']}?force=1")


@pytest.fixture
def client(ensemble: Lab) -> Cli:
    """The docker client on PATH, pointed at the manager."""
    return Cli(next(iter(docker_clients().values())), ensemble.manager.url)


def leader(lab: Lab) -> ConsulServer | None:
    """The server that leads, or None while there is none."""
    answer = call("GET", lab.consul.endpoint, "/v1/status/leader", timeout_s=10)
    address = str(answer.json()).partition(":")[0] if answer.status == 200 else ""
    by_address = dict(zip(lab.plan.consul_servers, lab.consul_servers, strict=True))
    return by_address.get(address)


def voters(lab: Lab) -> list[str]:
    """Names of the servers that the leader calls healthy."""
    answer = call("GET", lab.consul.endpoint, "/v1/operator/autopilot/health", timeout_s=10)
    if answer.status not in {200, 429}:  # 429 says the same: not all are well
        return []
    servers = answer.json()["Servers"] or []
    return [one["Name"] for one in servers if one["Healthy"] and one["Voter"]]


def names(lab: Lab) -> set[str]:
    """The nodes that the manager knows."""
    return set(nodes_of(Api(lab.manager.endpoint).get("/info")))


def assert_works(client: Cli, name: str) -> None:
    """Run a container, see it listed as running, stop it, and see that."""
    client("run", "-d", "--name", name, "busybox", "sleep", "600")
    assert client("ps", "-q", "--filter", f"name={name}").line
    client("stop", "-t", "0", name)
    assert not client("ps", "-q", "--filter", f"name={name}").line


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_the_loss_of_one_server_changes_nothing(broken: Lab, client: Cli, role: str) -> None:
    first = until(lambda: leader(broken), 10, "a leader")
    servers = sorted(broken.consul_servers, key=lambda server: server is not first)
    victim = servers[0 if role == "leader" else 1]
    victim.kill()
    assert_works(client, f"without-a-{role}")
    assert len(names(broken)) == 3
    # What is written and what is heard both pass the servers that are left, once they agree.
    until(lambda: leader(broken) not in {None, victim}, 20, "a leader")
    broken.agents[2].stop()
    until(lambda: names(broken) == {"dockerhost01", "dockerhost02"}, 20, "the node's leave")
    broken.agents[2].start()
    until(lambda: is_whole(broken), 20, "the engine that appears")
    assert_works(client, f"whole-without-a-{role}")


def test_the_loss_of_two_servers_is_survived_with_what_is_known(broken: Lab, client: Cli) -> None:
    client("run", "-d", "--name", "stays", "busybox", "sleep", "600")
    first = until(lambda: leader(broken), 10, "a leader")
    follower = next(server for server in broken.consul_servers if server is not first)
    for server in (first, follower):
        server.kill()
    until(lambda: leader(broken) is None, 10, "the end of the majority")
    end = time.monotonic() + 5
    while time.monotonic() < end:
        assert names(broken) == {"dockerhost01", "dockerhost02", "dockerhost03"}
        assert client("ps", "--format", "{{.Names}}").line.endswith("/stays")
        assert client("run", "--rm", "busybox", "echo", "on").line == "on"
    assert "what is known stays as it is" in broken.logs("manager")
    for server in (first, follower):
        server.start()
    until(lambda: leader(broken), 20, "a leader")
    assert len(names(broken)) == 3
    assert client("ps", "--format", "{{.Names}}").line.endswith("/stays")
    # Changes are heard again.
    broken.agents[2].stop()
    until(lambda: names(broken) == {"dockerhost01", "dockerhost02"}, 20, "the node's leave")
