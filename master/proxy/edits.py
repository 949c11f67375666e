"""The few answers that the cluster adds something to on their way through."""

from __future__ import annotations

import orjson

from master.cluster.containers.ports import at_engine
from master.cluster.model import Engine
from master.cluster.networks.edits import with_cluster_ids
from master.cluster.networks.index import NetworkIds
from master.cluster.node_object import node_object


def add_node(body: bytes, engine: Engine, networks: NetworkIds | None = None) -> bytes:
    """A container's inspect with ``Node``, and with published ports at the engine's address.

    Networks go by the cluster's IDs. Source: classic Swarm's inspect; unknown fields stay. What is
    not an object is left alone.
    """
    try:
        container = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    if not isinstance(container, dict):
        return body
    if networks is not None:
        container = with_cluster_ids(container, networks)
    container["Node"] = node_object(engine)
    settings = container.get("NetworkSettings")
    ports = settings.get("Ports") if isinstance(settings, dict) else None
    if isinstance(settings, dict) and isinstance(ports, dict):
        settings["Ports"] = {
            port: at_engine(found, "HostIp", engine.ip) if isinstance(found, list) else found
            for port, found in ports.items()
        }
    return orjson.dumps(container) + b"\n"


def created_id(body: bytes) -> str:
    """The ``Id`` of a create's answer; empty if there is none."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    found = parsed.get("Id") if isinstance(parsed, dict) else None
    return found if isinstance(found, str) else ""
