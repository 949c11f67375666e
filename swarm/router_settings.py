"""From the command line of ``swarm router`` to the router's settings."""

import grp
import os
import pwd
import re
import shlex
from contextlib import suppress
from pathlib import Path

from common.hostport import split_hostport
from discovery.uri import ConsulTarget, parse_uri
from router.proxies import Kind
from router.rules import grammar
from router.rules.render import Edge
from router.rules.wishes import Rules
from router.settings import OwnTemplate, Settings
from swarm.command import discovery_options
from swarm.flags import Parsed, UsageError, duration
from swarm.router_flags import PROXIES

_FOLDER = Path("/var/lib/swarm-router")
_FILES = {"haproxy": "haproxy.cfg", "nginx": "nginx.conf"}
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/@:+~-]*", re.ASCII)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_ACCOUNTS = ("haproxy", "nobody")
"""Debian's own for HAProxy, and the one that every machine has."""
_MAX_SOCKET_PATH = 90
"""Linux takes 107 bytes; HAProxy binds ``PATH.PID.tmp`` first."""
_DEFAULT_MAX = 4
"""Times MIN, as consul-template has it."""


def settings_of(parsed: Parsed) -> Settings:
    """Check the command line.

    Raises:
        UsageError: something cannot be used.
        BadDiscoveryError: the address of Consul cannot be used.
    """
    kind = _kind(parsed)
    config = _path(parsed, "config", _FOLDER / _FILES[kind])
    http_host, http_port = _address(parsed, "http")
    status = None if parsed.text("status") == "off" else _address(parsed, "status")
    if parsed.text("exec") and parsed.text("reload"):
        raise UsageError("--exec and --reload exclude each other: who runs the proxy reloads it")
    run = parsed.text("exec")
    program = parsed.text(kind)
    user, group = _account(parsed, kind)
    return Settings(
        target=_target(parsed),
        kind=kind,
        program=program,
        config=config,
        socket=_socket(parsed, config),
        edge=Edge(
            http_host,
            http_port,
            drain_s=max(1, round(_time(parsed, "drain"))),
            user=user,
            group=group,
        ),
        rules=Rules(
            domain=_domain(parsed),
            tcp_ports=_ports(parsed),
            taken_ports=frozenset({http_port} | ({status[1]} if status else set())),
        ),
        templates=_templates(parsed),
        check=_command(parsed, "check"),
        run=_default_run(kind, program) if run == "auto" else _command(parsed, "exec"),
        reload=_command(parsed, "reload"),
        wait_s=_wait(parsed),
        empty_grace_s=_time(parsed, "empty-grace"),
        keep_empty_s=_time(parsed, "keep-empty"),
        status=status,
        environ=parsed.environ,
    )


def status_address(parsed: Parsed) -> tuple[str, int]:
    """Return where a router's status page is.

    Raises:
        UsageError: not an address.
    """
    return _address(parsed, "status")


def _default_run(kind: Kind, program: str) -> str:
    from router.proxies import proxy_of

    return proxy_of(kind, shlex.quote(program), Path()).run


def _account(parsed: Parsed, kind: Kind) -> tuple[str, str]:
    """Return user and group of a proxy that starts as root; empty: none that we choose."""
    said = parsed.text("user")
    if said == "none":
        return "", ""
    # Whether it starts as root is known where we run it. Told to be somebody that it cannot become,
    # a HAProxy of somebody else's would end with all its workers at the next reload.
    is_ours = kind == "haproxy" and bool(parsed.text("exec")) and os.geteuid() == 0
    if not said and not is_ours:
        return "", ""
    for name in (said,) if said else _ACCOUNTS:
        with suppress(KeyError):
            account = pwd.getpwnam(name)
            group = grp.getgrgid(account.pw_gid).gr_name
            if _PLAIN_NAME.fullmatch(name) and _PLAIN_NAME.fullmatch(group):
                return name, group
    if said:
        raise UsageError(f"--user: there is no account {said!r} that a proxy's file could name")
    return "", ""


