"""Docker's ``filters`` parameter and its other query values, in Docker's own way of reading them.

Used by every list and by events. What a key means stands with what it filters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from master.errors import BadRequestError
from scheduler.regex.automaton import Automaton
from scheduler.regex.errors import PatternError
from scheduler.regex.pattern import read_pattern

Filters = Mapping[str, tuple[str, ...]]
"""Filter key to its values, in the order given. A key without values filters nothing."""

NO_FILTERS: Filters = MappingProxyType({})

Matcher = Callable[[str], bool]

_FALSE = frozenset({"", "0", "no", "false", "none"})
_WORD = re.compile(r"(\^?)([\w/-]+)(\$?)", re.ASCII)
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


def bad_value(key: str, value: str) -> BadRequestError:
    """Return Docker's answer to a filter value that makes no sense."""
    return BadRequestError(f"invalid filter '{key}={value}'")


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


def matcher(key: str, values: Iterable[str]) -> Matcher:
    """Return a test: is a text one of *values*, or does one of them, as a regex, occur in it?

    The matching takes bounded time: a user's pattern can't hold up the manager.

    Raises:
        BadRequestError: a value is no regular expression, here or (if it turns out to be too
            costly) from the test. Docker finds nothing then, which a script takes for an answer.
    """
    exact = frozenset(values)
    tests = [_plain_test(value) or _search(key, value) for value in exact]
    return lambda text: text in exact or any(test(text) for test in tests)


def has_labels(labels: Mapping[str, str], wanted: Iterable[str]) -> bool:
    """Whether every ``key`` or ``key=value`` of *wanted* is among *labels*."""
    return label_test(wanted)(labels)


def label_test(wanted: Iterable[str]) -> Callable[[Mapping[str, str]], bool]:
    """Return `has_labels` for many labels to come: *wanted* is read once."""
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
        raise BadRequestError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    return number


def whole_number(text: str) -> int | None:
    """Return what Go's Atoi reads: a sign and ASCII digits, nothing else; None otherwise."""
    digits = text[1:] if text[:1] in {"-", "+"} else text
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_NUMBER):
        return None
    return int(text)


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


def _plain_test(pattern: str) -> Matcher | None:
    """Return the test for a word, anchored or not; None for a pattern that needs more.

    Nearly all are of this kind (``^/web$``), and a string's own methods are 20 times quicker.
    """
    if (found := _WORD.fullmatch(pattern)) is None:
        return None
    from_start, word, to_end = found.groups()
    if from_start and to_end:
        return word.__eq__
    if from_start:
        return lambda text: text.startswith(word)
    if to_end:
        return lambda text: text.endswith(word)
    return lambda text: word in text


def _search(key: str, pattern: str) -> Matcher:
    try:
        automaton = Automaton(read_pattern(pattern))
    except PatternError as exc:
        raise _bad_pattern(key, pattern, exc) from exc

    def search(text: str) -> bool:
        try:
            return automaton.search(text)
        except PatternError as exc:
            raise _bad_pattern(key, pattern, exc) from exc

    return search


def _bad_pattern(key: str, pattern: str, why: PatternError) -> BadRequestError:
    return BadRequestError(f"invalid filter '{key}={pattern}': {why}")
