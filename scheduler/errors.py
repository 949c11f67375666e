"""What can go wrong in a placement.

SchedulingError
├─ BadExpressionError            the request is wrong: HTTP 400
├─ UnsupportedError              a filter or strategy that does not exist: a wrong flag
└─ NoNodeFitsError               the request is right, and no node can take it
   ├─ NoNodesError               the cluster is empty
   ├─ NoHealthyNodeError         every engine is out of reach
   ├─ UnsatisfiedConditionsError the filters left no node
   └─ NoResourcesError           the filters left nodes, and none has room

The first part of each message is classic Swarm's, to the letter, because
scripts look for it; a line for each node follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scheduler.rejection import Rejection


class SchedulingError(Exception):
    """Any failure of this package; its text is for the user."""


class BadExpressionError(SchedulingError):
    """A constraint, affinity, whitelist or directive that cannot be understood or is too costly."""


class UnsupportedError(SchedulingError):
    """A filter's or strategy's name that is not in the registry."""


class NoNodeFitsError(SchedulingError):
    """No node can take the container.

    Attributes:
        headline: classic Swarm's text, without the lines about nodes.
        rejections: one for each node that was considered, in natural order of their names.
    """

    def __init__(self, headline: str, rejections: Iterable[Rejection] = ()) -> None:
        self.headline = headline
        self.rejections = tuple(rejections)
        super().__init__("\n".join([headline, *(str(rejection) for rejection in self.rejections)]))


class NoNodesError(NoNodeFitsError):
    """There was no node to choose from."""

    def __init__(self) -> None:
        super().__init__("No nodes available in the cluster")


class NoHealthyNodeError(NoNodeFitsError):
    """The health filter refused every node."""

    def __init__(self, rejections: Iterable[Rejection]) -> None:
        super().__init__("No healthy node available in the cluster", rejections)


class UnsatisfiedConditionsError(NoNodeFitsError):
    """The filters together left no node.

    Its headline has one bracketed line for each filter that asked for something,
    up to the one that refused the last node.
    """

    def __init__(self, conditions: Iterable[str], rejections: Iterable[Rejection]) -> None:
        lines = "".join(f"\n[{condition}]" for condition in conditions)
        super().__init__(
            f"Unable to find a node that satisfies the following conditions {lines}", rejections
        )


class NoResourcesError(NoNodeFitsError):
    """The filters left nodes, and the strategy found room on none of them."""

    def __init__(self, rejections: Iterable[Rejection]) -> None:
        super().__init__("no resources available to schedule container", rejections)
