"""docker-py's networks, as its users write them."""

import gc
from collections.abc import Iterator

import docker as docker_py
import pytest
from docker.errors import APIError, NotFound
from docker.types import EndpointConfig, IPAMConfig, IPAMPool
from network_tools import hosts_with, remove_networks

from lab.cluster import Lab


@pytest.fixture
def client(lab: Lab) -> Iterator[docker_py.DockerClient]:
    """The library, pointed at the manager."""
    client = docker_py.DockerClient(base_url=lab.manager.url)
    yield client
    client.close()
    gc.collect()  # the library leaves the sockets of its streams to the collector
    remove_networks(lab)


pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def test_create_list_get_remove(lab: Lab, client: docker_py.DockerClient) -> None:
    network = client.networks.create("web", driver="bridge", labels={"team": "blue"})
    assert network.name == "web"
    assert client.networks.get(network.id).attrs["Labels"] == {"team": "blue"}
    assert client.networks.get("web").id == client.networks.get(network.short_id).id == network.id
    assert [n.id for n in client.networks.list(names=["web"])] == [network.id]
    assert [n.id for n in client.networks.list(ids=[network.id], greedy=True)] == [network.id]
    assert [n.id for n in client.networks.list(filters={"label": "team=blue"})] == [network.id]
    with pytest.raises(APIError, match="network with name web already exists"):
        client.networks.create("web", check_duplicate=True)
    network.remove()
    with pytest.raises(NotFound, match="network web not found"):
        client.networks.get("web")
    assert hosts_with(lab, "web") == []


def test_connect_disconnect_and_ipam(client: docker_py.DockerClient) -> None:
    pool = IPAMPool(subnet="172.31.98.0/24", gateway="172.31.98.1")
    network = client.networks.create("web", ipam=IPAMConfig(pool_configs=[pool]))
    assert network.attrs["IPAM"]["Config"] == [
        {"Subnet": "172.31.98.0/24", "Gateway": "172.31.98.1"}
    ]
    container = client.containers.run("busybox", ["sleep", "600"], detach=True, name="one")
    network.connect(container, aliases=["db"], ipv4_address="172.31.98.9")
    network.reload()
    assert [found.id for found in network.containers] == [container.id]
    container.reload()
    settings = container.attrs["NetworkSettings"]["Networks"]["web"]
    assert (settings["NetworkID"], settings["IPAddress"]) == (network.id, "172.31.98.9")
    assert client.containers.run(
        "busybox", ["ping", "-c", "1", "-W", "3", "db"], network="web", remove=True
    )
    network.disconnect(container)
    network.reload()
    assert network.containers == []
    with pytest.raises(APIError, match="is not connected to"):
        network.disconnect(container)


def test_a_networking_config_may_use_the_id(client: docker_py.DockerClient) -> None:
    network = client.networks.create("web")
    settings = EndpointConfig(client.api._version, aliases=["db"])
    container = client.containers.run(
        "busybox",
        ["sleep", "600"],
        detach=True,
        network=network.id,
        networking_config={network.id: settings},
    )
    container.reload()
    joined = container.attrs["NetworkSettings"]["Networks"]
    assert [end["NetworkID"] for end in joined.values()] == [network.id]
    assert container.attrs["HostConfig"]["NetworkMode"] == network.id
    assert client.containers.run(
        "busybox", ["ping", "-c", "1", "-W", "3", "db"], network="web", remove=True
    )


def test_prune(client: docker_py.DockerClient) -> None:
    client.networks.create("web")
    assert client.networks.prune() == {"NetworksDeleted": ["web"]}
    assert client.networks.prune(filters={"label": "no=such"})["NetworksDeleted"] is None
