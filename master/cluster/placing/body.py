"""Edits of a ``POST /containers/create`` body: what the cluster takes out, and what it adds.

Only the keys named here are touched; every other field reaches the engine as the client sent it.
Nothing is sent from here. The order of a create::

    creation = read_creation(body, name=..., swarm_id=..., find_node=state.engine_by_name)
    request = request_from_body(creation.body, creation.name)      # master.cluster.placing.wanted
    ... place and reserve ...
    body = with_references(creation.body, translate)                # for the engine chosen

API versions before 1.18 put ``Memory`` and ``CpuShares`` at the top level. The manager starts at
1.24, where every engine ignores them there, and so does it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from master.cluster.model import SWARM_ID_LABEL, Engine
from master.cluster.placing.body_types import read_body
from master.cluster.placing.cores import CORES_LABEL, shares_of
from master.cluster.placing.mounts import strip_volumes
from master.errors import BadRequestError
from scheduler.directives import Directives, merge, write_labels
from scheduler.wording import shorten

CONTAINER_MODE = "container:"

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_MODES = ("NetworkMode", "IpcMode", "PidMode")

FindNode = Callable[[str], Engine | None]
"""Node's name, ID or address to the engine; None if there is none, or more than one."""


@dataclass(frozen=True, slots=True)
class Creation:
    """A create as the cluster understands it."""

    body: dict[str, Any]
    """For the engine, but for references to other containers (`with_references`)."""
    name: str
    """Without node and slash; empty if the engine chooses one."""
    is_node_name: bool
    """It was written ``node/name``: it has to be free on that node only."""
    node: Engine | None
    """Where it has to go because its name or a network says so; a constraint says it too."""
    directives: Directives
    """All that were given, as texts; they stand in the labels as well."""


def read_creation(
    body: object,
    *,
    name: str,
    swarm_id: str,
    find_node: FindNode,
    cpu_shares_are_cores: bool = False,
) -> Creation:
    """Check a create and take the cluster's own words out of it.

    Args:
        body: the decoded JSON; it isn't changed.
        name: the query's ``name``: empty, ``web``, ``/web`` or ``node/web``.
        swarm_id: 64 hex digits; a label of that key in the body is overwritten, since two
            containers must not share one.
        find_node: tells which node a prefix means.
        cpu_shares_are_cores: ``swarm.cpushares=cores``: CpuShares asks for that many CPUs.

    Raises:
        BadRequestError: the body or the name makes no sense, or name and networks name
            different nodes.
        BadExpressionError: a directive's label is not a JSON array of strings.
    """
    read = read_body(body)
    bare_name, name_node = split_name(name, find_node)
    network_nodes = _strip_networks(read, find_node)
    volume_nodes = strip_volumes(read, find_node)
    node = _only_node([*([name_node] if name_node else []), *network_nodes, *volume_nodes])
    env, labels, directives = merge(read.get("Env", []), read.get("Labels", {}))
    if node is not None:
        # Engines that share a name can be told apart by their IDs alone.
        is_unique = find_node(node.name) is not None
        directives += Directives(constraints=(f"node=={node.name if is_unique else node.id}",))
        labels = write_labels(labels, directives)
    shares = read.get("HostConfig", {}).get("CpuShares", 0)
    if cpu_shares_are_cores and shares > 0:
        labels[CORES_LABEL] = str(shares)
    labels[SWARM_ID_LABEL] = swarm_id
    if "Env" in read:
        read["Env"] = env
    read["Labels"] = labels
    return Creation(read, bare_name, name_node is not None, node, directives)


def split_name(name: str, find_node: FindNode) -> tuple[str, Engine | None]:
    """Return the container's name, and the node if it is written ``node/name``.

    Raises:
        BadRequestError: no container may have that name, in Docker's words.
    """
    bare = name.removeprefix("/")
    if not name:
        return "", None
    if _NAME.fullmatch(bare):
        return bare, None
    prefix, _, rest = bare.rpartition("/")
    node = find_node(prefix) if prefix else None
    if node is None or not _NAME.fullmatch(rest):
        raise BadRequestError(
            f"Invalid container name ({shorten(name)}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )
    return rest, node


def with_references(body: dict[str, Any], translate: Callable[[str], str]) -> dict[str, Any]:
    """Return a copy whose references to other containers are what the engine understands.

    They stand in Links, VolumesFrom and the three modes ``container:x``.

    Args:
        body: from `read_creation`.
        translate: ``node/web`` or a Swarm ID to a name or ID on the engine chosen; a reference
            that it doesn't know comes back as it was.
    """
    host = dict(body.get("HostConfig") or {})
    for key in ("Links", "VolumesFrom"):
        if key in host:
            host[key] = [_translated(text, translate) for text in host[key]]
    for key in _MODES:
        mode = host.get(key, "")
        if mode.startswith(CONTAINER_MODE):
            host[key] = CONTAINER_MODE + translate(mode.removeprefix(CONTAINER_MODE))
    return {**body, "HostConfig": host} if host else dict(body)


def with_scaled_shares(body: dict[str, Any], engine_cpus: int) -> dict[str, Any]:
    """Return a copy whose CpuShares, a number of CPUs, are shares of an engine's 1024.

    Only for ``swarm.cpushares=cores``.
    """
    host = dict(body.get("HostConfig") or {})
    if host.get("CpuShares", 0) <= 0 or engine_cpus <= 0:
        return dict(body)
    host["CpuShares"] = shares_of(host["CpuShares"], engine_cpus)
    return {**body, "HostConfig": host}


def _strip_networks(body: dict[str, Any], find_node: FindNode) -> list[Engine]:
    """Take ``node/`` off the networks' names, in place, and return the nodes that were named."""
    nodes: list[Engine] = []
    host = body.get("HostConfig", {})
    mode = host.get("NetworkMode", "")
    if mode and not mode.startswith(CONTAINER_MODE):
        host["NetworkMode"], found = _split_network(mode, find_node)
        nodes += found
    networking = body.get("NetworkingConfig", {})
    if endpoints := networking.get("EndpointsConfig"):
        networking["EndpointsConfig"] = stripped = {}
        for network, settings in endpoints.items():
            bare, found = _split_network(network, find_node)
            stripped[bare] = settings
            nodes += found
    return nodes


def _split_network(network: str, find_node: FindNode) -> tuple[str, list[Engine]]:
    prefix, slash, bare = network.rpartition("/")
    node = find_node(prefix) if slash and bare else None
    # Docker allows a slash in a network's name: without such a node it belongs to the name.
    return (bare, [node]) if node is not None else (network, [])


def _only_node(nodes: list[Engine]) -> Engine | None:
    by_address = {node.address: node for node in nodes}
    if len(by_address) > 1:
        names = ", ".join(node.name for node in by_address.values())
        raise BadRequestError(
            f"the container's name, networks and volumes belong to different nodes: "
            f"{shorten(names)}"
        )
    return next(iter(by_address.values()), None)


def _translated(text: str, translate: Callable[[str], str]) -> str:
    """Translate the reference in ``web:alias`` or ``web:ro``."""
    reference, colon, rest = text.partition(":")
    return f"{translate(reference)}{colon}{rest}"
