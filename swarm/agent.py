"""``swarm agent``: all that a host needs beside its engine, in one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common import logs
from swarm import join
from swarm.command import (
    DISCOVERY_OPT,
    Command,
    discovery_argument,
    discovery_options,
    log_level,
)
from swarm.flags import Flag, Parsed, UsageError
from swarm.registrator import (
    REGISTRATOR_FLAGS,
    metrics_address,
    registrator_settings,
    services_target,
    with_prefix,
)

if TYPE_CHECKING:
    from discovery.uri import ConsulTarget


def run(parsed: Parsed) -> int:
    """Join and register until told to stop; returns 0 then.

    Raises:
        UsageError: a flag cannot be used.
        DiscoveryError: the discovery cannot be used.
    """
    uri = discovery_argument(parsed)
    if not uri:
        raise UsageError("discovery required to join a cluster. See 'swarm agent --help'.")
    address, times = join.membership(parsed)
    settings = registrator_settings(
        parsed,
        _services(parsed, uri),
        ttl_flag="services-ttl",
        advertised=str(address),
    )
    metrics = metrics_address(parsed)
    logs.set_up(log_level(parsed))

    from agent.run import JoinSettings
    from agent.run import run as run_agent

    joining = JoinSettings(uri, discovery_options(parsed), parsed.environ, address, times)
    try:
        run_agent(settings, joining=joining, metrics=metrics)
    except ValueError as exc:  # a TLS file
        raise UsageError(str(exc)) from exc
    return 0


def _services(parsed: Parsed, uri: str) -> ConsulTarget:
    """Return where services go: a folder beside the cluster's, or another Consul."""
    text = parsed.text("services")
    if "://" in text:
        return services_target(parsed, text)
    return with_prefix(services_target(parsed, uri), text)


COMMAND = Command(
    name="agent",
    alias="a",
    summary="join and registrator in one process",
    usage="--advertise HOST:PORT DISCOVERY",
    flags=(
        *join.MEMBERSHIP_FLAGS,
        Flag(
            ("services",),
            "folder for services in the discovery's Consul, or consul://host:8500/folder",
            default="services",
            shown="FOLDER",
        ),
        Flag(
            ("services-ttl",),
            "time after which the services go once this host is silent; at least 20s",
            default="30s",
            shown="DURATION",
        ),
        *REGISTRATOR_FLAGS,
        DISCOVERY_OPT,
    ),
    run=run,
    notes="Stopped with SIGTERM or SIGINT it takes the engine out of the cluster at once; the"
    " services stay for a successor, unless --leave is given.",
)
