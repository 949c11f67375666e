"""Affinity filter: near to, or far from, other containers and images.

The key ``container`` is about names and IDs of containers on the node,
``image`` about its images, any other key about that label of its containers.
A container without the label has no value there: ``affinity:front!=*`` keeps
away from containers with a label front, and from those alone. (Classic Swarm
took the missing label as an empty text, which ``*`` matched.)

Source: docs.docker.com/swarm/scheduler/filter, "Use an affinity filter".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from scheduler.expr import Expression
from scheduler.types import Check, Filter, Node, Request
from scheduler.wording import shorten


def check_for(request: Request, _nodes: Sequence[Node]) -> Check | None:
    """Refuse nodes whose containers or images break one of the affinities."""
    affinities = request.affinities
    if not affinities:
        return None

    def refuse(node: Node) -> str | None:
        for affinity in affinities:
            if not affinity.accepts(_subjects(affinity.key, node)):
                return _reason(affinity)
        return None

    return refuse


def conditions_of(request: Request) -> list[str]:
    """Return ``container==web (soft=false)`` for each affinity, classic Swarm's words."""
    return [
        f"{affinity} (soft={'true' if affinity.is_soft else 'false'})"
        for affinity in request.affinities
    ]


def _subjects(key: str, node: Node) -> Collection[str]:
    match key:
        case "container":
            return node.container_names
        case "image":
            return node.images
        case _:
            return [
                value
                for container in node.containers
                if (value := container.labels.get(key)) is not None
            ]


def _reason(affinity: Expression) -> str:
    value = shorten(affinity.value)
    what = {"container": "container", "image": "image"}.get(
        affinity.key, f"container with label {shorten(affinity.key)}"
    )
    if affinity.operator == "==":
        return f"no {what} {value} here"
    return f"{what} {value} is here"


AFFINITY = Filter("affinity", check_for, conditions_of)
