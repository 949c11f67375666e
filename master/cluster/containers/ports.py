"""Where a container's published ports are, as the cluster tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_IPV4, _IPV6 = "0.0.0.0", "::"
_EVERY_INTERFACE = (_IPV4, _IPV6, "")


def at_engine(ports: Sequence[Any], key: str, ip: str) -> list[Any]:
    """Return *ports* with the engine's address in place of "every interface", each place once.

    A port that is published on every interface is told twice, for IPv4 and for IPv6. If the engine
    chose its number, the two are often different: only the one of the address's own family is
    open there, so its twin is left out.

    Args:
        ports: the bindings of one port in inspect, or all ports of a row in the list.
        key: where they have their address: ``HostIp`` in inspect, ``IP`` in the list.
        ip: the engine's; empty changes nothing.
    """
    if not ip:
        return list(ports)
    foreign = _IPV4 if ":" in ip else _IPV6
    at_home = {
        _port_of(port) for port in ports if _is_everywhere(port, key) and port[key] != foreign
    }
    shown: dict[str, Any] = {}
    for port in ports:
        place = port
        if _is_everywhere(port, key):
            if port[key] == foreign and _port_of(port) in at_home:
                continue
            place = {**port, key: ip}
        shown.setdefault(repr(place), place)
    return list(shown.values())


def _is_everywhere(port: Any, key: str) -> bool:
    return isinstance(port, Mapping) and key in port and port[key] in _EVERY_INTERFACE


def _port_of(port: Mapping[str, Any]) -> str:
    """The container's port; the same for all in inspect, where it stands outside."""
    return f"{port.get('PrivatePort')}/{port.get('Type')}"
