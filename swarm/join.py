"""``swarm join``: keep an engine in a cluster."""

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
    advertise = parsed.text("advertise")
    if not advertise:
        raise UsageError("missing mandatory --advertise flag")
    if not is_reachable_hostport(advertise):
        raise UsageError("--advertise should be of the form ip:port or hostname:port")
    heartbeat_s, ttl_s, delay_s = _times(parsed)
    logs.set_up(log_level(parsed))

    import asyncio

    from agent.join import JoinTimes, join_until_signalled
    from discovery.base import Address
    from discovery.opening import open_discovery

    discovery = open_discovery(uri, options, environ=parsed.environ, heartbeat_s=heartbeat_s)
    times = JoinTimes(heartbeat_s=heartbeat_s, ttl_s=ttl_s, delay_s=delay_s)
    asyncio.run(join_until_signalled(discovery, Address.parse(advertise), times))
    return 0


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


COMMAND = Command(
    name="join",
    alias="j",
    summary="put this host's engine into a cluster and keep it there",
    usage="--advertise HOST:PORT DISCOVERY",
    flags=(
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
        DISCOVERY_OPT,
    ),
    run=run,
    notes="Stopped with SIGTERM or SIGINT it takes the engine out of the cluster at once.",
)
