"""``Node``: which engine a thing is on, in the form that classic Swarm's clients know."""

from __future__ import annotations

from typing import Any

from master.cluster.model import Engine


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
