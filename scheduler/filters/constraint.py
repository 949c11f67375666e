"""Constraint filter: what the node itself is.

The key ``node`` is about its name and ID, any other key about that label of
the engine. A missing label is an empty text: ``disk!=ssd`` admits nodes without the label.

Source: docs.docker.com/swarm/scheduler/filter, "Use a constraint filter".
"""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.expr import Expression
from scheduler.types import Check, Filter, Node, Request
from scheduler.wording import shorten


def check_for(request: Request, nodes: Sequence[Node]) -> Check | None:
    """Refuse nodes whose name or labels break one of the constraints."""
    if not request.constraints:
        return None
    ids = {node.id for node in nodes} if any(map(_is_about_node, request.constraints)) else set()
    # An engine's ID with its address holds a bar, ``ABCD:...|10.0.0.5:2375``. Read as a pattern
    # it would also name the clone of that machine, whose ID differs behind the bar only.
    constraints = [
        (constraint, _is_about_node(constraint) and constraint.value in ids)
        for constraint in request.constraints
    ]

    def refuse(node: Node) -> str | None:
        for constraint, is_one_id in constraints:
            if is_one_id:
                is_accepted = (node.id == constraint.value) is (constraint.operator == "==")
            else:
                is_accepted = constraint.accepts(_subjects(constraint.key, node))
            if not is_accepted:
                return _reason(constraint, node)
        return None

    return refuse


def conditions_of(request: Request) -> list[str]:
    """Return the constraints as they were given, without a soft one's ``~``."""
    return [str(constraint) for constraint in request.constraints]


def _is_about_node(constraint: Expression) -> bool:
    return constraint.key == "node"


def _subjects(key: str, node: Node) -> tuple[str, ...]:
    return (node.name, node.id) if key == "node" else (node.labels.get(key, ""),)


def _reason(constraint: Expression, node: Node) -> str:
    value = shorten(constraint.value)
    if constraint.key == "node":
        return f"the node is {'not ' if constraint.operator == '==' else ''}{value}"
    label = f"label {shorten(constraint.key)}"
    if constraint.key not in node.labels:
        return f"{label} is not set, {constraint.operator} {value} is asked for"
    actual = shorten(node.labels[constraint.key])
    if constraint.operator == "==":
        return f"{label} is {actual}, not {value}"
    return f"{label} is {actual}, which != {value} excludes"


CONSTRAINT = Filter("constraint", check_for, conditions_of)
