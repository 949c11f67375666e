"""What one create has tried so far, and which nodes are left for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.errors import EngineError, EngineStatusError
from master.cluster.images.missing import is_registrys_no
from master.cluster.model import Engine
from master.errors import PlacementError
from master.operations.mirrors import Joined
from scheduler.types import Node


@dataclass(frozen=True)
class Lack:
    """An image that could not be brought to an engine."""

    address: str
    node: str
    missing: EngineStatusError
    """The engine's own word that it has no such image."""
    why: EngineError
    """Why it couldn't be brought."""

    @property
    def is_registrys_no(self) -> bool:
        """Whether the registry gives it to nobody without credentials, or has none."""
        return isinstance(self.why, EngineStatusError) and is_registrys_no(
            self.why.status, self.why.message
        )


@dataclass
class Attempt:
    """One create on its way through the nodes."""

    retries: int
    joined: Joined
    volumes: frozenset[str] = frozenset()
    """Named in the body: each is where its data is, or comes to be where the container lands."""
    excluded: dict[str, EngineError] = field(default_factory=dict)
    fetched: set[str] = field(default_factory=set)
    only: set[str] | None = None
    """Engines that have the image, once another one couldn't get it."""
    lack: Lack | None = None
    """Which one couldn't, and why."""

    def exclude(self, engine: Engine, error: EngineError) -> None:
        """Don't try it again."""
        self.excluded[engine.address] = error

    def lacks_image(self, holders: set[str], lack: Lack) -> None:
        """It can't be had on one engine: only its *holders* are left."""
        self.only = holders - {lack.address}
        self.lack = lack

    def left(self, nodes: list[Node]) -> list[Node]:
        """The nodes that are worth a try.

        Raises:
            PlacementError: all of them have failed.
        """
        left = [
            node
            for node in nodes
            if node.addr not in self.excluded and (self.only is None or node.addr in self.only)
        ]
        if left or not self.excluded:
            return left
        address, error = next(reversed(self.excluded.items()))
        if isinstance(error, EngineStatusError):
            raise error
        name = next((node.name for node in nodes if node.addr == address), address)
        raise PlacementError(f"node {name} does not answer: {error.message}")
