"""One reason for which the sides may differ, and what the manager has where they do.

A reason that let pass whatever the manager says would let a 400 become a 500. So each says what
stands there instead of the engine's: a status, the manager's own words, or that there is nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

OLD, NEW = "20.10", "26.1"
ANYTHING = "…"
"""Within what the manager has: any text. Alone: whatever it is, which no error's words may be."""
ABSENT = "(absent)"
"""Nothing stands there."""
WORDS = "(words)"
"""What the reason has for the case."""
_BY_THE_CLIENT = "Error response from daemon: "


@dataclass(frozen=True, slots=True)
class Reason:
    """One row of docs/DEVIATIONS.md, and what it explains."""

    row: str
    """Its first cell, to the letter."""
    at: Mapping[str, str]
    """Where the sides may differ, as shell patterns, and what the manager has there."""
    cases: tuple[str, ...] | Mapping[str, str]
    """The cases, ``area: name``, as shell patterns; with the manager's words for each if `at` has
    `WORDS`."""
    only: str = ""
    """The one generation of engines in which it holds; empty: in every one."""
    is_certain: bool = True
    """False: it need not show each time, as it hangs on which host answers."""

    def is_for(self, title: str, generation: str) -> bool:
        """Whether it holds for the case called *title* against engines of *generation*."""
        return self.only in ("", generation) and self._pattern_for(title) is not None

    def pin(self, title: str, place: str) -> str | None:
        """What the manager has at *place*, such as ``body.0.Names.1``; None: what the engine has.

        The first pattern that fits decides.
        """
        pin = next((pin for pattern, pin in self.at.items() if fnmatchcase(place, pattern)), None)
        if pin != WORDS:
            return pin
        assert isinstance(self.cases, Mapping), f"{self.row!r} has no words for its cases"
        return self.cases[self._pattern_for(title) or ""]

    def _pattern_for(self, title: str) -> str | None:
        return next((pattern for pattern in self.cases if fnmatchcase(title, pattern)), None)


def fits(value: object, pin: str) -> bool:
    """Whether *value* is what a reason says that the manager has."""
    text = str(value).removeprefix(_BY_THE_CLIENT)
    return re.fullmatch(re.escape(pin).replace(ANYTHING, ".*"), text, re.DOTALL) is not None
