"""Why a node was not taken: what errors and placements list."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.wording import shorten

_LONGEST_REASON = 320
"""Characters: two capped words and what stands around them."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one node was not taken."""

    node_name: str
    filter_name: str
    """A filter's name, or "resources" if the strategy found no room."""
    reason: str
    is_soft: bool = False
    """Only wishes speak against the node: it would be taken if no other fulfilled them."""

    def __str__(self) -> str:
        """One line of a message."""
        reason = shorten(self.reason, _LONGEST_REASON)
        return f"{shorten(self.node_name)}: {self.filter_name}: {reason}"
