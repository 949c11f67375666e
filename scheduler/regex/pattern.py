"""Regular expressions as the user writes them, read into a small program.

The language is Go's (RE2), in which Docker's and classic Swarm's patterns are written, without
its rarer escapes. Captures and laziness do not matter to a yes or no.
:mod:`scheduler.regex.automaton` runs the program.

Python's own ``re`` is not used for users' patterns: it backtracks, has no
time limit, and ``(a|a)*b`` or ``a*a*a*a*b`` against a long label would stop
the manager.

Source: github.com/google/re2/wiki/Syntax (the language only).
"""

from __future__ import annotations

import re

from scheduler.regex.errors import PatternError
from scheduler.regex.program import AssertionKind, Piece, Program, assertion, symbol
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

MOST_REPETITIONS = 1000
"""In braces; Go has the same limit."""

_DEEPEST_GROUP = 32
"""Groups within groups; keeps the reader's own recursion small."""

_COUNT = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}", re.ASCII)
_NAME = re.compile(r"<[A-Za-z0-9_]+>", re.ASCII)
_SIGNS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_LOOK_AROUND = ("=", "!", "<=", "<!")


def read_pattern(pattern: str) -> Program:
    """Return the program of *pattern*, which is searched for anywhere in a subject.

    Raises:
        PatternError: it makes no sense, or is too long; the text says which.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"a pattern has at most {LONGEST_PATTERN} characters")
    return _Reader(pattern).read_all().finished()


class _Reader:
    """Recursive descent over the pattern: choice, sequence, repetition, atom."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0
        self._flags: frozenset[str] = frozenset()

    def read_all(self) -> Piece:
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

    def _choice(self) -> Piece:
        piece = self._sequence()
        while self._peek() == "|":
            self._at += 1
            piece = piece.otherwise(self._sequence())
        return piece

    def _sequence(self) -> Piece:
        piece = Piece()
        while self._peek() not in ("", "|", ")"):
            piece = piece.then(self._repetition())
        return piece

    def _repetition(self) -> Piece:
        self._refuse_sign()
        piece = self._atom()
        bounds = self._bounds()
        if bounds is None:
            return piece
        if self._peek() == "?":
            self._at += 1
        if self._bounds() is not None:
            raise PatternError("two repetition signs follow each other")
        return piece.repeated(*bounds)

    def _refuse_sign(self) -> None:
        start = self._at
        if self._bounds() is not None:
            sign = self._pattern[start : self._at]
            raise PatternError(f"there is nothing before {sign} that it could repeat")

    def _bounds(self) -> tuple[int, int | None] | None:
        """Take a repetition sign and return its bounds; None if there is no sign here.

        Braces around anything but a count are plain characters, as in Go.
        """
        if (bounds := _SIGNS.get(self._peek())) is not None:
            self._at += 1
            return bounds
        if (count := _COUNT.match(self._pattern, self._at)) is None:
            return None
        self._at = count.end()
        least = int(count[1])
        most = int(count[3]) if count[3] else None if count[2] else least
        if max(least, most or 0) > MOST_REPETITIONS:
            raise PatternError(f"{count[0]} repeats more than {MOST_REPETITIONS} times")
        if most is not None and least > most:
            raise PatternError(f"{count[0]} is the wrong way round")
        return least, most

    def _atom(self) -> Piece:
        char = self._take("")
        if char == "(":
            return self._group()
        if char == "[":
            reader = ClassReader(self._pattern, self._at, ignores_case="i" in self._flags)
            test, self._at = reader.read()
            return symbol(test)
        if char == ".":
            return symbol(anything if "s" in self._flags else anything_but_newline)
        if char == "^":
            return assertion("line-start" if "m" in self._flags else "start")
        if char == "$":
            return assertion("line-end" if "m" in self._flags else "end")
        if char == "\\":
            return self._escape()
        return self._symbol(equals(char))

    def _symbol(self, test: CharTest) -> Piece:
        return symbol(any_case(test) if "i" in self._flags else test)

    def _escape(self) -> Piece:
        char = self._take("it ends with a lone \\")
        if (kind := _ASSERTION_ESCAPES.get(char)) is not None:
            return assertion(kind)
        test, self._at = escaped(self._pattern, self._at, char)
        return self._symbol(test)

    def _group(self) -> Piece:
        self._depth += 1
        if self._depth > _DEEPEST_GROUP:
            raise PatternError(f"groups are nested deeper than {_DEEPEST_GROUP}")
        outer = self._flags
        is_flag_only = False
        if self._peek() == "?":
            self._at += 1
            is_flag_only = not self._read_name() and self._read_flags()
        if is_flag_only:
            # ``(?i)`` holds for the rest of the group around it.
            self._depth -= 1
            self._refuse_sign()
            return Piece()
        piece = self._choice()
        if self._take("there is a ( without its )") != ")":
            raise PatternError("there is a ( without its )")
        self._flags = outer
        self._depth -= 1
        return piece

    def _read_name(self) -> bool:
        """Read the name in ``(?P<name>…)`` or ``(?<name>…)``; return whether there was one."""
        rest = self._pattern[self._at :]
        if rest.startswith(_LOOK_AROUND):
            raise PatternError("look-around such as (?= is not supported, as in Go")
        if rest.startswith(("P=", "P>")):
            raise PatternError("references to groups are not supported, as in Go")
        if not rest.startswith(("P<", "<")):
            return False
        start = self._at + rest.index("<")
        if (name := _NAME.match(self._pattern, start)) is None:
            raise PatternError("the name of a group has letters, digits and underscores only")
        self._at = name.end()
        return True

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


_ASSERTION_ESCAPES: dict[str, AssertionKind] = {
    "A": "start",
    "z": "end",
    "b": "boundary",
    "B": "no-boundary",
}
