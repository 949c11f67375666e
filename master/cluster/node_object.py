"""Which engine a thing is on, as users know it: its name, and ``Node`` as classic Swarm had it."""

from __future__ import annotations

from typing import Any

from master.cluster.model import Engine
from master.cluster.state import ClusterState


def node_name(state: ClusterState, address: str) -> str:
    """Return the engine's hostname, its address as long as that is all that is known."""
    engine = state.engine(address)
    return (engine.name if engine else "") or address


def node_object(engine: Engine) -> dict[str, Any]:
    """``Node`` as classic Swarm's clients know it."""
    return {
        "ID": engine.id,
        "IP": engine.ip,
        "Addr": engine.address,
        "Name": engine.name,
        "Cpus": engine.cpus,
        "Memory": engine.memory,
        "Labels": dict(engine.labels),
    }
