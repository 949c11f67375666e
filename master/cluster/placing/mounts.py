"""The named volumes in a ``POST /containers/create`` body."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from master.cluster.model import Engine
from master.cluster.volumes.listing import is_volume_name, split_volume

FindNode = Callable[[str], Engine | None]


def strip_volumes(body: dict[str, Any], find_node: FindNode) -> list[Engine]:
    """Take ``node/`` off the volumes' names, in place, and return the nodes that were named.

    Args:
        body: from `read_body`, so a copy with checked types.
        find_node: tells which node a prefix means; what names no node is left to the engine.
    """
    host = body.get("HostConfig") or {}
    nodes: list[Engine] = []
    for index, bind in enumerate(host.get("Binds") or ()):
        source, colon, rest = bind.partition(":")
        if not colon or source.startswith("/"):
            continue
        bare, node = split_volume(source, find_node)
        if node is not None:
            host["Binds"][index] = f"{bare}:{rest}"
            nodes.append(node)
    for mount in _volume_mounts(host):
        bare, node = split_volume(mount["Source"], find_node)
        if node is not None:
            mount["Source"] = bare
            nodes.append(node)
    return nodes


def named_volumes(body: dict[str, Any]) -> frozenset[str]:
    """Return the volumes that a container names: those that can have, or get, a home.

    Anonymous ones are made wherever it lands; paths are the user's affair; ``--volumes-from`` is
    the dependency filter's.
    """
    host = body.get("HostConfig") or {}
    sources = [bind.partition(":")[0] for bind in host.get("Binds") or () if ":" in bind]
    sources += [mount["Source"] for mount in _volume_mounts(host)]
    return frozenset(filter(is_volume_name, sources))


def _volume_mounts(host: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for mount in host.get("Mounts") or ():
        if mount.get("Type") == "volume" and mount.get("Source"):
            yield mount
