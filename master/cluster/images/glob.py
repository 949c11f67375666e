"""The ``reference`` filter of images: ``busy*``, ``*:1.36``, ``registry:5000/*/app``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from master.cluster.images.reference import parse_reference
from master.errors import BadRequestError
from scheduler.regex.automaton import Automaton
from scheduler.regex.errors import PatternError
from scheduler.regex.pattern import read_pattern


def image_glob(pattern: str) -> Callable[[str], bool]:
    """Return the test whether an image's name, with or without its tag, fits *pattern*.

    ``*`` and ``?`` stand for anything but a slash, ``[a-z]`` and ``[^a-z]`` for one character of
    a set, a backslash takes a sign's meaning away: Go's path.Match.

    Raises:
        BadRequestError: *pattern* is none.
    """
    try:
        automaton = Automaton(read_pattern(f"^{_expression(pattern)}$"))
    except PatternError as exc:
        raise _bad_pattern(pattern) from exc

    def matches(name: str) -> bool:
        try:
            repository = parse_reference(name).name
        except BadRequestError:
            repository = name
        try:
            return automaton.search(name) or automaton.search(repository)
        except PatternError as exc:
            raise _bad_pattern(pattern) from exc

    return matches


def _expression(pattern: str) -> str:
    """Translate the glob into a regular expression."""
    pieces: list[str] = []
    signs = iter(pattern)
    for sign in signs:
        match sign:
            case "*":
                pieces.append("[^/]*")
            case "?":
                pieces.append("[^/]")
            case "[":
                pieces.append(_character_set(signs, pattern))
            case "\\":
                pieces.append(_literal(next(signs, ""), pattern))
            case _:
                pieces.append(_literal(sign, pattern))
    return "".join(pieces)


def _character_set(signs: Iterator[str], pattern: str) -> str:
    """Translate what follows a ``[``, up to its ``]``."""
    pieces = ["["]
    for sign in signs:
        if sign == "]" and pieces[-1] not in {"[", "^"}:
            return "".join(pieces) + "]"
        if sign == "\\":
            pieces.append(_literal(next(signs, ""), pattern))
        elif sign == "-" or (sign == "^" and pieces == ["["]):
            pieces.append(sign)
        else:
            pieces.append(_literal(sign, pattern))
    raise _bad_pattern(pattern)


def _literal(sign: str, pattern: str) -> str:
    if not sign:
        raise _bad_pattern(pattern)
    return sign if sign.isalnum() or sign in "_/ " else f"\\{sign}"


def _bad_pattern(pattern: str) -> BadRequestError:
    return BadRequestError(f"invalid filter 'reference={pattern}': syntax error in pattern")
