"""Which requests end a container, and how long its users get to turn elsewhere first; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from common.durations import parse_duration

SETTING = "SERVICE_DRAIN"
"""Environment variable or label of a container: ``5s``. The label counts if both are there."""
LONGEST_S = 60.0
"""Clients wait for the answer to a stop; most give up not long after a minute."""

_HARMLESS_SIGNALS = frozenset(
    {"HUP", "USR1", "USR2", "CONT", "WINCH", "CHLD", "URG", "TTIN", "TTOU", "STOP", "TSTP", "0"}
)
"""Signals that a process is told something by, rather than ended."""
_TRUE = frozenset({"1", "t", "true", "yes"})


def drain_of(environment: Iterable[str], labels: Mapping[str, Any]) -> float:
    """Return the seconds that ``SERVICE_DRAIN`` asks for, at most a minute; 0: nothing sensible."""
    prefix = f"{SETTING}="
    asked = next((e.removeprefix(prefix) for e in environment if e.startswith(prefix)), "")
    asked = labels.get(SETTING) or asked
    try:
        seconds = parse_duration(asked) if isinstance(asked, str) and asked else 0.0
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), LONGEST_S)


def ends_it(method: str, path: str, query: Mapping[str, str]) -> bool:
    """Whether a request to a running container is going to end it.

    Args:
        method: ``POST`` or ``DELETE``.
        path: the route's, ``/containers/{id}/stop``.
        query: the request's parameters, decoded.
    """
    if method == "DELETE":
        return query.get("force", "").lower() in _TRUE
    if path.endswith("/kill"):
        return query.get("signal", "").upper().removeprefix("SIG") not in _HARMLESS_SIGNALS
    return path.endswith(("/stop", "/restart"))
