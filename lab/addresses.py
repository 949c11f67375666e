"""Which names and addresses a lab and its hosts have: pure arithmetic on the lab's index.

Lab 0 has its engines on 127.0.0.11, 127.0.0.12 …; lab k on 127.0.(10+k).11 and so on. Each lab
also has a gateway address, 127.0.(10+k).1: the machine as its hosts see it. A Consul of several
servers has them on 127.0.(10+k).2 and up. All of them are loopback addresses, so nothing ever
leaves the machine, and no two labs share one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lab.errors import LabError

MAX_LABS = 100
MAX_ENGINES = 40
"""127.0.0.11 to 127.0.0.50: a local name service often sits on 127.0.0.53."""
MAX_CONSUL_SERVERS = 7
"""127.0.10.2 to 127.0.10.8; Consul's makers advise three or five."""
ENGINE_PORT = 2375
_FIRST_HOST = 10
_FIRST_NET = 10
_DEFAULT_CONSUL_PORT = 8500
_DEFAULT_CONSUL_RPC_PORT = 8300
_DEFAULT_CONSUL_GOSSIP_PORT = 8301
_DEFAULT_REGISTRY_PORT = 5000
_DEFAULT_MANAGER_PORT = 2375
_DEFAULT_EDGE_PORT = 8080
_DEFAULT_ROUTER_STATUS_PORT = 8480
_PORTS_APART = 10


@dataclass(frozen=True, slots=True)
class HostPlan:
    """One host of the lab, before it exists."""

    number: int
    name: str
    """``dockerhost01``: host name, engine name and the name that the verbs take."""
    agent: str
    """``agent-01``: what runs beside the engine."""
    address: str
    """Loopback address of the host, without port."""
    mac: str
    labels: Mapping[str, str]

    @property
    def endpoint(self) -> str:
        """Host and port of the engine's API."""
        return f"{self.address}:{ENGINE_PORT}"


@dataclass(frozen=True, slots=True)
class LabPlan:
    """Addresses of a whole lab."""

    index: int
    gateway: str
    """The machine's address as the hosts see it; the registry, Consul and the edge are there."""
    gateway_mac: str
    link: str
    """Name of the one network interface that the machine gets."""
    consul_servers: tuple[str, ...]
    """Addresses of the servers when there are several; empty: the one at the gateway is all."""
    consul_port: int
    consul_rpc_port: int
    consul_gossip_port: int
    registry_port: int
    manager_port: int
    edge_port: int
    """Of the gateway address: where the router's proxy takes requests."""
    router_status_port: int
    hosts: tuple[HostPlan, ...]


def plan(index: int, engines: int, consul_servers: int = 1) -> LabPlan:
    """Lay out lab number *index* with *engines* hosts; ports are wishes, they may be taken.

    Raises:
        LabError: more labs, engines or Consul servers than there are addresses for.
    """
    if not 0 <= index < MAX_LABS:
        raise LabError(f"there are already {MAX_LABS} labs on this machine: take one down first")
    if not 1 <= engines <= MAX_ENGINES:
        raise LabError(f"a lab has 1 to {MAX_ENGINES} engines, not {engines}")
    if not 1 <= consul_servers <= MAX_CONSUL_SERVERS:
        raise LabError(f"a lab has 1 to {MAX_CONSUL_SERVERS} Consul servers, not {consul_servers}")
    net = f"127.0.{_FIRST_NET + index}"
    return LabPlan(
        index=index,
        gateway=f"{net}.1",
        gateway_mac=_mac(index, 1),
        link=f"swarmlab{index}",
        consul_servers=tuple(
            f"{net}.{number + 1}" for number in range(1, consul_servers + 1) if consul_servers > 1
        ),
        consul_port=_DEFAULT_CONSUL_PORT + _PORTS_APART * index,
        consul_rpc_port=_DEFAULT_CONSUL_RPC_PORT,
        consul_gossip_port=_DEFAULT_CONSUL_GOSSIP_PORT,
        registry_port=_DEFAULT_REGISTRY_PORT,
        manager_port=_DEFAULT_MANAGER_PORT + _PORTS_APART * index,
        edge_port=_DEFAULT_EDGE_PORT,
        router_status_port=_DEFAULT_ROUTER_STATUS_PORT,
        hosts=tuple(_host(index, number) for number in range(1, engines + 1)),
    )


def labels(number: int) -> dict[str, str]:
    """Return the labels of host *number*; the first four differ, eight cover every combination."""
    position = number - 1
    return {
        "zone": "database" if position & 2 else "application",
        "disk": "hdd" if position & 1 else "ssd",
        "env": "dev" if (position & 1) != (position >> 2 & 1) else "prod",
    }


def _host(index: int, number: int) -> HostPlan:
    net = 0 if index == 0 else _FIRST_NET + index
    return HostPlan(
        number=number,
        name=f"dockerhost{number:02d}",
        agent=f"agent-{number:02d}",
        address=f"127.0.{net}.{_FIRST_HOST + number}",
        mac=_mac(index, _FIRST_HOST + number),
        labels=labels(number),
    )


def _mac(index: int, last: int) -> str:
    """Return a locally administered hardware address; fixed, so that no ARP is needed."""
    return f"02:53:57:4c:{index:02x}:{last:02x}"
