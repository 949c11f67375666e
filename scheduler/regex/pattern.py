"""Regular expressions as the user writes them, read into a small program.

The language is the part of Go's (RE2) that an expression's value can spell:
classic Swarm matched with Go, and the value's grammar has no braces and no
``<``, so there are neither counted repetitions nor named groups. Captures
and laziness do not matter to a yes or no. :mod:`scheduler.regex.automaton` runs the program.

Python's own ``re`` is not used for users' patterns: it backtracks, has no
time limit, and ``(a|a)*b`` or ``a*a*a*a*b`` against a long label would stop
the manager. Forbidding nested repetition does not help against those two.

Source: github.com/google/re2/wiki/Syntax (the language only).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scheduler.regex.errors import NestedRepetitionError, PatternError
from scheduler.regex.symbols import (
    CharTest,
    ClassReader,
    any_case,
    anything,
    anything_but_newline,
    equals,
    escaped,
)

LONGEST_PATTERN = 256
"""Characters; a pattern for node names or labels is rarely longer than 60."""

_DEEPEST_GROUP = 32
"""Groups within groups; keeps the reader's own recursion small."""

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
class _Piece:
    """A part of the pattern with targets relative to its own first instruction."""

    code: tuple[Instruction, ...] = ()
    repeats: bool = False
    is_anchored: bool = False

    def then(self, other: _Piece) -> _Piece:
        return _Piece(
            self.code + _moved(other.code, len(self.code)),
            self.repeats or other.repeats,
            self.is_anchored or (not self.code and other.is_anchored),
        )

    def otherwise(self, other: _Piece) -> _Piece:
        mine, theirs = len(self.code), len(other.code)
        return _Piece(
            (
                Instruction((1, mine + 2)),
                *_moved(self.code, 1),
                Instruction((mine + 2 + theirs,)),
                *_moved(other.code, mine + 2),
            ),
            self.repeats or other.repeats,
            self.is_anchored and other.is_anchored,
        )

    def repeated(self, sign: str) -> _Piece:
        size = len(self.code)
        if sign == "?":
            return _Piece((Instruction((1, size + 1)), *_moved(self.code, 1)), self.repeats)
        if self.repeats:
            raise NestedRepetitionError("a repeated group must not contain another * or +")
        if sign == "+":
            return _Piece((*self.code, Instruction((0, size + 1))), True, self.is_anchored)
        again = Instruction((0,))
        return _Piece((Instruction((1, size + 2)), *_moved(self.code, 1), again), repeats=True)


def _moved(code: tuple[Instruction, ...], offset: int) -> tuple[Instruction, ...]:
    return tuple(
        Instruction(tuple(target + offset for target in step.targets), step.test, step.assertion)
        for step in code
    )


def read_pattern(pattern: str) -> Program:
    """Return the program of *pattern*, which is searched for anywhere in a subject.

    Raises:
        NestedRepetitionError: a repetition repeats a repetition.
        PatternError: any other fault; the text says which.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"a pattern has at most {LONGEST_PATTERN} characters")
    piece = _Reader(pattern).read_all()
    return Program(piece.code, piece.is_anchored)


class _Reader:
    """Recursive descent over the pattern: choice, sequence, repetition, atom."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0
        self._flags: frozenset[str] = frozenset()

    def read_all(self) -> _Piece:
        piece = self._choice()
        if self._at < len(self._pattern):
            raise PatternError("there is a ) without its (")
        return piece

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self, unless_missing: str) -> str:
        if self._at >= len(self._pattern):
            raise PatternError(unless_missing)
        self._at += 1
        return self._pattern[self._at - 1]

    def _choice(self) -> _Piece:
        piece = self._sequence()
        while self._peek() == "|":
            self._at += 1
            piece = piece.otherwise(self._sequence())
        return piece

    def _sequence(self) -> _Piece:
        piece = _Piece()
        while self._peek() not in ("", "|", ")"):
            piece = piece.then(self._repetition())
        return piece

    def _repetition(self) -> _Piece:
        piece = self._atom()
        sign = self._peek()
        if sign not in ("*", "+", "?") or not sign:
            return piece
        self._at += 1
        if self._peek() == "?":
            self._at += 1
        if self._peek() in ("*", "+", "?") and self._peek():
            raise PatternError("two repetition signs follow each other")
        return piece.repeated(sign)

    def _atom(self) -> _Piece:
        char = self._take("")
        if char == "(":
            return self._group()
        if char == "[":
            test, self._at = ClassReader(self._pattern, self._at).read()
            return self._symbol(test)
        if char == ".":
            return _symbol_piece(anything if "s" in self._flags else anything_but_newline)
        if char == "^":
            return _assertion_piece("line-start" if "m" in self._flags else "start")
        if char == "$":
            return _assertion_piece("line-end" if "m" in self._flags else "end")
        if char == "\\":
            return self._escape()
        if char in "*+?{}":
            raise PatternError(f"there is nothing before {char} that it could repeat")
        return self._symbol(equals(char))

    def _symbol(self, test: CharTest) -> _Piece:
        return _symbol_piece(any_case(test) if "i" in self._flags else test)

    def _escape(self) -> _Piece:
        char = self._take("it ends with a lone \\")
        if (assertion := _ASSERTION_ESCAPES.get(char)) is not None:
            return _assertion_piece(assertion)
        test, self._at = escaped(self._pattern, self._at, char)
        return self._symbol(test)

    def _group(self) -> _Piece:
        self._depth += 1
        if self._depth > _DEEPEST_GROUP:
            raise PatternError(f"groups are nested deeper than {_DEEPEST_GROUP}")
        outer = self._flags
        is_flag_only = False
        if self._peek() == "?":
            self._at += 1
            is_flag_only = self._read_flags()
        if is_flag_only:
            # ``(?i)`` holds for the rest of the group around it.
            self._depth -= 1
            return _Piece()
        piece = self._choice()
        if self._take("there is a ( without its )") != ")":
            raise PatternError("there is a ( without its )")
        self._flags = outer
        self._depth -= 1
        return piece

    def _read_flags(self) -> bool:
        flags, is_adding = set(self._flags), True
        while True:
            char = self._take("there is a ( without its )")
            if char in ("imsU"):
                (flags.add if is_adding else flags.discard)(char)
            elif char == "-" and is_adding:
                is_adding = False
            elif char in ":)":
                self._flags = frozenset(flags)
                return char == ")"
            else:
                raise PatternError(f"(?{char} is not supported")


def _symbol_piece(test: CharTest) -> _Piece:
    return _Piece((Instruction((1,), test=test),))


def _assertion_piece(kind: AssertionKind) -> _Piece:
    return _Piece((Instruction((1,), assertion=kind),), is_anchored=kind == "start")


_ASSERTION_ESCAPES: dict[str, AssertionKind] = {
    "A": "start",
    "z": "end",
    "b": "boundary",
    "B": "no-boundary",
}
