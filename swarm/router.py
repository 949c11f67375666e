"""``swarm router``: keep an edge's HAProxy or Nginx at what Consul knows of services."""

import sys

from common import logs
from swarm.command import Command, log_level
from swarm.flags import Parsed, UsageError
from swarm.router_flags import FLAGS


def run(parsed: Parsed) -> int:
    """Run until told to stop, or once; ``swarm router status`` asks a running one.

    Raises:
        UsageError: the command line cannot be used, or what was to be done once failed.
        BadDiscoveryError: Consul's address cannot be used.
    """
    is_dry = parsed.is_on("dry-run")
    # Standard output is for what was asked for.
    logs.set_up(log_level(parsed), sys.stderr if is_dry else None)

    from router.errors import RouterError

    try:
        if parsed.args == ("status",):
            return _show_status(parsed)
        return _route(parsed, is_dry=is_dry)
    except (RouterError, OSError) as exc:
        raise UsageError(str(exc)) from exc


def _show_status(parsed: Parsed) -> int:
    from router.figures import as_text
    from router.status import fetch
    from swarm.router_settings import status_address

    print(as_text(fetch(status_address(parsed))), end="")
    return 0


def _route(parsed: Parsed, *, is_dry: bool) -> int:
    import asyncio

    from router.runtime import Router
    from swarm.flags import duration
    from swarm.router_settings import settings_of

    settings = settings_of(parsed)
    if not (is_dry or parsed.is_on("once")):
        asyncio.run(Router(settings).run())
        return 0
    if settings.run:
        raise UsageError("--exec runs a proxy for good: it does not go with --once or --dry-run")
    timeout_s = duration(parsed, "timeout")
    texts = asyncio.run(Router(settings).once(is_dry=is_dry, timeout_s=timeout_s))
    if is_dry:
        for path, text in texts:
            # One file is printed as it is, so that it can be piped into a check.
            print(f"# {path}\n{text}" if len(texts) > 1 else text, end="")
    return 0


COMMAND = Command(
    name="router",
    alias="r",
    summary="route requests to services by HAProxy or Nginx",
    usage="consul://HOST:PORT/SERVICES | status",
    flags=FLAGS,
    run=run,
    notes=(
        "Never ends by itself: without Consul, or with a file that the proxy's check refuses, what"
        " runs goes on. `swarm router status` prints the state of the router at --status."
        " docs/ROUTER.md tells which SERVICE_ values count."
    ),
)
