"""Which index and ports a lab takes, so that it meets no other lab and nobody else's servers."""

from collections.abc import Sequence
from dataclasses import replace

from lab.addresses import LabPlan, plan
from lab.errors import LabError
from lab.ports import free_everywhere, free_port, is_free
from lab.state import LabState

_HERE = "127.0.0.1"


def plan_of(state: LabState) -> LabPlan:
    """Return the addresses of a lab whose ports have been chosen."""
    return replace(
        plan(state.index, len(state.engines), state.consul_servers),
        consul_port=state.consul_port,
        consul_rpc_port=state.consul_rpc_port,
        consul_gossip_port=state.consul_gossip_port,
        registry_port=state.registry_port,
        manager_port=state.manager_port,
        edge_port=state.edge_port,
        router_status_port=state.router_status_port,
    )


def with_addresses(
    wanted: LabState, labs: Sequence[LabState], manager_port: int | None
) -> LabState:
    """Return *wanted* with an index and ports that neither *labs* nor anybody else has.

    Args:
        wanted: the lab to be.
        labs: those that are there.
        manager_port: the manager's port on 127.0.0.1; by default 2375, or the next that is free.

    Raises:
        LabError: the manager's port is taken, or there are too many labs.
    """
    index = next(i for i in range(len(labs) + 1) if i not in {lab.index for lab in labs})
    wish = plan(index, len(wanted.engines), wanted.consul_servers)
    taken = {port for lab in labs for port in (lab.consul_port, lab.manager_port)}
    consuls = (wish.gateway, *wish.consul_servers)
    consul_port = free_everywhere((_HERE, *consuls), wish.consul_port, taken)
    # The machine may run a Consul of its own that listens on every address.
    rpc_port = free_everywhere(consuls, wish.consul_rpc_port)
    if manager_port is None:
        manager_port = free_port(_HERE, wish.manager_port, taken | {consul_port})
    elif wanted.manager and not is_free(_HERE, manager_port):
        raise LabError(
            f"port {manager_port} on {_HERE} is taken: choose another with --manager-port"
        )
    return replace(
        wanted,
        index=index,
        consul_port=consul_port,
        consul_rpc_port=rpc_port,
        consul_gossip_port=free_everywhere(consuls, wish.consul_gossip_port, {rpc_port}),
        registry_port=free_port(wish.gateway, wish.registry_port),
        manager_port=manager_port,
        edge_port=free_port(wish.gateway, wish.edge_port),
        router_status_port=free_port(wish.gateway, wish.router_status_port),
    )