def _kind(parsed: Parsed) -> Kind:
    text = parsed.text("proxy")
    if text == "haproxy":
        return "haproxy"
    if text == "nginx":
        return "nginx"
    raise UsageError(f'unknown --proxy "{text}" (known are {", ".join(PROXIES)})')


def _target(parsed: Parsed) -> ConsulTarget:
    uri = parsed.args[0] if len(parsed.args) == 1 else parsed.environ.get("SWARM_SERVICES", "")
    if not uri:
        raise UsageError(
            "the services' place is required, as in consul://host:8500/services."
            " See 'swarm router --help'."
        )
    target = parse_uri(uri, discovery_options(parsed), environ=parsed.environ)
    if not isinstance(target, ConsulTarget) or not target.prefix:
        raise UsageError("a router reads services from Consul: consul://host:8500/services")
    return target


def _address(parsed: Parsed, flag: str) -> tuple[str, int]:
    text = parsed.text(flag)
    try:
        host, port = split_hostport(text if ":" in text else f":{text}")
    except ValueError as exc:
        raise UsageError(f"invalid --{flag}: {exc}") from exc
    if not port:
        raise UsageError(f"--{flag} needs a port from 1 to 65535")
    return host, port


def _ports(parsed: Parsed) -> tuple[int, int]:
    first, dash, last = parsed.text("tcp-ports").partition("-")
    try:
        low, high = grammar.port(first), grammar.port(last if dash else first)
    except ValueError as exc:
        raise UsageError(f"invalid --tcp-ports: {exc}") from exc
    if low > high:
        raise UsageError("--tcp-ports should be of the form FROM-TO, as in 10000-20000")
    return low, high


def _domain(parsed: Parsed) -> str:
    text = parsed.text("domain").strip(".")
    try:
        return grammar.host(text) if text else ""
    except ValueError as exc:
        raise UsageError(f"invalid --domain: {exc}") from exc


def _path(parsed: Parsed, flag: str, default: Path) -> Path:
    """Return a path that a proxy's file can name as it stands."""
    path = Path(parsed.text(flag)).absolute() if parsed.text(flag) else default
    if not _PLAIN_PATH.fullmatch(str(path)):
        raise UsageError(f"--{flag}: a proxy's file cannot name {str(path)!r}: use plain letters")
    return path


def _socket(parsed: Parsed, config: Path) -> Path:
    path = _path(parsed, "socket", config.with_name(f"{config.name}.sock"))
    if len(str(path).encode()) > _MAX_SOCKET_PATH:
        raise UsageError(f"{path} is too long for a unix socket: give a shorter one by --socket")
    return path


def _command(parsed: Parsed, flag: str) -> str:
    return _checked(parsed.text(flag), flag)


def _checked(command: str, flag: str) -> str:
    try:
        shlex.split(command)
    except ValueError as exc:
        raise UsageError(f"invalid --{flag}: {exc}") from exc
    return command


def _templates(parsed: Parsed) -> tuple[OwnTemplate, ...]:
    templates = []
    for text in parsed.many("template"):
        source, _, rest = text.partition(":")
        target, _, command = rest.partition(":")
        if not source or not target:
            raise UsageError("--template should be of the form FROM:TO[:COMMAND]")
        templates.append(
            OwnTemplate(
                Path(source), Path(target).absolute(), _checked(command.strip(), "template")
            )
        )
    return tuple(templates)


def _wait(parsed: Parsed) -> tuple[float, float]:
    first, colon, second = parsed.text("wait").partition(":")
    min_s = _seconds("wait", first)
    max_s = _seconds("wait", second) if colon else _DEFAULT_MAX * min_s
    if max_s < min_s:
        raise UsageError("--wait: MAX should not be less than MIN")
    return min_s, max_s


def _seconds(flag: str, text: str) -> float:
    from common.durations import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as exc:
        raise UsageError(f"invalid --{flag}: {exc}") from exc
    if seconds < 0:
        raise UsageError(f"--{flag} should not be a negative number")
    return seconds


def _time(parsed: Parsed, flag: str) -> float:
    if duration(parsed, flag) < 0:
        raise UsageError(f"--{flag} should not be a negative number")
    return duration(parsed, flag)
