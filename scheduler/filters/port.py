"""Port filter: a host port is given out once per interface and protocol.

Stopped and pending containers hold their ports too: a stopped one can be
started again, and a pending one is about to bind.

Classic Swarm ignored the protocol, so 53/tcp and 53/udp excluded each other,
and compared containers in the host's network only with their like, although
80/tcp there does collide with a published 80/tcp. Neither is copied.

Source: docs.docker.com/swarm/scheduler/filter, "Use a port filter".
"""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.types import Check, Filter, Node, PortClaim, Request
from scheduler.wording import shorten

_EVERY_INTERFACE = frozenset({"", "0.0.0.0", "::"})


def check_for(request: Request, _nodes: Sequence[Node]) -> Check | None:
    """Refuse nodes where a port that *request* binds is already held."""
    wanted = tuple(
        (claim, (claim.host_port, claim.protocol)) for claim in request.ports if claim.host_port
    )
    if not wanted:
        return None

    def refuse(node: Node) -> str | None:
        for claim, key in wanted:
            for held in node.ports.get(key, ()):
                if _overlap(claim.host_ip, held.host_ip):
                    port, protocol = key
                    return f"port {port}/{protocol} is held by {shorten(held.holder)}"
        return None

    return refuse


def conditions_of(request: Request) -> list[str]:
    """Return ``port 80 (Bridge mode)`` for each published port, classic Swarm's words."""
    return [_condition(claim) for claim in request.ports if claim.host_port]


def _condition(claim: PortClaim) -> str:
    if claim.is_host_mode:
        return f"port {claim.host_port}/{claim.protocol} (Host mode)"
    return f"port {claim.host_port} (Bridge mode)"


def _overlap(one_ip: str, other_ip: str) -> bool:
    return one_ip == other_ip or one_ip in _EVERY_INTERFACE or other_ip in _EVERY_INTERFACE


PORT = Filter("port", check_for, conditions_of)
