"""``swarm router``: keep an edge's HAProxy or Nginx at what Consul knows of services."""

import logging
import sys

from common import logs
from swarm.command import Command, log_level
from swarm.flags import Parsed, UsageError
from swarm.router_flags import FLAGS

_log = logging.getLogger(__name__)


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
    if settings.kind == "haproxy" and not settings.run and not parsed.text("user"):
        _log.info("HAProxy's workers keep the rights that it starts with: see --user")
    router = Router(settings)
    is_once = parsed.is_on("once")
    if settings.run and (is_dry or is_once):
        raise UsageError("--exec runs a proxy for good: it does not go with --once or --dry-run")
    if is_dry:
        texts = asyncio.run(router.preview(timeout_s=duration(parsed, "timeout")))
        for path, text in texts:
            # One file is printed as it is, so that it can be piped into a check.
            print(f"# {path}\n{text}" if len(texts) > 1 else text, end="")
    elif is_once:
        asyncio.run(router.once(timeout_s=duration(parsed, "timeout")))
    else:
        asyncio.run(router.run())
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
        " docs/ROUTER.md tells which SERVICE_ values count. The place of the services can also"
        " stand in the environment variable SWARM_SERVICES."
    ),
)
