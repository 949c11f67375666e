"""Which requests end a container, and how long its users get to turn elsewhere first; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from master.cluster.filters import boolean
from services.drain import SETTING, seconds_of
from services.stopping import asks_to_stop

_USUAL_SIGNAL = "KILL"
"""What ``POST /kill`` sends when it names none."""


def drain_of(environment: Iterable[str], labels: Mapping[str, Any]) -> float | None:
    """Return the seconds that ``SERVICE_DRAIN`` asks for; None: it is not there, or no duration.

    The label counts if both are there.
    """
    prefix = f"{SETTING}="
    asked = next((e.removeprefix(prefix) for e in environment if e.startswith(prefix)), "")
    asked = labels.get(SETTING) or asked
    try:
        return seconds_of(asked) if isinstance(asked, str) and asked else None
    except ValueError:
        return None  # the agent on its host names it


def ends_it(method: str, path: str, query: Mapping[str, str], stop_signal: str = "") -> bool:
    """Whether a request to a running container is going to end it.

    Args:
        method: ``POST`` or ``DELETE``.
        path: the route's, ``/containers/{id}/stop``.
        query: the request's parameters, decoded.
        stop_signal: the container's own, if it has one.
    """
    if method == "DELETE":
        return boolean(query.get("force"))
    if path.endswith("/kill"):
        return asks_to_stop(query.get("signal") or _USUAL_SIGNAL, stop_signal)
    return path.endswith(("/stop", "/restart"))
