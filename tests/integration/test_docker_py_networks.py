"""docker-py: networks."""

from collections.abc import Iterator
from typing import Any

import pytest
from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.types import EndpointConfig, IPAMConfig, IPAMPool
from docker_py_tools import node_of, run, sleeper
from integration_tools import Api
from network_tools import hosts_with, remove_networks

from lab.cluster import Lab

PING_DB = ["ping", "-c", "1", "-W", "3", "db"]


@pytest.fixture(autouse=True)
def _no_networks(lab: Lab) -> Iterator[None]:
    remove_networks(lab)
    yield
    remove_networks(lab)


def test_create_list_get_remove(lab: Lab, client: DockerClient) -> None:
    network = client.networks.create("web", driver="bridge", labels={"team": "blue"})
    assert network.name == "web"
    assert client.networks.get(network.id).attrs["Labels"] == {"team": "blue"}
    assert client.networks.get("web").id == client.networks.get(network.short_id).id == network.id
    with pytest.raises(APIError, match="network with name web already exists") as caught:
        client.networks.create("web", check_duplicate=True)
    assert caught.value.status_code == 409
    network.remove()
    with pytest.raises(NotFound, match="network web not found"):
        client.networks.get("web")
    assert hosts_with(lab, "web") == []


@pytest.mark.parametrize(
    "asked",
    [
        {"names": ["web"]},
        {"filters": {"name": "web"}},
        {"filters": {"label": "team=blue"}},
        {"filters": {"driver": "bridge", "type": "custom"}},
        {"names": ["web"], "greedy": True},
    ],
    ids=str,
)
def test_list_by(client: DockerClient, asked: dict[str, Any]) -> None:
    network = client.networks.create("web", labels={"team": "blue"})
    assert client.networks.list(**asked) == [network]
    assert client.networks.list(ids=[network.id], **asked) == [network]


def test_predefined_networks_are_listed_once(client: DockerClient) -> None:
    builtin = client.networks.list(filters={"type": "builtin"})
    assert sorted(network.name for network in builtin) == ["bridge", "host", "none"]
    with pytest.raises(APIError, match="bridge is a pre-defined network") as caught:
        client.networks.get("bridge").remove()
    assert caught.value.status_code == 403


def test_a_greedy_list_knows_the_members(client: DockerClient) -> None:
    client.networks.create("web")
    container = sleeper(client, network="web")
    (network,) = client.networks.list(names=["web"], greedy=True)
    assert network.containers == [container]


def test_settings(lab: Lab, client: DockerClient) -> None:
    options = {"com.docker.network.bridge.enable_icc": "false"}
    network = client.networks.create("web", internal=True, attachable=True, options=options)
    assert (network.attrs["Internal"], network.attrs["Attachable"]) == (True, True)
    assert network.attrs["Options"] == options
    assert network.attrs["Scope"] == "local"
    container = sleeper(client, network="web")
    (mirror,) = [engine for engine in lab.engines if engine.name == node_of(container)]
    told = Api(mirror.socket).get("/networks/web")
    assert (told["Internal"], told["Attachable"], told["Options"]) == (True, True, options)


def test_addresses(client: DockerClient) -> None:
    pool = IPAMPool(
        subnet="172.31.98.0/24", iprange="172.31.98.128/25", gateway="172.31.98.1",
        aux_addresses={"router": "172.31.98.2"},
    )  # fmt: skip
    network = client.networks.create("web", ipam=IPAMConfig(pool_configs=[pool]))
    (told,) = network.attrs["IPAM"]["Config"]
    assert (told["Subnet"], told["Gateway"]) == ("172.31.98.0/24", "172.31.98.1")
    assert (told["IPRange"], told["AuxiliaryAddresses"]) == (
        "172.31.98.128/25", {"router": "172.31.98.2"},
    )  # fmt: skip
    container = sleeper(client, network="web")
    container.reload()
    address = container.attrs["NetworkSettings"]["Networks"]["web"]["IPAddress"]
    assert int(address.rpartition(".")[2]) >= 128


