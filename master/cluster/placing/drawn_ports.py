"""Host ports that the cluster draws itself, so that a number means one container, on all nodes.

An engine that draws a port looks at its own machine only: two engines draw the same one. With
``--publish`` every published TCP port is served at the manager's address too, where a number can
stand for one container only.
"""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from master.cluster.placing.body import CONTAINER_MODE
from master.cluster.placing.placement import Placement
from master.errors import PlacementError

_TCP_PORT = re.compile(r"([0-9]{1,5})(?:/tcp)?", re.ASCII)
_MODES_WITHOUT_PORTS = ("host", "none")


class PortDesk:
    """Draws ports that no container of the cluster has; synchronous, one event loop's."""

    def __init__(self, placement: Placement, ports: range, rng: random.Random) -> None:
        """Draw from *ports*; *placement* tells which are held or reserved."""
        self._placement = placement
        self._ports = ports
        self._rng = rng
        self._drawn: set[int] = set()

    @contextmanager
    def drawn(
        self, body: dict[str, Any], exposed: Collection[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """Give the TCP ports that *body* leaves open a number; held by nobody else in the block.

        In the block the place is reserved and the container made: from then on it holds them.

        Args:
            body: of a `Creation`; it isn't changed.
            exposed: the image's ports, as in `with_ports`.

        Raises:
            PlacementError: none is left.
        """
        mine: set[int] = set()
        try:
            yield with_ports(body, exposed, lambda: self._draw(mine))
        finally:
            self._drawn -= mine

    def _draw(self, mine: set[int]) -> int:
        taken = self._drawn | {
            claim.host_port
            for node in self._placement.nodes()
            for container in node.containers
            for claim in container.ports
        }
        # Not the lowest one: it may have been a removed container's a moment ago, and there are
        # clients who have not heard of that yet.
        start = self._rng.randrange(len(self._ports))
        for offset in range(len(self._ports)):
            port = self._ports[(start + offset) % len(self._ports)]
            if port not in taken:
                mine.add(port)
                self._drawn.add(port)
                return port
        raise PlacementError(
            f"all ports are allocated: each from {self._ports[0]} to {self._ports[-1]} is held by"
            f" a container of the cluster"
        )


def publishes_all(body: Mapping[str, Any]) -> bool:
    """Whether *body* (of a `Creation`) publishes every port that its image exposes (``-P``)."""
    host = body.get("HostConfig") or {}
    return host.get("PublishAllPorts") is True and _has_ports(host)


def with_ports(
    body: dict[str, Any], exposed: Collection[str], draw: Callable[[], int]
) -> dict[str, Any]:
    """Return a copy of *body* in which each published TCP port has a host port.

    Ports of the node's own loopback interface, other protocols, and ranges to choose from are the
    engine's affair; with ``-P`` it also publishes what stands here nowhere.

    Args:
        body: of a `Creation`.
        exposed: the image's ports (``80/tcp``): with ``-P`` they are published as those that the
            body exposes.
        draw: a number that nobody else has.
    """
    host = body.get("HostConfig") or {}
    if not _has_ports(host):
        return body
    bindings = dict(host.get("PortBindings") or {})
    if publishes_all(body):
        bound = {_tcp_port(key) for key, places in bindings.items() if places}
        for number in sorted({*map(_tcp_port, (*body.get("ExposedPorts", {}), *exposed))} - bound):
            if number:
                bindings[f"{number}/tcp"] = [{"HostIp": "", "HostPort": ""}]
    numbered = {
        key: [{**place, "HostPort": str(draw())} if _is_open(place) else place for place in places]
        if _tcp_port(key)
        else places
        for key, places in bindings.items()
    }
    if numbered == host.get("PortBindings", {}):
        return body
    return {**body, "HostConfig": {**host, "PortBindings": numbered}}


def is_loopback(ip: str) -> bool:
    """Whether *ip* is an address that only its own machine can reach."""
    try:
        return ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False


def _has_ports(host: Mapping[str, Any]) -> bool:
    mode = host.get("NetworkMode", "")
    return mode not in _MODES_WITHOUT_PORTS and not mode.startswith(CONTAINER_MODE)


def _tcp_port(key: str) -> int:
    """Return the number in ``80/tcp`` or ``80``; 0 for another protocol and for nonsense."""
    match = _TCP_PORT.fullmatch(key)
    return int(match[1]) if match else 0


def _is_open(place: Mapping[str, Any]) -> bool:
    return place.get("HostPort", "") in {"", "0"} and not is_loopback(place.get("HostIp", ""))
