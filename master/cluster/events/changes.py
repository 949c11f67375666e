"""What an engine's event says has changed, and from when on it need not be told again. Pure.

Events are hints: nothing of them becomes the state, they only name what has to be read again. What
changes neither a row nor an inspect answer (exec, attach, top, copy) is nothing to us.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from master.cluster.lenient import as_mapping
from master.cluster.model import SWARM_ID_LABEL

_NANO = 1_000_000_000
_RESTATED = ("create", "start", "die", "stop", "kill", "oom", "pause", "unpause", "restart")
_CONTAINER_ACTIONS = frozenset((*_RESTATED, "rename", "update"))


@dataclass(frozen=True, slots=True)
class ContainerMade:
    """A container has been created."""

    id: str
    swarm_id: str
    """Empty if it has none: it was not created through a manager."""


@dataclass(frozen=True, slots=True)
class ContainerChanged:
    """Its row or its inspect answer may be another."""

    id: str


@dataclass(frozen=True, slots=True)
class ContainerGone:
    """It is gone for good."""

    id: str


class Changed(enum.Enum):
    """What has to be read as a whole."""

    IMAGES = enum.auto()
    NETWORKS = enum.auto()
    VOLUMES = enum.auto()
    SPECS = enum.auto()
    """What the engine says of itself: its labels may be others."""


Change = ContainerMade | ContainerChanged | ContainerGone | Changed


def changes(message: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what an engine's event *message* says has changed, in the order to act upon it."""
    kind, action = message.get("Type"), str(message.get("Action", ""))
    actor = as_mapping(message.get("Actor"))
    match kind:
        case "container":
            return _of_container(action, actor)
        case "image":
            return (Changed.IMAGES,)
        case "network" if action in {"connect", "disconnect"}:
            member = as_mapping(actor.get("Attributes")).get("container")
            return (ContainerChanged(str(member)),) if member else ()
        case "network":
            return (Changed.NETWORKS,)
        case "volume" if action in {"create", "destroy"}:
            return (Changed.VOLUMES,)
        case "daemon":
            return (Changed.SPECS,)  # "reload"
        case _:
            return ()


def after(message: Mapping[str, Any]) -> str:
    """Return the ``since`` with which *message* is not told again; empty if it has no time."""
    nano = message.get("timeNano")
    if not isinstance(nano, int):
        return ""
    seconds, rest = divmod(nano + 1, _NANO)
    return f"{seconds}.{rest:09d}"


def _of_container(action: str, actor: Mapping[str, Any]) -> tuple[Change, ...]:
    container_id = str(actor.get("ID") or "")
    if not container_id:
        return ()
    if action == "create":
        swarm_id = str(as_mapping(actor.get("Attributes")).get(SWARM_ID_LABEL, ""))
        return ContainerMade(container_id, swarm_id), ContainerChanged(container_id)
    if action == "destroy":
        return (ContainerGone(container_id),)
    if action == "commit":
        return (Changed.IMAGES,)
    if action in _CONTAINER_ACTIONS or action.startswith("health_status"):
        return (ContainerChanged(container_id),)
    return ()
