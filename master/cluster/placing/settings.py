"""How things are placed: containers, builds and volumes alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlacingSettings:
    """What the manager's flags say about it."""

    filters: tuple[str, ...]
    strategy: str
    retries: int
    """``swarm.createretry``: more engines to try after one has failed with a 5xx."""
    cpu_shares_are_cores: bool = False
