"""Random: any node that the filters leave, without a look at memory or CPUs.

The underscore keeps the file apart from the standard library's module, which
this package does not import: the generator is an argument, and its seed replays a decision.

Source: docs.docker.com/swarm/scheduler/strategy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scheduler.types import Node, Ranking, Request, Strategy

if TYPE_CHECKING:
    from random import Random


def rank(_request: Request, nodes: Sequence[Node], rng: Random) -> Ranking:
    """Shuffle; the order in which *nodes* came does not matter, only the generator's state."""
    shuffled = sorted(nodes, key=lambda node: node.sort_key)
    rng.shuffle(shuffled)
    return Ranking(shuffled)


RANDOM = Strategy("random", rank)
