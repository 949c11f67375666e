"""From the command line of ``swarm manage`` to the manager's settings."""

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass, replace

from common.hostport import (
    Endpoint,
    TcpEndpoint,
    UnixEndpoint,
    is_reachable_hostport,
    parse_endpoint,
)
from common.tls import TlsFiles, check_flags, server_context
from discovery.uri import ConsulTarget, NodesTarget, Target, parse_uri
from master.settings import DEFAULT_FILTERS, DEFAULT_HOSTS, PUBLISH_PORTS, Settings, SettingsError
from swarm.command import discovery_argument, discovery_options, log_level
from swarm.flags import Parsed, UsageError, duration
from swarm.manage_flags import CPU_SHARES, PULL_SCOPES

_LOCAL_ENGINE = "unix:///var/run/docker.sock"
_DEFAULT_OVERCOMMIT = 0.05
_DEPRECATED_RETRY = 3
_PUBLISH = re.compile(
    r"(?:\[(?P<v6>[^\]]+)\]|(?P<ip>[^:]+)):(?P<first>[0-9]{1,5})-(?P<last>[0-9]{1,5})", re.ASCII
)
_MAX_PORT = 65535
_LOOPBACK = frozenset({"", "0.0.0.0", "::", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What ``swarm manage`` is about to do."""

    settings: Settings
    notices: tuple[str, ...]
    """To be logged at the level info."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _ClusterOptions:
    overcommit: float
    create_retry: int
    cpu_shares_are_cores: bool


@dataclass(frozen=True, slots=True)
class _Publish:
    address: str = ""
    ports: tuple[int, int] = PUBLISH_PORTS


def plan(parsed: Parsed) -> Plan:
    """Check the command line, in the order in which classic Swarm did.

    Raises:
        UsageError: something cannot be used; in classic's words where it had some.
        BadDiscoveryError: the discovery cannot be used.
    """
    warnings: list[str] = []
    notices: list[str] = []
    if parsed.is_on("experimental"):
        notices.append("--experimental has no effect: this version has no experimental features")
    uri = _discovery(parsed, notices, warnings)
    options = discovery_options(parsed)
    target = parse_uri(uri, options, environ=parsed.environ)
    services = _services(parsed, options, target)
    for consul in (target, services):
        # Settings are all that the manager looks at: not the environment.
        if isinstance(consul, ConsulTarget) and consul.token:
            options["kv.token"] = consul.token
    _check_retired(parsed)
    _check_replication(parsed, target)
    cluster = _cluster_options(parsed, warnings)
    hosts = parsed.many("host") or DEFAULT_HOSTS
    publish = _publish(parsed.text("publish"))
    try:
        settings = Settings.checked(
            discovery=uri,
            discovery_opts=options,
            hosts=hosts,
            advertise=parsed.text("advertise"),
            strategy=parsed.text("strategy"),
            filters=parsed.many("filter") or DEFAULT_FILTERS,
            overcommit=cluster.overcommit,
            create_retry=cluster.create_retry,
            cpu_shares_are_cores=cluster.cpu_shares_are_cores,
            heartbeat_s=duration(parsed, "heartbeat"),
            refresh_min_s=parsed.number("engine-refresh-min-interval"),
            refresh_max_s=parsed.number("engine-refresh-max-interval"),
            failure_retry=int(parsed.number("engine-failure-retry")),
            tls=_tls(parsed),
            cors=parsed.is_on("api-enable-cors"),
            pull_scope=_pull_scope(parsed),
            refresh_on_node_filter=parsed.is_on("refresh-on-node-filter"),
            container_name_refresh_filter=parsed.text("container-name-refresh-filter"),
            services="" if services is None else str(services),
            drain_s=duration(parsed, "drain"),
            publish_address=publish.address,
            publish_ports=publish.ports,
            log_level=log_level(parsed),
        )
    except SettingsError as exc:
        raise UsageError(str(exc)) from exc
    if settings.drain_s and not settings.services:
        warnings.append("--drain has no effect without --services, or a discovery in Consul")
    _check_not_itself(settings, target)
    return Plan(settings, tuple(notices), tuple(warnings))


def _discovery(parsed: Parsed, notices: list[str], warnings: list[str]) -> str:
    """Return the discovery's URI; with none at all, one of the local engine."""
    uri = discovery_argument(parsed)
    if len(parsed.args) > 1:
        if not uri:
            raise UsageError("discovery required to manage a cluster. See 'swarm manage --help'.")
        warnings.append(f"SWARM_DISCOVERY is used: {len(parsed.args)} arguments are not one")
    if uri:
        return uri
    engine = parsed.environ.get("DOCKER_HOST") or _LOCAL_ENGINE
    try:
        endpoint = parse_endpoint(engine)
    except ValueError as exc:
        raise UsageError(
            f"DOCKER_HOST={engine} names no engine that can be managed (tcp://HOST:PORT or"
            f" unix:///PATH): {exc}"
        ) from exc
    notices.append(f"No discovery is given: serving the engine at {endpoint} as a cluster of one")
    return f"nodes://{endpoint}"


def _services(parsed: Parsed, options: dict[str, str], discovery: Target) -> ConsulTarget | None:
    """Return where the agents keep services: beside the cluster, or where the flag says."""
    uri = parsed.text("services")
    target = parse_uri(uri, options, environ=parsed.environ) if uri else discovery
    if isinstance(target, ConsulTarget):
        return target if uri else replace(target, prefix="services")
    if uri:
        raise UsageError("--services must be a consul:// address, as the agents' is")
    return None


def _publish(text: str) -> _Publish:
    """Read ``10.0.0.1``, ``10.0.0.1:61000-62000``, ``::1`` or ``[::1]:61000-62000``."""
    if not text:
        return _Publish()
    match = _PUBLISH.fullmatch(text)
    address = (match["v6"] or match["ip"]) if match else text
    first, last = (int(match["first"]), int(match["last"])) if match else PUBLISH_PORTS
    try:
        address = str(ipaddress.ip_address(address))
    except ValueError as exc:
        raise UsageError(f"--publish should be IP or IP:LOW-HIGH, not {text!r}") from exc
    if not 0 < first <= last <= _MAX_PORT:
        raise UsageError(f"--publish {text}: {first}-{last} is not a range of ports")
    return _Publish(address, (first, last))


def _check_retired(parsed: Parsed) -> None:
    if parsed.number("engine-refresh-retry") != _DEPRECATED_RETRY:
        raise UsageError("--engine-refresh-retry is deprecated. Use --engine-failure-retry")
    driver = parsed.text("cluster-driver")
    if driver != "swarm":
        raise UsageError(f'unsupported cluster "{driver}"')


def _check_replication(parsed: Parsed, target: Target) -> None:
    """Check what belongs to ``--replication`` as classic did, then say that it is not here yet."""
    ttl_s = duration(parsed, "replication-ttl")
    if not parsed.is_on("replication"):
        return
    advertise = parsed.text("advertise")
    if not advertise:
        raise UsageError("--advertise address must be provided when using --leader-election")
    if not is_reachable_hostport(advertise):
        raise UsageError("--advertise should be of the form ip:port or hostname:port")
    if ttl_s <= 0:
        raise UsageError("--replication-ttl should be a positive number")
    if not isinstance(target, ConsulTarget):
        raise UsageError(
            "Leader election is only supported with consul, etcd and zookeeper discovery."
        )
    raise UsageError("--replication is not available in this version")


def _cluster_options(parsed: Parsed, warnings: list[str]) -> _ClusterOptions:
    """Read ``--cluster-opt``; a number that cannot be read counts as 0, as it always did."""
    overcommit, create_retry, are_cores = _DEFAULT_OVERCOMMIT, 0, False
    for option in parsed.many("cluster-opt"):
        key, equals, value = option.partition("=")
        if key == "swarm.overcommit" and equals:
            overcommit = _number(option, value, warnings)
        elif key == "swarm.createretry" and equals:
            create_retry = int(_number(option, value, warnings, kind=int))
        elif key == "swarm.cpushares" and equals:
            are_cores = _are_cores(value)
        else:
            warnings.append(f"--cluster-opt {option} is not known and has no effect")
    if -1 < overcommit < 0:
        warnings.append(
            f"swarm.overcommit={overcommit:g} is below 0: engines give out less than they have"
        )
    return _ClusterOptions(overcommit, create_retry, are_cores)


def _are_cores(value: str) -> bool:
    # Classic Swarm had no such option, so there are no old command lines to be lenient with.
    if value not in CPU_SHARES:
        raise UsageError(f'swarm.cpushares should be one of {", ".join(CPU_SHARES)}, not "{value}"')
    return value == "cores"


def _number(
    option: str, value: str, warnings: list[str], *, kind: type[int] | type[float] = float
) -> float:
    # An underscore makes a number to Python, not to anybody else.
    with suppress(ValueError):
        return kind(value.replace("_", "?"))
    warnings.append(f"--cluster-opt {option} is not a number and counts as 0")
    return 0


def _tls(parsed: Parsed) -> TlsFiles | None:
    try:
        files = check_flags(
            tls=parsed.is_on("tls"),
            verify=parsed.is_on("tlsverify"),
            ca=parsed.text("tlscacert"),
            cert=parsed.text("tlscert"),
            key=parsed.text("tlskey"),
        )
        if files is not None:
            server_context(files)  # only to see, before anything starts, whether they are good
    except ValueError as exc:
        raise UsageError(str(exc)) from exc
    return files


def _pull_scope(parsed: Parsed) -> str:
    scope = parsed.text("pull-scope")
    if scope not in PULL_SCOPES:
        raise UsageError(f'--pull-scope should be one of {", ".join(PULL_SCOPES)}, not "{scope}"')
    return scope


def _check_not_itself(settings: Settings, target: Target) -> None:
    """Refuse to listen where a listed engine is: that engine would be this manager.

    Worse with a unix socket, whose file a listener replaces: the engine would lose its own.
    """
    if not isinstance(target, NodesTarget):
        return
    listeners = [parse_endpoint(host) for host in settings.hosts]
    for address in target.addresses:
        if any(_is_same(address.endpoint, listener) for listener in listeners):
            raise UsageError(
                f"cannot listen on {address}, since an engine is to be found there:"
                " give another address with --host"
            )


def _is_same(engine: Endpoint, listener: Endpoint) -> bool:
    if isinstance(engine, UnixEndpoint) or isinstance(listener, UnixEndpoint):
        return engine == listener
    return engine.port == listener.port and _is_same_host(engine, listener)


def _is_same_host(engine: TcpEndpoint, listener: TcpEndpoint) -> bool:
    if engine.host == listener.host:
        return True
    # Only what is certain: on 0.0.0.0 the manager also answers for names of this machine that
    # cannot be told from others without asking the network.
    return engine.host in {"127.0.0.1", *_LOOPBACK} and listener.host in {"127.0.0.1", *_LOOPBACK}
