"""``swarm registrator``: what one engine publishes, as services in Consul."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common import logs
from common.durations import parse_duration
from common.hostport import split_hostport
from swarm.command import DISCOVERY_OPT, Command, discovery_options, log_level
from swarm.flags import Flag, Parsed, UsageError

if TYPE_CHECKING:
    from agent.registrator import RegistratorSettings
    from discovery.uri import ConsulTarget

_DEFAULT_PREFIX = "services"
_BACKENDS = ("kv", "catalog", "both")
_CLASSIC_SCHEME = "consulkv://"


def run(parsed: Parsed) -> int:
    """Register until told to stop; returns 0 then.

    Raises:
        UsageError: a flag cannot be used.
        DiscoveryError: the Consul cannot be used.
    """
    if len(parsed.args) > 1:
        raise UsageError("one Consul is enough. See 'swarm registrator --help'.")
    uri = parsed.args[0] if parsed.args else parsed.environ.get("SWARM_SERVICES", "")
    if not uri:
        raise UsageError("Consul required to register in. See 'swarm registrator --help'.")
    settings = registrator_settings(parsed, services_target(parsed, uri), ttl_flag="ttl")
    metrics = metrics_address(parsed)
    logs.set_up(log_level(parsed))

    from agent.run import run as run_agent

    try:
        run_agent(settings, metrics=metrics)
    except ValueError as exc:  # a TLS file
        raise UsageError(str(exc)) from exc
    return 0


def services_target(parsed: Parsed, uri: str) -> ConsulTarget:
    """Return the Consul in *uri* and the folder of the services there.

    Raises:
        UsageError: it is no Consul.
        DiscoveryError: it cannot be used.
    """
    from discovery.uri import ConsulTarget, parse_uri

    if uri.startswith(_CLASSIC_SCHEME):
        uri = "consul://" + uri.removeprefix(_CLASSIC_SCHEME)
    target = parse_uri(uri, discovery_options(parsed), environ=parsed.environ)
    if not isinstance(target, ConsulTarget):
        raise UsageError("services are kept in Consul: consul://host:8500/services")
    return target if target.prefix else with_prefix(target, _DEFAULT_PREFIX)


def with_prefix(target: ConsulTarget, prefix: str) -> ConsulTarget:
    """Return the same Consul with another folder."""
    from dataclasses import replace

    return replace(target, prefix=prefix.strip("/"))


def registrator_settings(
    parsed: Parsed, consul: ConsulTarget, *, ttl_flag: str, advertised: str = ""
) -> RegistratorSettings:
    """Return what the flags of `REGISTRATOR_FLAGS` and *ttl_flag* ask for.

    Raises:
        UsageError: a flag cannot be used.
    """
    from agent.places import engine_place
    from agent.registrator import RegistratorSettings
    from agent.rules.metadata import checked_tags, split_tags

    backend = parsed.text("backend")
    if backend not in _BACKENDS:
        raise UsageError(f"--backend should be one of {', '.join(_BACKENDS)}")
    if parsed.text("deregister") != "always":
        raise UsageError(
            "--deregister can only be always: what does not run any more serves nobody"
        )
    if "{{" in parsed.text("tags"):
        raise UsageError("--tags is a list with commas; templates are not supported")
    tags, refusals = checked_tags(split_tags(parsed.text("tags")))
    if refusals:
        raise UsageError(f"--tags: {refusals[0].text}")
    try:
        engine = engine_place(parsed.text("engine"), parsed.environ)
    except ValueError as exc:
        raise UsageError(f"--engine: {exc}") from exc
    return RegistratorSettings(
        consul=consul,
        engine=engine,
        backend=backend,  # type: ignore[arg-type]  # one of the names, as has been checked
        host_name=_host_name(parsed),
        ip=_ip(parsed),
        advertised=advertised,
        is_internal=parsed.is_on("internal"),
        is_explicit=parsed.is_on("explicit"),
        tags=tags,
        ttl_s=_seconds(parsed, ttl_flag),
        resync_s=_seconds(parsed, "resync"),
        leaves=parsed.is_on("leave"),
    )


def metrics_address(parsed: Parsed) -> tuple[str, int] | None:
    """Return where the page of figures shall be, None for nowhere.

    Raises:
        UsageError: no such address.
    """
    text = parsed.text("metrics")
    if not text:
        return None
    try:
        return split_hostport(text)
    except ValueError as exc:
        raise UsageError(f"--metrics: {exc}") from exc


def _host_name(parsed: Parsed) -> str:
    from services.entry import is_name

    name = parsed.text("host-name")
    if name and not is_name(name):
        raise UsageError("--host-name takes letters, digits, '.', '_' and '-'")
    return name


def _ip(parsed: Parsed) -> str:
    from services.address import is_of_one, parse_ip

    text = parsed.text("ip")
    if not text:
        return ""
    if "%" in text:
        raise UsageError("--ip: an address with a zone means nothing to other hosts")
    found = parse_ip(text)
    if found is None:
        raise UsageError(f"--ip: {text!r} is no IP address")
    if not is_of_one(found):
        raise UsageError(f"--ip: by {text} nobody reaches this host")
    return str(found)


def _seconds(parsed: Parsed, name: str) -> float:
    """Return a duration; a bare number means seconds, as in classic Registrator."""
    text = parsed.text(name)
    try:
        seconds = float(int(text)) if text.isascii() and text.isdigit() else parse_duration(text)
    except ValueError as exc:
        raise UsageError(f"invalid --{name}: {exc}") from exc
    if seconds < 0:
        raise UsageError(f"--{name} should not be a negative number")
    return seconds


REGISTRATOR_FLAGS = (
    Flag(
        ("engine",),
        "the engine to follow; TLS as for the docker command",
        shown="HOST",
        shown_default="DOCKER_HOST, else unix:///var/run/docker.sock",
    ),
    Flag(
        ("host-name",),
        "name of this host in keys",
        shown="NAME",
        shown_default="the engine's name",
    ),
    Flag(
        ("ip",),
        "address of this host for others",
        shown="IP",
        shown_default="found out",
    ),
    Flag(("internal",), "register containers' own addresses and ports", "bool", default=False),
    Flag(("explicit",), "register only containers with a SERVICE_NAME", "bool", default=False),
    Flag(("tags",), "tags for every service, with commas between", shown="LIST"),
    Flag(
        ("backend",),
        "where services are kept: kv (keys), catalog (Consul's services), both",
        default="kv",
        shown="NAME",
    ),
    Flag(
        ("resync",),
        "time between two comparisons of everything; 0: only after failures",
        default="60s",
        shown="DURATION",
    ),
    Flag(
        ("leave",),
        "withdraw the services when stopped; else a successor takes them over within the TTL",
        "bool",
        default=False,
    ),
    Flag(
        ("metrics",),
        "address for a page of figures, /metrics",
        shown="HOST:PORT",
        shown_default="none",
    ),
    Flag(
        ("deregister",),
        "accepted for classic Registrator's sake; only always",
        default="always",
        shown="WHEN",
    ),
    Flag(
        ("cleanup",),
        "accepted for classic Registrator's sake; what is left over is always removed",
        "bool",
        default=False,
    ),
)

COMMAND = Command(
    name="registrator",
    alias="reg",
    summary="write what this host's engine publishes into Consul",
    usage="consul://HOST:8500/services",
    flags=(
        Flag(
            ("ttl",),
            "time after which the services go once this host is silent; at least 20s",
            default="30s",
            shown="DURATION",
        ),
        *REGISTRATOR_FLAGS,
        DISCOVERY_OPT,
    ),
    run=run,
    notes=(
        "Containers say more of themselves with SERVICE_ variables and labels: docs/SERVICES.md."
        " The place can also stand in the environment variable SWARM_SERVICES."
    ),
)
