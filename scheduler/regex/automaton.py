"""Runs a pattern's program over subjects without ever going back.

All ways through the program are followed at once, one character at a time,
so the time for a subject is at most its length times the program's. What was
worked out for a state and a character is kept: a second subject that looks
like the first costs one dictionary access for each character.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler.regex.errors import CostError
from scheduler.regex.program import AssertionKind, Program
from scheduler.regex.symbols import is_word

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_SUBJECT = 4096
"""Characters; no pattern matches a longer subject, since reading it would cost a millisecond."""

MOST_STEPS = 50_000
"""Instructions followed for new states, over all subjects of one pattern: about 20 ms.

Ordinary patterns against 200 node names need some hundreds. What is counted
depends on pattern and subjects alone, never on a clock, so the same input
always gets the same answer.
"""


_LOOK_BACK = frozenset({"start", "line-start", "boundary", "no-boundary"})
"""Assertions to which the character before a position matters."""


class State:
    """Where the program may stand between two characters."""

    __slots__ = ("before", "does_match_at_end", "is_final", "moves", "places")

    def __init__(
        self, places: frozenset[int], before: str | None, *, final: bool | None = None
    ) -> None:
        self.places = places
        self.before = before
        self.moves: dict[str, State] = {}
        self.is_final = final is not None
        """The answer is known, whatever follows: it is *does_match_at_end*."""
        self.does_match_at_end = final

    @property
    def can_never_match(self) -> bool:
        """Whether a search that goes on here finds nothing in any subject."""
        return self is _NEVER


_MATCHED = State(frozenset(), None, final=True)
_NEVER = State(frozenset(), None, final=False)


class Automaton:
    """Searches for one pattern in many subjects."""

    __slots__ = (
        "_end",
        "_instructions",
        "_is_anchored",
        "_looks_back",
        "_start",
        "_states",
        "_steps",
    )

    def __init__(self, program: Program) -> None:
        self._instructions = program.instructions
        self._end = len(program.instructions)
        self._is_anchored = program.is_anchored
        self._looks_back = any(step.assertion in _LOOK_BACK for step in program.instructions)
        self._states: dict[tuple[frozenset[int], str | None], State] = {}
        self._start = self._state(frozenset({0}), None)
        self._steps = 0

    def search(self, subject: str, start: State | None = None) -> bool:
        """Tell whether the pattern matches anywhere in *subject*.

        Args:
            subject: at most `LONGEST_SUBJECT` characters; nothing is found in a longer one.
            start: from `behind`: what stands in front of *subject*.

        Raises:
            CostError: this and the earlier subjects took too many steps.
        """
        if len(subject) > LONGEST_SUBJECT:
            return False
        state = start or self._start
        for char in subject:
            state = state.moves.get(char) or self._move(state, char)
            if state.is_final:
                break
        if state.does_match_at_end is None:
            state.does_match_at_end = self._reach(state, None)[1]
        return state.does_match_at_end

    def behind(self, prefix: str) -> State:
        """Return where a search goes on after *prefix*, the same object if it does so equally.

        Many subjects with the same beginning are read quicker, and of several beginnings that
        make no difference to the pattern one is enough.

        Raises:
            CostError: as `search`.
        """
        state = self._start
        for char in prefix:
            if state.is_final:
                break
            state = state.moves.get(char) or self._move(state, char)
        return state

    def _move(self, state: State, char: str) -> State:
        if state.is_final:
            return state
        places, has_matched = self._reach(state, char)
        state.moves[char] = reached = _MATCHED if has_matched else self._after(places, char)
        return reached

    def _after(self, places: Iterable[int], char: str) -> State:
        """Return the state behind *char*, which those of *places* that accept it lead to."""
        following = {
            target
            for place in places
            if (test := self._instructions[place].test) is not None and test(char)
            for target in self._instructions[place].targets
        }
        if not self._is_anchored:
            following.add(0)
        return self._state(frozenset(following), _context(char)) if following else _NEVER

    def _state(self, places: frozenset[int], before: str | None) -> State:
        key = (places, before if self._looks_back else None)
        if (known := self._states.get(key)) is None:
            known = self._states[key] = State(*key)
        return known

    def _reach(self, state: State, after: str | None) -> tuple[list[int], bool]:
        """Follow everything that consumes nothing, between *state*'s character and *after*.

        Returns:
            The instructions that want a character, and whether the end was reached.
        """
        waiting: list[int] = []
        seen = set(state.places)
        to_visit = list(seen)
        while to_visit:
            place = to_visit.pop()
            self._count_step()
            if place == self._end:
                return waiting, True
            step = self._instructions[place]
            if step.test is not None:
                waiting.append(place)
            elif step.assertion is None or _holds(step.assertion, state.before, after):
                new = [target for target in step.targets if target not in seen]
                seen.update(new)
                to_visit.extend(new)
        return waiting, False

    def _count_step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise CostError("it takes too many steps to match; a simpler pattern is needed")


def _context(char: str) -> str:
    """Return a character that stands for *char* in every assertion, to keep the states few."""
    if char == "\n":
        return "\n"
    return "w" if is_word(char) else " "


def _holds(kind: AssertionKind, before: str | None, after: str | None) -> bool:
    """Tell whether a position between two characters (None: an end of the subject) is *kind*."""
    match kind:
        case "start":
            return before is None
        case "end":
            return after is None
        case "line-start":
            return before is None or before == "\n"
        case "line-end":
            return after is None or after == "\n"
        case "boundary":
            return _is_boundary(before, after)
        case "no-boundary":
            return not _is_boundary(before, after)


def _is_boundary(before: str | None, after: str | None) -> bool:
    return (before is not None and is_word(before)) != (after is not None and is_word(after))
