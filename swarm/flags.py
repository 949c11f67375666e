"""Flags in Go's spelling: one dash or two, ``-x=v`` or ``-x v``, booleans with or without value.

Source: the documentation of Go's package flag, which classic Swarm's command line followed. Unlike
there, flags may also stand behind the discovery argument.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from common.durations import parse_duration

Kind = Literal["bool", "text", "list", "duration", "count"]
Value = bool | str | tuple[str, ...] | float | int

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_COUNT = re.compile(r"[+-]?[0-9]{1,18}")


class UsageError(Exception):
    """The command line cannot be used; the text is for the user, exit code 1."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of a command."""

    names: tuple[str, ...]
    """Without dashes; the first is its name, the others are aliases."""
    help: str
    kind: Kind = "text"
    default: Value = ""
    env: str = ""
    """Environment variable that gives the value where the flag is not given."""
    shown: str = ""
    """What stands for the value in the help."""
    shown_default: str = ""
    """The default in the help, where it is not simply `default`."""

    @property
    def name(self) -> str:
        """The name under which the value is asked for."""
        return self.names[0]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command line taken apart."""

    values: dict[str, Value]
    given: frozenset[str]
    """Names of the flags that the command line gave."""
    args: tuple[str, ...] = ()
    """What is no flag."""
    environ: Mapping[str, str] = field(default_factory=dict)

    def is_on(self, name: str) -> bool:
        """Return a bool flag."""
        return bool(self.values[name])

    def text(self, name: str) -> str:
        """Return a text flag."""
        return str(self.values[name])

    def many(self, name: str) -> tuple[str, ...]:
        """Return a list flag."""
        value = self.values[name]
        return value if isinstance(value, tuple) else ()

    def number(self, name: str) -> float:
        """Return a duration (seconds) or a count."""
        value = self.values[name]
        return value if isinstance(value, int | float) else 0.0


def parse(
    flags: Sequence[Flag],
    argv: Sequence[str],
    environ: Mapping[str, str],
    *,
    stops_at_argument: bool = False,
) -> Parsed:
    """Take *argv* apart.

    Args:
        flags: what is known.
        argv: without the program's and the command's name.
        environ: the environment.
        stops_at_argument: the first argument and all behind it are `Parsed.args`, unread.

    Raises:
        UsageError: an unknown flag, a missing or a bad value.
    """
    by_name = {name: flag for flag in flags for name in flag.names}
    texts: dict[str, list[str]] = {}
    args: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            args += rest
            break
        if not word.startswith("-") or word == "-":
            args.append(word)
            if stops_at_argument:
                args += rest
                break
            continue
        flag, text = _take(word, rest, by_name)
        texts.setdefault(flag.name, []).append(text)
    values = {flag.name: _value(flag, texts.get(flag.name), environ) for flag in flags}
    return Parsed(values, frozenset(texts), tuple(args), environ)


def duration(parsed: Parsed, name: str) -> float:
    """Return the text flag *name* as seconds.

    Raises:
        UsageError: not a duration; in classic's words, which differ from those of Go's own flags.
    """
    try:
        return parse_duration(parsed.text(name))
    except ValueError as exc:
        raise UsageError(f"invalid --{name}: {exc}") from exc


def _take(word: str, rest: list[str], by_name: Mapping[str, Flag]) -> tuple[Flag, str]:
    """Return the flag in *word* and its value's text, taken from *rest* where it stands there."""
    name, equals, text = word.removeprefix("-").removeprefix("-").partition("=")
    if not name or name.startswith("-"):
        raise UsageError(f"bad flag syntax: {word}")
    if name not in by_name:
        raise UsageError(f"flag provided but not defined: -{name}")
    flag = by_name[name]
    if equals:
        return flag, text
    if flag.kind == "bool":
        return flag, "true"
    if not rest:
        raise UsageError(f"flag needs an argument: -{name}")
    return flag, rest.pop(0)


def _value(flag: Flag, texts: list[str] | None, environ: Mapping[str, str]) -> Value:
    """Return what the command line gave, else the environment, else the default."""
    if texts is not None:
        return tuple(texts) if flag.kind == "list" else _converted(flag, texts[-1])
    from_env = environ.get(flag.env, "") if flag.env else ""
    if not from_env:
        return flag.default
    if flag.kind == "list":
        return tuple(part.strip() for part in from_env.split(",") if part.strip())
    if flag.kind == "bool" and from_env not in _TRUE | _FALSE:
        # DEBUG is everybody's variable: "DEBUG=*" of another program must not stop us.
        return flag.default
    return _converted(flag, from_env)


def _converted(flag: Flag, text: str) -> Value:
    if flag.kind == "bool":
        if text not in _TRUE | _FALSE:
            raise UsageError(f'invalid boolean value "{text}" for -{flag.name}: parse error')
        return text in _TRUE
    try:
        if flag.kind == "duration":
            return parse_duration(text)
        if flag.kind == "count":
            return _integer(text)
    except ValueError as exc:
        raise UsageError(f'invalid value "{text}" for flag -{flag.name}: {exc}') from exc
    return text


def _integer(text: str) -> int:
    if not _COUNT.fullmatch(text):
        raise ValueError("parse error")
    return int(text)
