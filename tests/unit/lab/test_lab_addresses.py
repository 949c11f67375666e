"""The lab's addresses: distinct, on loopback, and as the docs promise."""

import ipaddress

import pytest

from lab.addresses import MAX_CONSUL_SERVERS, MAX_ENGINES, MAX_LABS, labels, plan
from lab.errors import LabError


def test_the_first_lab_has_the_addresses_of_the_documentation() -> None:
    first = plan(0, 3)
    assert [host.endpoint for host in first.hosts] == [
        "127.0.0.11:2375",
        "127.0.0.12:2375",
        "127.0.0.13:2375",
    ]
    assert [host.name for host in first.hosts] == ["dockerhost01", "dockerhost02", "dockerhost03"]
    assert [host.agent for host in first.hosts] == ["agent-01", "agent-02", "agent-03"]
    assert (first.consul_port, first.manager_port) == (8500, 2375)


def test_no_two_labs_share_an_address_or_a_device() -> None:
    labs = [plan(index, MAX_ENGINES, MAX_CONSUL_SERVERS) for index in range(MAX_LABS)]
    addresses = [lab.gateway for lab in labs]
    addresses += [address for lab in labs for address in lab.consul_servers]
    addresses += [host.address for lab in labs for host in lab.hosts]
    macs = [lab.gateway_mac for lab in labs] + [host.mac for lab in labs for host in lab.hosts]
    assert len(set(addresses)) == len(addresses)
    assert len(set(macs)) == len(macs)
    assert len({lab.link for lab in labs}) == MAX_LABS
    assert all(ipaddress.ip_address(address).is_loopback for address in addresses)


def test_device_names_fit_into_the_kernels_limit() -> None:
    last = plan(MAX_LABS - 1, MAX_ENGINES)
    assert all(len(name) <= 15 for name in (last.link, *(host.name for host in last.hosts)))


@pytest.mark.parametrize(
    ("number", "zone", "disk", "env"),
    [
        pytest.param(1, "application", "ssd", "prod", id="first"),
        pytest.param(2, "application", "hdd", "dev", id="second"),
        pytest.param(3, "database", "ssd", "prod", id="third"),
        pytest.param(4, "database", "hdd", "dev", id="fourth"),
    ],
)
def test_labels_of_the_first_hosts(number: int, zone: str, disk: str, env: str) -> None:
    assert labels(number) == {"zone": zone, "disk": disk, "env": env}


def test_eight_hosts_cover_every_combination_of_labels() -> None:
    assert len({tuple(labels(number).values()) for number in range(1, 9)}) == 8


def test_several_consul_servers_stand_behind_the_address_of_one() -> None:
    assert plan(0, 3).consul_servers == ()
    assert plan(0, 3, 3).consul_servers == ("127.0.10.2", "127.0.10.3", "127.0.10.4")


@pytest.mark.parametrize("consul_servers", [0, MAX_CONSUL_SERVERS + 1])
def test_consul_servers_without_an_address_are_refused(consul_servers: int) -> None:
    with pytest.raises(LabError, match="Consul servers"):
        plan(0, 1, consul_servers)


@pytest.mark.parametrize(("index", "engines"), [(0, 0), (0, MAX_ENGINES + 1), (MAX_LABS, 1)])
def test_what_has_no_address_is_refused(index: int, engines: int) -> None:
    with pytest.raises(LabError):
        plan(index, engines)
