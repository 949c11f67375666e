"""Container slots filter: the engine label ``containerslots=N`` limits a node to N containers.

All containers count, stopped and foreign ones too, as in classic Swarm: the
label is about how many may exist. A label that is no integer is ignored.

Source: docs.docker.com/swarm/scheduler/filter, "Use the containerslots filter".
"""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.types import Check, Filter, Node, Request


def check_for(_request: Request, _nodes: Sequence[Node]) -> Check | None:
    """Refuse nodes whose slots are all taken."""
    return _refuse


def _refuse(node: Node) -> str | None:
    if node.container_slots is None or len(node.containers) < node.container_slots:
        return None
    return f"{len(node.containers)} of {node.container_slots} container slots are taken"


def conditions_of(_request: Request) -> list[str]:
    """Return classic Swarm's words, which it gave whether or not a node had the label."""
    return ["available container slots"]


SLOTS = Filter("containerslots", check_for, conditions_of)
