"""Which published TCP port of the cluster leads where: `published`, for ``--publish``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from master.cluster.containers.ports import at_engine
from master.cluster.lenient import as_list
from master.cluster.model import Container, Engine
from master.cluster.placing.drawn_ports import is_loopback
from master.cluster.state import ClusterState


@dataclass(frozen=True, slots=True)
class Published:
    """One container's published port."""

    ip: str
    """Where it is open: the node's address, or the one it was published at."""
    container_id: str
    label: str
    """``node/name``, for the log."""


def published(state: ClusterState) -> dict[int, tuple[Published, ...]]:
    """Return the host ports that containers have open, and whose they are.

    A fixed port may be open on several nodes. Those of healthy engines come first, then the
    oldest, so that what was there first stays where it is. Left out is what only the node itself
    can reach, and every protocol but TCP.
    """
    engines = state.engines()
    found: dict[int, dict[Published, None]] = {}

    def order(container: Container) -> tuple[bool, float, str]:
        engine = engines[container.engine]
        created = container.config.created_at or container.created
        return not engine.is_healthy, created + engine.clock_skew_s, container.id

    for container in sorted(filter(_ports, state.containers()), key=order):
        engine = engines[container.engine]
        label = f"{engine.name}/{container.name}"
        for ip, port in _places(container, engine):
            found.setdefault(port, {})[Published(ip, container.id, label)] = None
    return {port: tuple(places) for port, places in found.items()}


def _places(container: Container, engine: Engine) -> Iterator[tuple[str, int]]:
    reachable = [
        port
        for port in _ports(container)
        if isinstance(port, Mapping)
        and port.get("Type") == "tcp"
        and not is_loopback(str(port.get("IP", "")))
    ]
    for port in at_engine(reachable, "IP", engine.ip):
        ip, number = port.get("IP"), port.get("PublicPort")
        if ip and isinstance(ip, str) and isinstance(number, int) and number > 0:
            yield ip, number


def _ports(container: Container) -> list[Any]:
    return as_list(container.row.get("Ports"))
