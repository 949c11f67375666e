"""``swarm list``: print the engines of a cluster, one address a line."""

import sys

from common import logs
from swarm.command import (
    DISCOVERY_OPT,
    Command,
    discovery_argument,
    discovery_options,
    log_level,
)
from swarm.flags import Flag, Parsed, UsageError, duration


def run(parsed: Parsed) -> int:
    """Print the discovery's first answer, sorted.

    Raises:
        UsageError: a flag cannot be used, or no answer came in time.
        BadDiscoveryError: the discovery cannot be used.
    """
    uri = discovery_argument(parsed)
    if not uri:
        raise UsageError("discovery required to list a cluster. See 'swarm list --help'.")
    options = discovery_options(parsed)
    timeout_s = duration(parsed, "timeout")
    if timeout_s <= 0:
        raise UsageError("--timeout should be a positive number")
    # Standard output is the list, made for scripts: log lines must not get in between.
    logs.set_up(log_level(parsed), sys.stderr)
    try:
        addresses = _first_answer(uri, options, parsed, timeout_s)
    except TimeoutError as exc:
        raise UsageError("Timed out") from exc
    for address in addresses:
        print(address)
    return 0


def _first_answer(uri: str, options: dict[str, str], parsed: Parsed, timeout_s: float) -> list[str]:
    import asyncio

    from discovery.opening import open_discovery

    async def first() -> list[str]:
        discovery = open_discovery(uri, options, environ=parsed.environ)
        watch = discovery.watch()
        try:
            async with asyncio.timeout(timeout_s):
                return sorted(str(address) for address in await anext(watch))
        finally:
            await watch.aclose()
            await discovery.aclose()

    return asyncio.run(first())


COMMAND = Command(
    name="list",
    alias="l",
    summary="list the engines of a cluster",
    usage="DISCOVERY",
    flags=(
        Flag(("timeout",), "give up after this time", default="10s", shown="DURATION"),
        DISCOVERY_OPT,
    ),
    run=run,
)
