"""What an engine's events tell; hints, after which the engine is asked.

Source: the Engine API's ``GET /events``; only Type, Action and Actor, since newer engines send no
other fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

FILTERS = {
    "type": ["container", "network"],
    "event": [
        "start",
        "restart",
        "kill",
        "die",
        "stop",
        "pause",
        "unpause",
        "rename",
        "update",
        "destroy",
        "health_status",
        "connect",
        "disconnect",
    ],
}
"""Asked for: a busy health check would send three more for each of its runs."""


class Kind(Enum):
    """What became of a container."""

    STARTED = auto()
    SIGNALLED = auto()
    """It was sent a signal; it still runs."""
    ENDED = auto()
    CHANGED = auto()
    """Anything else that its inspect answer shows."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One event about one container."""

    kind: Kind
    container_id: str
    time_ns: int
    """The engine's clock."""
    signal: str = ""
    """As the engine says it: ``15``."""


def read_event(message: Mapping[str, Any]) -> Hint | None:
    """Return what *message* tells of a container, None if it is not about one."""
    actor = message.get("Actor")
    actor = actor if isinstance(actor, Mapping) else {}
    attributes = actor.get("Attributes")
    attributes = attributes if isinstance(attributes, Mapping) else {}
    action = str(message.get("Action", ""))
    kind, subject = Kind.CHANGED, str(actor.get("ID", ""))
    if message.get("Type") == "network":
        subject = str(attributes.get("container", ""))
    elif message.get("Type") != "container":
        return None
    elif action in {"start", "restart"}:
        kind = Kind.STARTED
    elif action in {"die", "destroy"}:
        kind = Kind.ENDED
    elif action == "kill":
        kind = Kind.SIGNALLED
    time_ns = message.get("timeNano")
    if not subject or not isinstance(time_ns, int):
        return None
    return Hint(kind, subject, time_ns, str(attributes.get("signal", "")))
