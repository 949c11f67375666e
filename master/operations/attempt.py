"""What one create has tried so far, and which nodes are left for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.errors import EngineError, EngineStatusError
from master.cluster.model import Engine
from master.errors import PlacementError
from master.operations.mirrors import Joined
from scheduler.types import Node


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
    lack: str = ""
    """Which one couldn't, and why."""

    def exclude(self, engine: Engine, error: EngineError) -> None:
        """Don't try it again."""
        self.excluded[engine.address] = error

    def lacks_image(self, engine: Engine, holders: set[str], error: EngineError) -> None:
        """It can't be had on *engine*: only its *holders* are left."""
        self.only = holders - {engine.address}
        self.lack = f"node {engine.name} can't get the image: {error.message}"

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
