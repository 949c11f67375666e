"""What an engine's ``GET /info`` says of its part in a swarm of Docker's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_member(info: Mapping[str, Any]) -> bool:
    """Whether the engine is part of a swarm, and so can use its overlay networks."""
    return _swarm(info).get("LocalNodeState") == "active"


def is_manager(info: Mapping[str, Any]) -> bool:
    """Whether the engine manages a swarm, and so makes and removes its networks."""
    return _swarm(info).get("ControlAvailable") is True


def _swarm(info: Mapping[str, Any]) -> Mapping[str, Any]:
    swarm = info.get("Swarm")
    return swarm if isinstance(swarm, Mapping) else {}
