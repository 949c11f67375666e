"""The decision: filters narrow the nodes, the strategy sorts what is left.

Wishes first: the filters run with soft expressions as if they were hard, and
if that leads to no node, once more without any of them.

Source: scheduler/scheduler.go and scheduler/filter/filter.go of classic Swarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from scheduler.errors import (
    NoHealthyNodeError,
    NoNodeFitsError,
    NoNodesError,
    NoResourcesError,
    UnsatisfiedConditionsError,
    UnsupportedError,
)
from scheduler.filters import FILTERS
from scheduler.rejection import Rejection
from scheduler.strategies import STRATEGIES
from scheduler.types import Filter, Node, Placement, Request, Strategy
from scheduler.wording import shorten

if TYPE_CHECKING:
    from random import Random

DEFAULT_FILTERS = tuple(FILTERS)
DEFAULT_STRATEGY = "spread"

_RESOURCES = "resources"
"""Stands in a rejection where a filter's name stands otherwise."""

_Refused = list[tuple[Node, Rejection]]


@dataclass(frozen=True, slots=True)
class _Policy:
    """How to decide: the same for both passes."""

    filters: list[Filter]
    strategy: Strategy
    rng: Random


def schedule(
    request: Request,
    nodes: Sequence[Node],
    *,
    filters: Sequence[str | Filter] = DEFAULT_FILTERS,
    strategy: str | Strategy = DEFAULT_STRATEGY,
    rng: Random,
) -> list[Node]:
    """Return the nodes that can take the container, best first; never an empty list.

    The order of *nodes* does not matter. *rng* is used by the strategy "random" alone.

    Raises:
        NoNodeFitsError: no node fits even without the soft expressions; says why for each.
        BadExpressionError: a pattern is too costly to match against these nodes.
        UnsupportedError: there is no such filter or strategy.
    """
    best, _ = _decide(request, nodes, _policy(filters, strategy, rng))
    return best


def explain(
    request: Request,
    nodes: Sequence[Node],
    *,
    filters: Sequence[str | Filter] = DEFAULT_FILTERS,
    strategy: str | Strategy = DEFAULT_STRATEGY,
    rng: Random,
) -> Placement:
    """Return what :func:`schedule` decides, and why each other node was not taken.

    If nodes were passed over for a wish alone, their rejections say so
    (:attr:`Rejection.is_soft`). That no node fits is an answer here, not an error.

    Raises:
        BadExpressionError: a pattern is too costly to match against these nodes.
        UnsupportedError: there is no such filter or strategy.
    """
    policy = _policy(filters, strategy, rng)
    try:
        best, refused = _decide(request, nodes, policy)
    except NoNodeFitsError as exc:
        return Placement((), exc.rejections)
    if refused and request.has_soft:
        refused = _with_softness_marked(request, nodes, policy, refused)
    return Placement(tuple(best), _in_order(refused))


def _decide(
    request: Request, nodes: Sequence[Node], policy: _Policy
) -> tuple[list[Node], _Refused]:
    if not nodes:
        raise NoNodesError
    if request.has_soft:
        try:
            return _attempt(request, nodes, policy)
        except NoNodeFitsError:
            # Any failure counts, lack of room too: a wish must not cost the placement.
            # The message repeats the conditions as they were given, so *asked* stays.
            return _attempt(request.without_soft(), nodes, policy, asked=request)
    return _attempt(request, nodes, policy)


def _attempt(
    request: Request, nodes: Sequence[Node], policy: _Policy, asked: Request | None = None
) -> tuple[list[Node], _Refused]:
    """Run filters and strategy once; *asked* is what a failure's message repeats."""
    refused: _Refused = []
    left = list(nodes)
    for index, rule in enumerate(policy.filters):
        check = rule.check_for(request, nodes)
        if check is None:
            continue
        passed = []
        for node in left:
            if (reason := check(node)) is None:
                passed.append(node)
            else:
                refused.append((node, Rejection(node.name, rule.name, reason)))
        left = passed
        if not left:
            _fail(asked or request, policy.filters[: index + 1], refused)
    ranking = policy.strategy.rank(request, left, policy.rng)
    refused += [
        (node, Rejection(node.name, _RESOURCES, lack)) for node, lack in ranking.without_room
    ]
    if not ranking.nodes:
        raise NoResourcesError(_in_order(refused))
    return ranking.nodes, refused


def _fail(request: Request, filters: list[Filter], refused: _Refused) -> NoReturn:
    """Raise classic Swarm's error for the last of *filters*, which refused the last node."""
    if filters[-1].name == "health":
        raise NoHealthyNodeError(_in_order(refused))
    lines = [" ".join(map(shorten, rule.conditions_of(request))) for rule in filters]
    raise UnsatisfiedConditionsError([line for line in lines if line], _in_order(refused))


def _with_softness_marked(
    request: Request, nodes: Sequence[Node], policy: _Policy, refused: _Refused
) -> _Refused:
    """Mark the refusals of nodes that the hard expressions alone would not refuse."""
    _, refused_hard = _attempt(request.without_soft(), nodes, policy)
    hard_ids = {id(node) for node, _ in refused_hard}
    return [
        (node, rejection if id(node) in hard_ids else replace(rejection, is_soft=True))
        for node, rejection in refused
    ]


def _in_order(refused: _Refused) -> tuple[Rejection, ...]:
    ordered = sorted(refused, key=lambda entry: entry[0].sort_key)
    return tuple(rejection for _, rejection in ordered)


def _policy(filters: Sequence[str | Filter], strategy: str | Strategy, rng: Random) -> _Policy:
    return _Policy([_find_filter(entry) for entry in filters], _find_strategy(strategy), rng)


def _find_filter(entry: str | Filter) -> Filter:
    if isinstance(entry, Filter):
        return entry
    if (found := FILTERS.get(entry)) is None:
        raise UnsupportedError(f"filter not supported: {shorten(entry)}")
    return found


def _find_strategy(entry: str | Strategy) -> Strategy:
    if isinstance(entry, Strategy):
        return entry
    if (found := STRATEGIES.get(entry)) is None:
        raise UnsupportedError(f"strategy not supported: {shorten(entry)}")
    return found
