"""A Consul of three real servers: one of them may go, and without two the cluster still serves."""

import base64
import os
import time
from collections.abc import Iterator

import pytest
from integration_tools import Api, Cli, docker_clients, is_whole, nodes_of, until
from registrator_hosts import entries, keys

from lab.cluster import Lab
from lab.consul import ConsulServer
from lab.http import call
from lab.load import Load

pytestmark = [pytest.mark.fault, pytest.mark.timeout(150)]

LONGER_S = 25.0
"""Than entries and engines outlive their agents, which is 20 s in the lab."""
PAGE = "mkdir /www; hostname > /www/index.html; exec httpd -f -p 80 -h /www"
"""Answers with the container's name."""


@pytest.fixture(scope="module")
def ensemble() -> Iterator[Lab]:
    """Three engines with agents, a manager and a router over a Consul of three servers."""
    with Lab(f"test-{os.getpid()}-consul", 3, consul_servers=3, router="haproxy") as lab:
        yield lab


@pytest.fixture
def broken(ensemble: Lab) -> Iterator[Lab]:
    """The same, mended and empty afterwards."""
    yield ensemble
    for part in (*ensemble.consul_servers, *ensemble.agents):
        part.start()
    until(lambda: is_whole(ensemble), 30, "a whole cluster")
    # Consul watches a server for ten seconds before it lets it vote.
    until(lambda: len(voters(ensemble)) == 3, 60, "three servers that vote")
    manager = Api(ensemble.manager.endpoint)
    for container in manager.get("/containers/json?all=1"):
        manager("DELETE", f"/containers/{container['Id']}?force=1")
    until(lambda: keys(ensemble) == {}, 10, "an empty list of services")


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


def serve(client: Cli, name: str) -> None:
    """Run a container that answers with its name, as the service of that name."""
    how = ("-p", "80", "--name", name, "--hostname", name, "-e", f"SERVICE_NAME={name}")
    client("run", "-d", *how, "busybox", "sh", "-c", PAGE)


def is_routed(lab: Lab, name: str) -> bool:
    """Whether the edge sends requests for *name* to its container."""
    answer = call("GET", lab.router.endpoint, "/", headers={"Host": name})
    return answer.status == 200 and answer.body.decode().strip() == name


def known_to(server: ConsulServer) -> dict[str, str]:
    """Key to address, as one server remembers it, with or without a leader."""
    found = Api(server.endpoint).get("/v1/kv/services/?recurse=1&stale=1")
    pairs = {item["Key"]: base64.b64decode(item["Value"] or "").decode() for item in found}
    return {
        key.removeprefix("services/"): value
        for key, value in pairs.items()
        if not key.startswith("services/.")
    }


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


def test_services_outlive_the_loss_of_the_leader_and_change_as_ever(
    broken: Lab, client: Cli
) -> None:
    serve(client, "stays")
    until(lambda: is_routed(broken, "stays"), 15, "the route")
    before = keys(broken)
    first = until(lambda: leader(broken), 10, "a leader")
    with Load(broken.router.endpoint, "stays", workers=2) as load:
        first.kill()
        until(lambda: leader(broken) not in {None, first}, 20, "another leader")
        # Sessions are kept by whoever leads: agents have to renew them with the new one.
        time.sleep(LONGER_S)
        assert keys(broken) == before
        serve(client, "comes")
        until(lambda: is_routed(broken, "comes"), 15, "the next route")
        client("rm", "-f", "comes")
        until(lambda: not is_routed(broken, "comes"), 15, "its end")
        assert keys(broken) == before
    assert (load.tally.lost, load.tally.ok > 0) == (0, True), load.tally


def test_the_loss_of_two_servers_is_survived_with_what_is_known(broken: Lab, client: Cli) -> None:
    serve(client, "stays")
    until(lambda: is_routed(broken, "stays"), 15, "the route")
    before, known = keys(broken), entries(broken)
    first = until(lambda: leader(broken), 10, "a leader")
    follower, left = (server for server in broken.consul_servers if server is not first)
    with Load(broken.router.endpoint, "stays", workers=2) as load:
        for server in (first, follower):
            server.kill()
        until(lambda: leader(broken) is None, 10, "the end of the majority")
        end = time.monotonic() + LONGER_S
        serve(client, "comes")
        while time.monotonic() < end:
            assert names(broken) == {"dockerhost01", "dockerhost02", "dockerhost03"}
            assert "/stays" in client("ps", "--format", "{{.Names}}").out
            assert client("run", "--rm", "busybox", "echo", "on").line == "on"
        # What is known can be read, and nothing written: the new one is not found by its name.
        assert known_to(left) == known
        assert not is_routed(broken, "comes")
        assert "what is known stays as it is" in broken.logs("manager")
        for server in (first, follower):
            server.start()
        until(lambda: leader(broken), 20, "a leader")
        until(lambda: is_routed(broken, "comes"), 30, "the route of what came meanwhile")
        found = keys(broken)
        assert {key: found.get(key) for key in before} == before
        assert len(found) == 2
    assert (load.tally.lost, load.tally.ok > 0) == (0, True), load.tally
    assert len(names(broken)) == 3
    # Changes are heard again.
    broken.agents[2].stop()
    until(lambda: names(broken) == {"dockerhost01", "dockerhost02"}, 20, "the node's leave")
