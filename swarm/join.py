"""``swarm join``: keep an engine in a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common import logs
from common.hostport import is_reachable_hostport
from swarm.command import (
    DISCOVERY_OPT,
    Command,
    discovery_argument,
    discovery_options,
    log_level,
)
from swarm.flags import Flag, Parsed, UsageError, duration

if TYPE_CHECKING:
    from agent.join import JoinTimes
    from discovery.base import Address

_MIN_HEARTBEAT_S = 1.0


def run(parsed: Parsed) -> int:
    """Register until told to stop; returns 0 then.

    Raises:
        UsageError: a flag cannot be used.
        DiscoveryError: the discovery cannot be used, or cannot be joined at all.
    """
    uri = discovery_argument(parsed)
    if not uri:
        raise UsageError("discovery required to join a cluster. See 'swarm join --help'.")
    options = discovery_options(parsed)
    address, times = membership(parsed)
    logs.set_up(log_level(parsed))

    import asyncio

    from agent.join import join_until_signalled
    from discovery.opening import open_discovery

    discovery = open_discovery(uri, options, environ=parsed.environ, heartbeat_s=times.heartbeat_s)
    asyncio.run(join_until_signalled(discovery, address, times))
    return 0


def membership(parsed: Parsed) -> tuple[Address, JoinTimes]:
    """Return the engine's address and the rhythm that `MEMBERSHIP_FLAGS` ask for.

    Raises:
        UsageError: a flag cannot be used.
    """
    from agent.join import JoinTimes
    from discovery.base import Address

    advertise = parsed.text("advertise")
    if not advertise:
        raise UsageError("missing mandatory --advertise flag")
    if not is_reachable_hostport(advertise):
        raise UsageError("--advertise should be of the form ip:port or hostname:port")
    heartbeat_s, ttl_s, delay_s = _times(parsed)
    times = JoinTimes(heartbeat_s=heartbeat_s, ttl_s=ttl_s, delay_s=delay_s)
    return Address.parse(advertise), times


def _times(parsed: Parsed) -> tuple[float, float, float]:
    """Return heartbeat, TTL and delay in seconds."""
    heartbeat_s = duration(parsed, "heartbeat")
    if heartbeat_s < _MIN_HEARTBEAT_S:
        raise UsageError("--heartbeat should be at least one second")
    ttl_s = duration(parsed, "ttl")
    if ttl_s <= heartbeat_s:
        raise UsageError("--ttl must be strictly superior to the heartbeat value")
    delay_s = duration(parsed, "delay")
    if delay_s < 0:
        raise UsageError("--delay should not be a negative number")
    return heartbeat_s, ttl_s, delay_s


MEMBERSHIP_FLAGS = (
    Flag(
        ("advertise", "addr"),
        "address under which the manager reaches this host's engine",
        env="SWARM_ADVERTISE",
        shown="HOST:PORT",
    ),
    Flag(("heartbeat",), "time between two renewals", default="60s", shown="DURATION"),
    Flag(
        ("ttl",),
        "time after which the engine leaves once renewals stop; at least 20s with Consul",
        default="180s",
        shown="DURATION",
    ),
    Flag(
        ("delay",),
        "wait a random time below this before joining",
        default="0s",
        shown="DURATION",
    ),
)

COMMAND = Command(
    name="join",
    alias="j",
    summary="put this host's engine into a cluster and keep it there",
    usage="--advertise HOST:PORT DISCOVERY",
    flags=(
        *MEMBERSHIP_FLAGS,
        DISCOVERY_OPT,
    ),
    run=run,
    notes="Stopped with SIGTERM or SIGINT it takes the engine out of the cluster at once.",
)
