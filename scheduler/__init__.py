"""WHERE a container goes: pure functions on frozen values, standard library only.

Start reading at :mod:`scheduler.schedule`; README.md draws the flow. Clocks,
logging, sockets and randomness that is not passed in have no place here.
"""

from __future__ import annotations

from scheduler.errors import (
    BadExpressionError,
    NoHealthyNodeError,
    NoNodeFitsError,
    NoNodesError,
    NoResourcesError,
    SchedulingError,
    UnsatisfiedConditionsError,
    UnsupportedError,
)
from scheduler.expr import Expression, parse, parse_many
from scheduler.filters import FILTERS
from scheduler.rejection import Rejection
from scheduler.schedule import explain, schedule
from scheduler.strategies import STRATEGIES
from scheduler.types import (
    Filter,
    Node,
    PlacedContainer,
    Placement,
    PortClaim,
    Request,
    Strategy,
)

__all__ = [
    "FILTERS",
    "STRATEGIES",
    "BadExpressionError",
    "Expression",
    "Filter",
    "NoHealthyNodeError",
    "NoNodeFitsError",
    "NoNodesError",
    "NoResourcesError",
    "Node",
    "PlacedContainer",
    "Placement",
    "PortClaim",
    "Rejection",
    "Request",
    "SchedulingError",
    "Strategy",
    "UnsatisfiedConditionsError",
    "UnsupportedError",
    "explain",
    "parse",
    "parse_many",
    "schedule",
]
