"""Compares what two sides saw, and judges the differences by a case's reasons."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.conformance.book import Case, Seen
from tests.conformance.reason import ABSENT, Reason, fits
from tests.conformance.reasons import reasons_for

_DEVIATIONS = Path(__file__).resolve().parents[2] / "docs" / "DEVIATIONS.md"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the sides disagree."""

    place: str
    engine: Any
    manager: Any

    def __str__(self) -> str:
        return f"{self.place}: the engine has {self.engine!r}, the manager {self.manager!r}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one case."""

    case: Case
    engine: Seen
    manager: Seen
    explained: tuple[str, ...]
    """Rows of docs/DEVIATIONS.md that were needed."""
    faults: tuple[str, ...]
    """What is wrong: unexplained differences, reasons without a difference or without a row."""

    @property
    def word(self) -> str:
        """``same``, ``stated`` (differs, for a stated reason) or ``WRONG``."""
        if self.faults:
            return "WRONG"
        return "stated" if self.explained else "same"


def judge(case: Case, generation: str, engine: Seen, manager: Seen) -> Verdict:
    """Hold *case*'s reasons against what differs."""
    reasons = reasons_for(case, generation)
    used: list[Reason] = []
    faults: list[str] = []
    differences = list(_differences(engine, manager))
    for one in [*differences, *_named(manager, reasons, {one.place for one in differences})]:
        pins = [(reason, reason.pin(case.title, one.place)) for reason in reasons]
        here = [(reason, pin) for reason, pin in pins if pin is not None]
        fitting = [reason for reason, pin in here if fits(one.manager, pin)]
        if not fitting:
            faults.append(str(one) + "".join(f"; {r.row!r}: {pin!r}" for r, pin in here))
        elif one in differences:
            used += fitting
    for reason in reasons:
        if reason.row not in rows():
            faults.append(f"docs/DEVIATIONS.md has no row {reason.row!r}")
        if reason.is_certain and reason not in used:
            faults.append(f"nothing differs (any more) at {' '.join(reason.at)}: {reason.row!r}")
    explained = tuple(dict.fromkeys(reason.row for reason in used))
    return Verdict(case, engine, manager, explained, tuple(faults))


def _named(manager: Seen, reasons: Iterable[Reason], differing: set[str]) -> Iterator[Difference]:
    """Places that reasons name, but for those that differ.

    An engine may say by chance what the manager must not: a 500 that the manager has made a 400.
    """
    for place, value in _leaves(manager):
        if place not in differing and any(place in reason.at for reason in reasons):
            yield Difference(place, value, value)


def _differences(engine: Seen, manager: Seen) -> Iterator[Difference]:
    ours, theirs = dict(_leaves(manager)), dict(_leaves(engine))
    for place in dict.fromkeys((*theirs, *ours)):
        one, other = theirs.get(place, ABSENT), ours.get(place, ABSENT)
        if ABSENT in (one, other) and _has_inner(place, ours if other == ABSENT else theirs):
            continue  # empty on one side: what is inside on the other tells it
        # True and 1 are equal in Python, and are not in JSON.
        if (type(one), one) != (type(other), other):
            yield Difference(place, one, other)


def _has_inner(place: str, leaves: Mapping[str, Any]) -> bool:
    return any(other.startswith(f"{place}.") for other in leaves)


def _leaves(value: Seen, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value inside *value* by its place: ``body.Mounts.0.Name``; empty ones are leaves."""
    inner: Sequence[tuple[object, Any]] = ()
    if isinstance(value, Mapping):
        inner = list(value.items())
    elif isinstance(value, list | tuple):
        inner = list(enumerate(value))
    if not inner:
        yield place, value
    for key, one in inner:
        yield from _leaves(one, f"{place}.{key}" if place else str(key))


@cache
def rows() -> frozenset[str]:
    """First cells of the tables of docs/DEVIATIONS.md."""
    text = _DEVIATIONS.read_text(encoding="utf-8")
    return frozenset(cell.strip() for cell in re.findall(r"^\| *([^|]+?) *\|", text, re.MULTILINE))
