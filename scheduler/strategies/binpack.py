"""Binpack: the fullest node that still has room first, to keep others free for big containers.

Source: docs.docker.com/swarm/scheduler/strategy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scheduler.strategies.weigh import fullness, lacks_image, with_room
from scheduler.types import Node, Ranking, Request, Strategy

if TYPE_CHECKING:
    from random import Random

_HEALTH_WEIGHT = 10
"""Outweighs fullness (0 to 200): a full node that is failing is not the best one."""


def rank(request: Request, nodes: Sequence[Node], _rng: Random) -> Ranking:
    """Sort by health and fullness; ties go to more active containers, the image, the name."""
    ranking = with_room(request, nodes)
    ranking.nodes.sort(
        key=lambda node: (
            -fullness(request, node) - _HEALTH_WEIGHT * node.health,
            -node.active_count,
            lacks_image(request, node),
            node.sort_key,
        )
    )
    return ranking


BINPACK = Strategy("binpack", rank)