def test_a_subnet_that_is_none(client: DockerClient) -> None:
    pool = IPAMPool(subnet="172.31.98.0/99")
    with pytest.raises(APIError, match=r"invalid CIDR address|invalid subnet") as caught:
        client.networks.create("web", ipam=IPAMConfig(pool_configs=[pool]))
    assert caught.value.is_error()
    assert client.networks.list(names=["web"]) == []


def test_connect_and_disconnect(client: DockerClient) -> None:
    pool = IPAMPool(subnet="172.31.98.0/24")
    network = client.networks.create("web", ipam=IPAMConfig(pool_configs=[pool]))
    container = sleeper(client)
    network.connect(container, aliases=["db"], ipv4_address="172.31.98.9")
    network.reload()
    assert network.containers == [container]
    container.reload()
    settings = container.attrs["NetworkSettings"]["Networks"]["web"]
    assert (settings["NetworkID"], settings["IPAddress"]) == (network.id, "172.31.98.9")
    assert "1 packets received" in run(client, PING_DB, network="web")
    network.disconnect(container)
    network.reload()
    assert network.containers == []
    with pytest.raises(APIError, match="is not connected to"):
        network.disconnect(container)
    network.connect(container.name)
    network.disconnect(container.name, force=True)
    container.reload()
    assert list(container.attrs["NetworkSettings"]["Networks"]) == ["bridge"]


def test_a_network_in_use_stays(client: DockerClient) -> None:
    network = client.networks.create("web")
    container = sleeper(client, network="web")
    with pytest.raises(APIError, match="has active endpoints") as caught:
        network.remove()
    assert caught.value.status_code == 403
    container.remove(force=True)
    network.remove()


@pytest.mark.parametrize("key", ["id", "name"])
def test_a_networking_config_may_use(client: DockerClient, key: str) -> None:
    network = client.networks.create("web")
    reference = getattr(network, key)
    settings = EndpointConfig(client.api._version, aliases=["db"])
    container = sleeper(client, network=reference, networking_config={reference: settings})
    container.reload()
    joined = container.attrs["NetworkSettings"]["Networks"]
    assert [end["NetworkID"] for end in joined.values()] == [network.id]
    assert container.attrs["HostConfig"]["NetworkMode"] == reference
    assert "1 packets received" in run(client, PING_DB, network="web")


def test_the_low_level_way(client: DockerClient) -> None:
    network = client.api.create_network("web")
    config = client.api.create_networking_config(
        {"web": client.api.create_endpoint_config(aliases=["db"])}
    )
    host = client.api.create_host_config(network_mode="web")
    made = client.api.create_container(
        "busybox", ["sleep", "600"], networking_config=config, host_config=host
    )
    client.api.start(made)
    told = client.api.inspect_network(network["Id"])
    assert list(told["Containers"]) == [made["Id"]]
    assert [row["Name"] for row in client.api.networks(names=["web"])] == ["web"]
    assert "1 packets received" in run(client, PING_DB, network="web")


def test_members_share_a_node(client: DockerClient) -> None:
    client.networks.create("web")
    members = [sleeper(client, network="web", name=f"member{n}") for n in range(3)]
    assert len({node_of(member) for member in members}) == 1
    code, _ = members[0].exec_run(["ping", "-c", "1", "-W", "3", "member2"])
    assert code == 0


def test_a_network_that_nobody_has(client: DockerClient) -> None:
    with pytest.raises(NotFound, match="network no-such not found"):
        client.containers.run("busybox", "true", network="no-such")


def test_prune(client: DockerClient) -> None:
    client.networks.create("web")
    client.networks.create("used")
    sleeper(client, network="used")
    assert client.networks.prune() == {"NetworksDeleted": ["web"]}
    assert client.networks.prune(filters={"label": "no=such"})["NetworksDeleted"] is None
