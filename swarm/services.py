"""``swarm services``: print what runs where, as the agents have written it down."""

import json
import sys
from collections.abc import Sequence

from common import logs
from services.entry import ServiceEntry, entries_of
from swarm.command import DISCOVERY_OPT, Command, discovery_options, log_level
from swarm.flags import Flag, Parsed, UsageError

_COLUMNS = ("SERVICE", "HOST", "CONTAINER", "ADDRESS", "TAGS")
_GAP = "   "


def run(parsed: Parsed) -> int:
    """Print every service, one published port of one container a line.

    Raises:
        UsageError: no Consul is given.
        DiscoveryError: Consul cannot be used, or does not answer.
    """
    uri = parsed.args[0] if len(parsed.args) == 1 else parsed.environ.get("SWARM_SERVICES", "")
    if not uri:
        raise UsageError(
            "the services' place in Consul required, consul://HOST:PORT/services."
            " See 'swarm services --help'."
        )
    # Standard output is the table, made for scripts: log lines must not get in between.
    logs.set_up(log_level(parsed), sys.stderr)
    entries = _entries(uri, parsed)
    print(as_json(entries) if parsed.is_on("json") else table(entries))
    return 0


def table(entries: Sequence[ServiceEntry]) -> str:
    """Return *entries* below a line of headings, columns as wide as they need to be."""
    rows = [_COLUMNS, *(_row(entry) for entry in entries)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    return "\n".join(_line(row, widths) for row in rows)


def as_json(entries: Sequence[ServiceEntry]) -> str:
    """Return *entries* as a JSON array of objects, with all that is known of each."""
    return json.dumps(
        [
            {
                "service": entry.folder,
                "host": entry.host,
                "container": entry.container,
                "address": entry.address,
                "protocol": entry.protocol,
                "tags": list(entry.tags),
                "attributes": dict(entry.attributes),
            }
            for entry in entries
        ],
        indent=2,
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    return _GAP.join(cells).rstrip()


def _row(entry: ServiceEntry) -> tuple[str, ...]:
    address = entry.address if entry.protocol == "tcp" else f"{entry.address}/{entry.protocol}"
    return entry.folder, entry.host, entry.container, address, ",".join(entry.tags)


def _entries(uri: str, parsed: Parsed) -> list[ServiceEntry]:
    import asyncio

    from discovery.consul_http import ConsulHTTP
    from discovery.uri import ConsulTarget, parse_uri

    target = parse_uri(uri, discovery_options(parsed), environ=parsed.environ)
    if not isinstance(target, ConsulTarget):
        raise UsageError("services are kept in Consul: consul://HOST:PORT/services")
    folder = f"{target.prefix}/" if target.prefix else ""

    async def read() -> list[ServiceEntry]:
        http = ConsulHTTP(target)
        try:
            found = await http.listing(folder)
        finally:
            await http.aclose()
        return entries_of({item.key.removeprefix(folder): item.value for item in found.entries})

    return asyncio.run(read())


COMMAND = Command(
    name="services",
    alias="s",
    summary="list what runs where, as routers see it",
    usage="consul://HOST:PORT/services",
    flags=(
        Flag(("json",), "as JSON, with all attributes", "bool", default=False),
        DISCOVERY_OPT,
    ),
    run=run,
    notes="The place can also stand in the environment variable SWARM_SERVICES.",
)
