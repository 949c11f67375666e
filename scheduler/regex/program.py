"""The program that a pattern becomes, and how the programs of its parts are put together.

Targets are relative to their own instruction while parts are joined, so that a part can stand
anywhere, and ``(ab){3}`` is the same code three times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scheduler.regex.errors import PatternError
from scheduler.regex.symbols import CharTest

MOST_INSTRUCTIONS = 10_000
"""Of one program, its counted repetitions written out: ten times Go's limit of one repetition."""

AssertionKind = Literal["start", "end", "line-start", "line-end", "boundary", "no-boundary"]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step: consume a character, check a position, or (neither) go on to *targets*."""

    targets: tuple[int, ...]
    test: CharTest | None = None
    assertion: AssertionKind | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """The instructions; execution starts at 0 and has matched when it reaches the length."""

    instructions: tuple[Instruction, ...]
    is_anchored: bool
    """Every match must begin at the subject's first character."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The code of a part of a pattern; behind its last instruction the next part goes on."""

    code: tuple[Instruction, ...] = ()
    is_anchored: bool = False

    def then(self, other: Piece) -> Piece:
        """Return the code for this part and *other* behind it."""
        return _checked(
            self.code + other.code,
            self.is_anchored or (not self.code and other.is_anchored),
        )

    def otherwise(self, other: Piece) -> Piece:
        """Return the code for a choice between this part and *other*."""
        mine, theirs = len(self.code), len(other.code)
        leave = Instruction((theirs + 1,))
        code = (Instruction((1, mine + 2)), *self.code, leave, *other.code)
        return _checked(code, self.is_anchored and other.is_anchored)

    def repeated(self, least: int, most: int | None) -> Piece:
        """Return the code for this part *least* to *most* times; None: without end."""
        size = len(self.code)
        # Said before it is written out: a few signs can ask for millions of instructions.
        _check_size((size + 1) * max(least, most or 1))
        if most is not None:
            code = self.code * least + self._optional(most - least)
        elif least:
            code = (*(self.code * least), Instruction((-size, 1)))
        else:
            code = (Instruction((1, size + 2)), *self.code, Instruction((-size - 1,)))
        return _checked(code, self.is_anchored and least > 0)

    def _optional(self, most: int) -> tuple[Instruction, ...]:
        """Return the code for at most *most* times: each of them may leave the whole at once."""
        size = len(self.code) + 1
        return tuple(
            step
            for left in range(most, 0, -1)
            for step in (Instruction((1, left * size)), *self.code)
        )

    def finished(self) -> Program:
        """Return the program, its targets counted from its first instruction."""
        return Program(
            tuple(
                Instruction(
                    tuple(at + target for target in step.targets), step.test, step.assertion
                )
                for at, step in enumerate(self.code)
            ),
            self.is_anchored,
        )


def symbol(test: CharTest) -> Piece:
    """Return the code for one character that passes *test*."""
    return Piece((Instruction((1,), test=test),))


def assertion(kind: AssertionKind) -> Piece:
    """Return the code for a position that is *kind*."""
    return Piece((Instruction((1,), assertion=kind),), is_anchored=kind == "start")


def _checked(code: tuple[Instruction, ...], is_anchored: bool) -> Piece:
    _check_size(len(code))
    return Piece(code, is_anchored)


def _check_size(size: int) -> None:
    if size > MOST_INSTRUCTIONS:
        raise PatternError("its repetitions make it too long; a simpler pattern is needed")
