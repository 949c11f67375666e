"""Whitelist filter: only the nodes that are named, ``whitelist:node==node-1|node-2``.

Names are compared as they are, without globs, and the key does not matter.

Source: scheduler/filter/whitelist.go of classic Swarm, where it is not documented.
"""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.types import Check, Filter, Node, Request
from scheduler.wording import shorten


def check_for(request: Request, _nodes: Sequence[Node]) -> Check | None:
    """Refuse nodes that one of the whitelists does not name."""
    whitelists = request.whitelists
    if not whitelists:
        return None

    def refuse(node: Node) -> str | None:
        for whitelist in whitelists:
            if not whitelist.accepts((node.name,)):
                return f"the node is not among {shorten(whitelist.value)}"
        return None

    return refuse


def conditions_of(request: Request) -> list[str]:
    """Return ``node==node-1|node-2 (soft=false)`` for each whitelist, classic Swarm's words."""
    return [
        f"{whitelist} (soft={'true' if whitelist.is_soft else 'false'})"
        for whitelist in request.whitelists
    ]


WHITELIST = Filter("whitelist", check_for, conditions_of)
