"""Dependency filter: a container goes where the containers are that it leans on.

``--volumes-from``, ``--link`` and ``--net``, ``--ipc`` and ``--pid=container:X`` work within one
engine only.

Source: docs.docker.com/swarm/scheduler/filter, "Use a dependency filter".
"""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.types import Check, Filter, Node, Request
from scheduler.wording import shorten


def check_for(request: Request, nodes: Sequence[Node]) -> Check | None:
    """Refuse nodes that lack one of the containers that *request* depends on.

    A name or a whole ID anywhere in the cluster goes before a prefix: with a
    container called ``ab`` on one node, an ID that begins with ab on another is not meant.
    """
    references = _references_of(request)
    if not references:
        return None
    prefixes = {
        reference
        for reference in references
        if reference and not any(reference in node.references for node in nodes)
    }

    def refuse(node: Node) -> str | None:
        for reference in references:
            if reference in node.references:
                continue
            if reference not in prefixes or not _has_one_with_prefix(node, reference):
                return f"container {shorten(reference)} is not on this node"
        return None

    return refuse


def conditions_of(request: Request) -> list[str]:
    """Return the dependencies as options of ``docker run``, classic Swarm's words."""
    conditions = [f"--volumes-from={volume}" for volume in request.volumes_from]
    conditions += [f"--link={link}" for link in request.links]
    conditions += [f"--{kind}=container:{container}" for kind, container in _joined(request)]
    return conditions


def _references_of(request: Request) -> tuple[str, ...]:
    # Behind the colon stand an access mode (data:ro) or an alias (db:database).
    named = [text.partition(":")[0] for text in (*request.volumes_from, *request.links)]
    named += [container for _, container in _joined(request)]
    return tuple(reference.removeprefix("/") for reference in named)


def _joined(request: Request) -> list[tuple[str, str]]:
    """Return whose namespaces it joins, and which."""
    all_kinds = (
        ("net", request.network_container),
        ("ipc", request.ipc_container),
        ("pid", request.pid_container),
    )
    return [(kind, container) for kind, container in all_kinds if container]


def _has_one_with_prefix(node: Node, prefix: str) -> bool:
    """Tell whether exactly one container of *node* has an ID or Swarm ID that begins so."""
    holders = sum(
        container.id.startswith(prefix) or container.swarm_id.startswith(prefix)
        for container in node.containers
    )
    return holders == 1


DEPENDENCY = Filter("dependency", check_for, conditions_of)
