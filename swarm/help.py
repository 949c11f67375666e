"""The help texts, in lines that fit a terminal."""

import textwrap
from collections.abc import Iterable, Sequence

from swarm.command import GLOBAL_FLAGS, HELP, Command
from swarm.flags import Flag

_WIDTH = 96
_COLUMN = 30

VERSION_FLAG = Flag(("version", "v"), "print the version", "bool", default=False)

_DISCOVERY = """\
DISCOVERY says where the engines are:
  consul://HOST:PORT/PREFIX   a Consul server (consuls:// with TLS)
  nodes://A:2375,B:2375       a fixed list; 10.0.0.[10:20]:2375 is a range, unix:///path a socket
  file:///PATH                a file with one address a line
It can also stand in the environment variable SWARM_DISCOVERY.
"""


def program_help(commands: Iterable[Command]) -> str:
    """Return what ``swarm --help`` prints."""
    lines = [
        "One Docker endpoint for many Docker engines.",
        "",
        "Usage: swarm [OPTIONS] COMMAND [OPTIONS] [DISCOVERY]",
        "",
        "Commands:",
    ]
    rows = [(f"{command.name}, {command.alias}", command.summary) for command in commands]
    rows.append(("help, h", "show the help of a command"))
    for left, right in rows:
        lines += _row(left, right)
    lines += ["", "Options:", *_flag_rows((*GLOBAL_FLAGS, HELP, VERSION_FLAG)), "", _DISCOVERY]
    lines.append("More about a command: swarm COMMAND --help")
    return "\n".join(lines) + "\n"


def command_help(command: Command) -> str:
    """Return what ``swarm COMMAND --help`` prints."""
    lines = [
        f"swarm {command.name}: {command.summary}",
        "",
        f"Usage: swarm {command.name} [OPTIONS] {command.usage}".rstrip(),
        "",
        "Options:",
        *_flag_rows((*command.flags, HELP)),
        "",
        "Options of every command:",
        *_flag_rows(GLOBAL_FLAGS),
    ]
    if "DISCOVERY" in command.usage:
        lines += ["", _DISCOVERY.rstrip()]
    if command.notes:
        lines += ["", *textwrap.wrap(command.notes, _WIDTH)]
    return "\n".join(lines) + "\n"


def _flag_rows(flags: Sequence[Flag]) -> list[str]:
    return [line for flag in flags for line in _row(_names(flag), _explained(flag))]


def _names(flag: Flag) -> str:
    names = ", ".join(f"-{name}" if len(name) == 1 else f"--{name}" for name in flag.names)
    return f"{names} {flag.shown}".rstrip()


def _explained(flag: Flag) -> str:
    default = flag.shown_default or (str(flag.default) if flag.default else "")
    extras = [f"default {default}"] if default else []
    extras += [f"${flag.env}"] if flag.env else []
    return f"{flag.help} [{', '.join(extras)}]" if extras else flag.help


def _row(left: str, right: str) -> list[str]:
    """Return *left*, and *right* wrapped in a column of its own."""
    wrapped = textwrap.wrap(right, _WIDTH - _COLUMN)
    first = f"  {left}"
    indent = " " * _COLUMN
    if len(first) + 2 > _COLUMN:
        return [first, *(indent + line for line in wrapped)]
    return [f"{first:<{_COLUMN}}{wrapped[0]}", *(indent + line for line in wrapped[1:])]
