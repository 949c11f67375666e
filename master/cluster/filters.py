"""Docker's ``filters`` parameter and its other query values, in Docker's own way of reading them.

Used by every list and by events. What a key means stands with what it filters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from master.errors import BadRequestError
from scheduler.regex.automaton import Automaton, State
from scheduler.regex.errors import PatternError
from scheduler.regex.pattern import read_pattern

Filters = Mapping[str, tuple[str, ...]]
"""Filter key to its values, in the order given. A key without values filters nothing."""

NO_FILTERS: Filters = MappingProxyType({})

Matcher = Callable[[str], bool]
_Start = tuple[Callable[[str, State], bool], State]

_FALSE = frozenset({"", "0", "no", "false", "none"})
_LONGEST_NUMBER = 18
"""Digits; Go's int ends at 19, and no exit code, limit or port needs as many."""


def parse_filters(text: str | None) -> Filters:
    """Read ``filters=``: ``{"key": ["value"]}``, or the older ``{"key": {"value": true}}``.

    In the older form the values are the inner keys, whatever stands behind them: so Docker
    reads it.

    Raises:
        BadRequestError: it is no JSON object of that kind.
    """
    if not text:
        return NO_FILTERS
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise _malformed() from exc
    if read is None:
        return NO_FILTERS
    if not isinstance(read, dict):
        raise _malformed()
    return MappingProxyType({key: _values(given) for key, given in read.items()})


def check_keys(filters: Filters, accepted: Collection[str]) -> None:
    """Refuse keys that this list can't filter by.

    Raises:
        BadRequestError: there is one, in Docker's words.
    """
    for key in filters:
        if key not in accepted:
            raise BadRequestError(f"invalid filter '{key}'")


def bad_value(key: str, value: str, why: str = "") -> BadRequestError:
    """Return Docker's answer to a filter value that makes no sense."""
    return BadRequestError(f"invalid filter '{key}={value}'" + (f": {why}" if why else ""))


def yes_or_no(filters: Filters, key: str) -> bool | None:
    """Return the value of a boolean filter, None if it isn't given.

    Raises:
        BadRequestError: it is neither, or both.
    """
    if key not in filters:
        return None
    values = set(filters[key])
    is_true, is_false = bool(values & {"1", "true"}), bool(values & {"0", "false"})
    if is_true == is_false or values - {"0", "1", "true", "false"}:
        raise bad_value(key, f"[{' '.join(filters[key])}]")
    return is_true


class Patterns:
    """The values of a filter that are texts, or regular expressions to be found in a text.

    The matching takes bounded time: a user's pattern can't hold up the manager.
    """

    __slots__ = ("_automata", "_exact", "_key")

    def __init__(self, key: str, values: Iterable[str]) -> None:
        """Read the patterns.

        Raises:
            BadRequestError: a value is no regular expression. Docker finds nothing then, which a
                script takes for an answer.
        """
        self._key = key
        self._exact = tuple(values)
        self._automata = [self._automaton(value) for value in self._exact]

    def matcher(self, *prefixes: str) -> Matcher:
        """Return a test: does any value fit a text that has one of *prefixes* in front?

        The test raises BadRequestError if a pattern turns out to be too costly.
        """
        exact = frozenset(
            value.removeprefix(prefix)
            for value in self._exact
            for prefix in prefixes
            if value.startswith(prefix)
        )
        starts = self._starts(prefixes)

        def matches(text: str) -> bool:
            if text in exact:
                return True
            try:
                # A loop, not any(): it is run for each of 5,000 containers.
                for search, state in starts:
                    if search(text, state):
                        return True
            except PatternError as exc:
                raise self._bad_pattern(exc) from exc
            return False

        return matches

    def _starts(self, prefixes: Iterable[str]) -> tuple[_Start, ...]:
        """Return where the searches begin: once for prefixes that a pattern can't tell apart."""
        try:
            found = dict.fromkeys(
                (automaton, automaton.behind(prefix))
                for automaton in self._automata
                for prefix in prefixes
            )
        except PatternError as exc:
            raise self._bad_pattern(exc) from exc
        return tuple(
            (automaton.search, state) for automaton, state in found if not state.can_never_match
        )

    def _automaton(self, value: str) -> Automaton:
        try:
            return Automaton(read_pattern(value))
        except PatternError as exc:
            raise _bad_pattern(self._key, value, exc) from exc

    def _bad_pattern(self, why: PatternError) -> BadRequestError:
        return _bad_pattern(self._key, " ".join(self._exact), why)


def matcher(key: str, values: Iterable[str]) -> Matcher:
    """Return a test: is a text one of *values*, or does one of them, as a regex, occur in it?

    Raises:
        BadRequestError: as `Patterns`.
    """
    return Patterns(key, values).matcher("")


def label_test(wanted: Iterable[str]) -> Callable[[Mapping[str, str]], bool]:
    """Return a test: is every ``key`` and ``key=value`` of *wanted* among labels?"""
    keys: set[str] = set()
    pairs: dict[str, str] = {}
    for text in wanted:
        key, equals, value = text.partition("=")
        if equals and pairs.setdefault(key, value) != value:
            # One label can't have two values.
            return lambda _: False
        keys.add(key)

    def has_all(labels: Mapping[str, str]) -> bool:
        return keys <= labels.keys() and pairs.items() <= labels.items()

    return has_all


def first_values(query: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters by name; of those that come twice the first counts, as for engines."""
    return dict(reversed(query))


def boolean(text: str | None) -> bool:
    """Read a yes or no from a query as Docker does: all but "", 0, no, false, none is yes."""
    return (text or "").strip().lower() not in _FALSE


def integer(text: str | None) -> int:
    """Read a whole number from a query; absent is 0.

    Raises:
        BadRequestError: it isn't one, in Go's words.
    """
    if not text:
        return 0
    number = whole_number(text)
    if number is None:
        raise BadRequestError(number_fault("Atoi", text))
    return number


def whole_number(text: str) -> int | None:
    """Return what Go's Atoi reads: a sign and ASCII digits, nothing else; None otherwise."""
    digits = text[1:] if text[:1] in {"-", "+"} else text
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_NUMBER):
        return None
    return int(text)


def number_fault(function: str, text: str) -> str:
    """Return what Go's strconv says about a *text* that is no number, or too large a one."""
    signless = text[1:] if function == "Atoi" and text[:1] in {"-", "+"} else text
    is_number = signless.isascii() and signless.isdecimal()
    fault = "value out of range" if is_number else "invalid syntax"
    return f'strconv.{function}: parsing "{text}": {fault}'


def _values(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if isinstance(given, dict) and all(isinstance(on, bool) for on in given.values()):
        return tuple(given)
    if isinstance(given, list) and all(isinstance(value, str) for value in given):
        return tuple(dict.fromkeys(given))
    raise _malformed()


def _malformed() -> BadRequestError:
    return BadRequestError("invalid filter: filters has to be a JSON object of lists of strings")


def _bad_pattern(key: str, pattern: str, why: PatternError) -> BadRequestError:
    return bad_value(key, pattern, str(why))
