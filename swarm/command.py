"""What a command is, and the flags and checks that several commands share."""

from collections.abc import Callable
from dataclasses import dataclass

from swarm.flags import Flag, Parsed, UsageError

HELP = Flag(("help", "h"), "show this help", "bool", default=False)

GLOBAL_FLAGS = (
    Flag(("debug",), "same as --log-level=debug", "bool", default=False, env="DEBUG"),
    Flag(
        ("log-level", "l"),
        "least level of log messages: debug, info, warn, error, fatal, panic",
        default="info",
        shown="LEVEL",
    ),
    Flag(
        ("experimental",),
        "accepted for classic Swarm's sake; this version has no experimental features",
        "bool",
        default=False,
    ),
)

DISCOVERY_OPT = Flag(
    ("discovery-opt",),
    "option of the discovery (may be repeated): kv.path, kv.token, and for TLS to Consul"
    " kv.cacertfile, kv.certfile, kv.keyfile",
    "list",
    default=(),
    shown="KEY=VALUE",
    shown_default="kv.path=docker/swarm/nodes",
)


@dataclass(frozen=True, slots=True)
class Command:
    """One of the words that can follow ``swarm``."""

    name: str
    alias: str
    summary: str
    usage: str
    """What follows the command's name in the usage line."""
    flags: tuple[Flag, ...]
    run: Callable[[Parsed], int]
    """Does the work; returns the exit code."""
    notes: str = ""
    """Stands at the end of the help."""


def discovery_argument(parsed: Parsed) -> str:
    """Return the discovery's URI: the only argument, else SWARM_DISCOVERY, else nothing."""
    if len(parsed.args) == 1:
        return parsed.args[0]
    return parsed.environ.get("SWARM_DISCOVERY", "")


def discovery_options(parsed: Parsed) -> dict[str, str]:
    """Return the ``--discovery-opt`` pairs.

    Raises:
        UsageError: one of them is not a pair.
    """
    options: dict[str, str] = {}
    for option in parsed.many("discovery-opt"):
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise UsageError("--discovery-opt must contain key=value strings")
        options[key] = value
    return options


def log_level(parsed: Parsed) -> str:
    """Return the level that ``--log-level`` and ``--debug`` ask for; the first one wins."""
    if parsed.is_on("debug") and "log-level" not in parsed.given:
        return "debug"
    return parsed.text("log-level").lower()
