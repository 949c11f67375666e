"""The entry point: finds the command, runs it, turns errors into one line and exit code 1."""

import os
import sys
from collections.abc import Mapping, Sequence

from common.logs import level_of
from common.version import VERSION
from discovery.errors import DiscoveryError
from swarm import agent, create, health, join, manage, registrator, router, services
from swarm import list as list_command
from swarm.command import GLOBAL_FLAGS, HELP, Command, log_level
from swarm.flags import Parsed, UsageError, parse
from swarm.help import VERSION_FLAG, command_help, program_help

_COMMANDS = (
    manage.COMMAND,
    join.COMMAND,
    registrator.COMMAND,
    agent.COMMAND,
    list_command.COMMAND,
    services.COMMAND,
    router.COMMAND,
    create.COMMAND,
    health.COMMAND,
)
_BY_NAME = {name: command for command in _COMMANDS for name in (command.name, command.alias)}
_INTERRUPTED = 130
"""128 plus the number of SIGINT, as shells count."""


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run ``swarm`` with *argv* (without the program's name); return the exit code."""
    try:
        return _run(
            sys.argv[1:] if argv is None else argv, os.environ if environ is None else environ
        )
    except (UsageError, DiscoveryError) as exc:
        print(f"swarm: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # `swarm list | head -1`: the reader has what it wanted. Python would complain once more
        # when it flushes at exit, so what is left goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    top = parse((*GLOBAL_FLAGS, HELP, VERSION_FLAG), argv, environ, stops_at_argument=True)
    if top.is_on("version"):
        print(f"swarm version {VERSION}")
        return 0
    if top.is_on("help") or not top.args:
        return _show(program_help(_COMMANDS))
    name, *rest = top.args
    if name in {"help", "h"}:
        return _show(command_help(_command(rest[0])) if rest else program_help(_COMMANDS))
    command = _command(name)
    try:
        parsed = parse((*command.flags, *GLOBAL_FLAGS, HELP), rest, environ)
    except UsageError as exc:
        raise UsageError(f"{exc}. See 'swarm {command.name} --help'.") from exc
    parsed = _with_globals(top, parsed)
    if parsed.is_on("help"):
        return _show(command_help(command))
    _check_log_level(parsed)
    return command.run(parsed)


def _command(name: str) -> Command:
    command = _BY_NAME.get(name)
    if command is None:
        raise UsageError(f"unknown command \"{name}\". See 'swarm --help'.")
    return command


def _with_globals(top: Parsed, parsed: Parsed) -> Parsed:
    """Return *parsed* with what stood before the command's name, where it was not said again."""
    names = {flag.name for flag in GLOBAL_FLAGS} & top.given - parsed.given
    values = {**parsed.values, **{name: top.values[name] for name in names}}
    return Parsed(values, parsed.given | names, parsed.args, parsed.environ)


def _check_log_level(parsed: Parsed) -> None:
    try:
        level_of(log_level(parsed))
    except ValueError as exc:
        raise UsageError(str(exc)) from exc


def _show(text: str) -> int:
    print(text, end="")
    return 0
