"""Health filter: an engine that does not answer gets nothing.

Source: docs.docker.com/swarm/scheduler/filter, "Use the health filter".
"""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.types import Check, Filter, Node, Request


def check_for(_request: Request, _nodes: Sequence[Node]) -> Check | None:
    """Refuse nodes without any health left."""
    return _refuse


def _refuse(node: Node) -> str | None:
    return None if node.health > 0 else "the engine is not healthy"


def conditions_of(_request: Request) -> list[str]:
    """Nothing: a cluster without a healthy node has a message of its own."""
    return []


HEALTH = Filter("health", check_for, conditions_of)
