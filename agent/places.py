"""Where things are: the engine that this agent serves, and the address of its host."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.hostport import UnixEndpoint, parse_endpoint, split_hostport
from common.tls import TlsFiles, client_context

_DEFAULT_ENGINE = "unix:///var/run/docker.sock"
_PLAIN_PORT, _TLS_PORT = 2375, 2376
_ELSEWHERE = (("192.0.2.1", socket.AF_INET), ("2001:db8::1", socket.AF_INET6))
"""Addresses kept for documentation: the way to them is the way to everywhere."""


class NoAddressError(Exception):
    """It cannot be told under which address others reach this host; the text says what to do."""


@dataclass(frozen=True, slots=True)
class EnginePlace:
    """How the engine is dialled."""

    address: str
    """``host:port`` or ``unix:///path``."""
    tls: TlsFiles | None = None

    def context(self) -> ssl.SSLContext | None:
        """Return what the connection needs.

        Raises:
            ValueError: a file cannot be used.
        """
        return None if self.tls is None else client_context(self.tls)


def engine_place(given: str, environ: Mapping[str, str]) -> EnginePlace:
    """Return the engine named by *given*, else by DOCKER_HOST, else this machine's.

    TLS is asked for as by the docker command: DOCKER_TLS_VERIFY or DOCKER_TLS, with the files
    of DOCKER_CERT_PATH (``~/.docker``).

    Raises:
        ValueError: no address of an engine.
    """
    verify = bool(environ.get("DOCKER_TLS_VERIFY"))
    with_tls = verify or bool(environ.get("DOCKER_TLS"))
    text = given or environ.get("DOCKER_HOST", "") or _DEFAULT_ENGINE
    scheme, _, rest = text.partition("://")
    if scheme == "tcp" and not rest.rpartition("]")[2].rpartition(":")[2].rstrip("/").isdigit():
        text = f"{text.rstrip('/')}:{_TLS_PORT if with_tls else _PLAIN_PORT}"
    endpoint = parse_endpoint(text.rstrip("/"))
    if isinstance(endpoint, UnixEndpoint):
        return EnginePlace(str(endpoint))
    if not endpoint.host or not endpoint.port:
        raise ValueError(f"{text!r} needs a host and a port from 1 to 65535")
    address = str(endpoint).removeprefix("tcp://")
    return EnginePlace(address, _tls_files(environ, verify=verify) if with_tls else None)


def _tls_files(environ: Mapping[str, str], *, verify: bool) -> TlsFiles:
    folder = Path(environ.get("DOCKER_CERT_PATH") or Path.home() / ".docker")
    return TlsFiles(
        cert=str(folder / "cert.pem"),
        key=str(folder / "key.pem"),
        ca=str(folder / "ca.pem"),
        verify=verify,
    )


async def host_ip(*, given: str, advertised: str, engine: str, consul: tuple[str, int]) -> str:
    """Return the IP address under which others reach what this host publishes.

    The first that there is: *given*; the host in *advertised* (``host:port``); that of the engine
    if it is dialled over the network; the one from which this machine speaks to *consul*, unless
    that is on this machine too; the one from which it would speak to anybody.

    Raises:
        NoAddressError: there is none, or a name cannot be resolved.
    """
    if given:
        return given
    for address in (advertised, engine):
        if found := await _dialled(address):
            return found
    source, target = await _source_towards(*consul)
    if source and source != target and not _is_this_machine(source):
        return source
    for address, family in _ELSEWHERE:
        found = _source(address, 9, family)
        if found and not ipaddress.ip_address(found).is_loopback:
            return found
    raise NoAddressError("the address of this host is not known: give it with --ip")


async def _dialled(address: str) -> str:
    """Return the IP address of ``host:port``, nothing for this machine and for sockets."""
    if not address or address.startswith("unix://"):
        return ""
    host, port = split_hostport(address)
    found = await _resolved(host, port)
    return "" if _is_this_machine(found) else found


async def _resolved(host: str, port: int) -> str:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise NoAddressError(f"{host} cannot be resolved: {exc.strerror or exc}") from exc
    return str(found[0][4][0])


async def _source_towards(host: str, port: int) -> tuple[str, str]:
    """Return the address from which this machine speaks to *host*, and that of *host*."""
    target = await _resolved(host, port)
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    return _source(target, port, family), target


def _source(target: str, port: int, family: socket.AddressFamily) -> str:
    # Connecting a datagram socket chooses a way and sends nothing.
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((target, port))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _is_this_machine(ip: str) -> bool:
    return ip in {"127.0.0.1", "::1", "0.0.0.0", "::"}
