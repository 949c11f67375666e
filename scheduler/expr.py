"""Expressions: ``key==value``, ``key!=value``, soft ``~``, globs and ``/regular expressions/``.

They are read here and matched here; what the subjects are is each filter's business.

Source: docs.docker.com/swarm/scheduler/filter, "How to write filter expressions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal

from scheduler.errors import BadExpressionError
from scheduler.regex.automaton import Automaton
from scheduler.regex.errors import PatternError
from scheduler.regex.pattern import read_pattern
from scheduler.regex.program import Program
from scheduler.wording import shorten

Kind = Literal["constraint", "affinity", "whitelist"]
Matcher = Callable[[str], bool]

LONGEST_EXPRESSION = 16_384
"""Characters; a whitelist of 200 long node names has some 10,000."""

MOST_EXPRESSIONS = 100
"""Of one kind in one request: each may cost a pass over all the nodes."""

_OPERATORS = ("==", "!=")
_KEY = re.compile(r"[a-z_][a-z0-9\-_.]+", re.ASCII | re.IGNORECASE)
_VALUE = re.compile(r"[=!/]?~?[a-z0-9:\-_\s.*/()?+\[\]\\^$|]+", re.ASCII | re.IGNORECASE)
_REGULAR_EXPRESSION = re.compile(
    r"!?~?/[a-z0-9:\-_\s.*/()?+\[\]\\^$|{},<>=!]*/", re.ASCII | re.IGNORECASE
)
"""Between slashes also what classic Swarm refused: counted repetitions and names of groups."""
_PATTERN_SIGNS = re.compile(r"[*()?+\[\]\\^$|]")
_SIGNS_BUT_STAR = re.compile(r"([()?+\[\]\\^$|.])")


@dataclass(frozen=True, slots=True)
class Expression:
    """One condition of a request.

    A value between slashes is a regular expression, searched for anywhere. In
    another value ``*`` stands for any characters and the whole subject has to
    match; the other signs of regular expressions work too (classic Swarm never
    escaped them), and a value always matches itself. A dot means any character
    only in a value that has such a sign: ``app:1.2`` is a plain text.
    """

    key: str
    operator: str
    """``==`` or ``!=``."""
    value: str
    """Without the ``~`` of a soft expression."""
    is_soft: bool = False
    """A wish: dropped if no node can fulfil all wishes."""
    kind: Kind = "constraint"
    matcher: Matcher | None = field(init=False, repr=False, compare=False)
    """None for a plain text, which is found faster by ``in``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "matcher", _matcher_of(self.value, self.kind))

    def __str__(self) -> str:
        """The expression in classic Swarm's messages: no ``~``."""
        return f"{self.key}{self.operator}{self.value}"

    def accepts(self, subjects: Collection[str]) -> bool:
        """Tell whether *subjects* fulfil the expression.

        ``==`` wants at least one subject to match, ``!=`` wants none.

        Raises:
            BadExpressionError: the pattern is too costly to match against these subjects.
        """
        return self._is_found_in(subjects) is (self.operator == "==")

    def _is_found_in(self, subjects: Collection[str]) -> bool:
        if self.matcher is None:
            return self.value in subjects
        try:
            return any(map(self.matcher, subjects))
        except PatternError as exc:
            raise _bad_value(self.value, exc) from exc


def parse(text: str, kind: Kind = "constraint") -> Expression:
    """Return the expression that *text* spells, such as ``storage==~ssd``.

    Raises:
        BadExpressionError: with classic Swarm's words where it had any.
    """
    if len(text) > LONGEST_EXPRESSION:
        raise BadExpressionError(
            f"The {kind} '{shorten(text)}' is too long: at most {LONGEST_EXPRESSION} characters"
        )
    operator = next((operator for operator in _OPERATORS if operator in text), None)
    if operator is None:
        raise BadExpressionError("One of operator ==, != is expected")
    key, _, value = text.partition(operator)
    if _KEY.fullmatch(key) is None:
        raise BadExpressionError(f"Key '{shorten(key)}' is invalid")
    if _VALUE.fullmatch(value) is None and _REGULAR_EXPRESSION.fullmatch(value) is None:
        raise BadExpressionError(f"Value '{shorten(value)}' is invalid")
    if kind == "whitelist" and operator == "!=":
        # Classic Swarm ignored the operator: the container went only to the nodes to avoid.
        raise BadExpressionError(f"A whitelist names the allowed nodes: '{shorten(text)}' needs ==")
    return Expression(key, operator, value.removeprefix("~"), value.startswith("~"), kind)


def parse_many(texts: Iterable[str], kind: Kind = "constraint") -> tuple[Expression, ...]:
    """Return the expressions of *texts* in their order.

    Raises:
        BadExpressionError: one of them is wrong, or there are too many.
    """
    listed = tuple(texts)
    if len(listed) > MOST_EXPRESSIONS:
        raise BadExpressionError(
            f"Too many {kind} expressions: {len(listed)} given, at most {MOST_EXPRESSIONS}"
        )
    return tuple(parse(text, kind) for text in listed)


def _matcher_of(value: str, kind: Kind) -> Matcher | None:
    if kind == "whitelist":
        return frozenset(name for name in value.split("|") if name).__contains__
    if len(value) > 1 and value.startswith("/") and value.endswith("/"):
        return _regular_expression(value)
    if _PATTERN_SIGNS.search(value) is None:
        return None
    return _glob(value)


def _regular_expression(value: str) -> Matcher:
    try:
        return _remembering(Automaton(read_pattern(value[1:-1])).search)
    except PatternError as exc:
        raise _bad_value(value, exc) from exc


def _glob(value: str) -> Matcher:
    try:
        program = read_pattern(f"^{value.replace('*', '.*')}$")
    except PatternError:
        # Nobody said that this was a regular expression: ``c++`` is a text with two plus signs.
        program = _read_plain_glob(value)
    search = _remembering(Automaton(program).search)
    return lambda subject: subject == value or search(subject)


def _read_plain_glob(value: str) -> Program:
    literal = _SIGNS_BUT_STAR.sub(r"\\\1", value)
    try:
        return read_pattern(f"^{literal.replace('*', '.*')}$")
    except PatternError as exc:
        raise _bad_value(value, exc) from exc


def _remembering(search: Matcher) -> Matcher:
    """Return *search* with a memory: nodes share most of their images and label values.

    It lives as long as the expression, that is one request, and holds at most
    one answer for each subject that the nodes hold anyway.
    """
    answers: dict[str, bool] = {}

    def remembered(subject: str) -> bool:
        if (answer := answers.get(subject)) is None:
            answer = answers[subject] = search(subject)
        return answer

    return remembered


def _bad_value(value: str, why: Exception) -> BadExpressionError:
    return BadExpressionError(f"Value '{shorten(value)}' is invalid: {why}")
