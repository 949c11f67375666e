"""The strategies, by name. A strategy sorts the nodes that the filters left."""

from __future__ import annotations

from scheduler.strategies.binpack import BINPACK
from scheduler.strategies.random_ import RANDOM
from scheduler.strategies.spread import SPREAD
from scheduler.types import Strategy

STRATEGIES: dict[str, Strategy] = {
    "spread": SPREAD,
    "binpack": BINPACK,
    "binpacking": BINPACK,
    "random": RANDOM,
}
