"""The few answers that the cluster adds something to on their way through."""

from __future__ import annotations

from typing import Any

import orjson

from master.cluster.model import Engine

_UNSPECIFIED = ("0.0.0.0", "::", "")


def add_node(body: bytes, engine: Engine) -> bytes:
    """A container's inspect with ``Node``, and with published ports at the engine's address.

    Source: classic Swarm's inspect; unknown fields stay. What is not an object is left alone.
    """
    try:
        container = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    if not isinstance(container, dict):
        return body
    container["Node"] = node_object(engine)
    settings = container.get("NetworkSettings")
    ports = settings.get("Ports") if isinstance(settings, dict) else None
    if isinstance(settings, dict) and isinstance(ports, dict):
        settings["Ports"] = {port: _bindings(found, engine.ip) for port, found in ports.items()}
    return orjson.dumps(container) + b"\n"


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


def _bindings(bindings: Any, ip: str) -> Any:
    if not isinstance(bindings, list) or not ip:
        return bindings
    rewritten: list[Any] = []
    for binding in bindings:
        known = isinstance(binding, dict) and binding.get("HostIp", "") in _UNSPECIFIED
        shown = {**binding, "HostIp": ip} if known else binding
        if shown not in rewritten:  # IPv4 and IPv6 twins are the same now
            rewritten.append(shown)
    return rewritten


def created_id(body: bytes) -> str:
    """The ``Id`` of a create's answer; empty if there is none."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    found = parsed.get("Id") if isinstance(parsed, dict) else None
    return found if isinstance(found, str) else ""
