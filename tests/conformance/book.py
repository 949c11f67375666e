"""The book of cases: what is asked of both sides.

A case is a function of one side. What it returns is compared, place by place, with the masks of
`masks` on; where the sides may differ stands in `reasons`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.conformance.sides import Side

Seen = Any
"""What a case saw: JSON-like values."""
Look = Callable[[Side], Seen]
Given = Callable[[Side], Mapping[str, str] | None]
"""Makes what a case needs; returns what fills the gaps of its request."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case."""

    area: str
    name: str
    look: Look

    @property
    def title(self) -> str:
        """What it is called in reasons: ``area: name``."""
        return f"{self.area}: {self.name}"


CASES: list[Case] = []


def case(area: str, name: str) -> Callable[[Look], Look]:
    """Enter the decorated function into the book."""

    def enter(look: Look) -> Look:
        CASES.append(Case(area, name, look))
        return look

    return enter


def nothing(_: Side) -> None:
    """Nothing is needed."""


def ask(
    area: str,
    name: str,
    request: str,
    *,
    given: Given = nothing,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Enter a case that is one request, such as ``POST /exec/{exec}/start``."""

    def look(side: Side) -> Seen:
        method, target = request.split(" ", 1)
        for gap, text in (given(side) or {}).items():
            target = target.replace(f"{{{gap}}}", text)
        return side.ask(method, target, body, headers=headers)

    CASES.append(Case(area, name, look))
