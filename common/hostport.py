"""Addresses as people type them: ``host:port``, ``[v6]:port``, ``tcp://…`` and ``unix://…``.

Nothing here resolves a name or opens a socket.
"""

import ipaddress
import re
from dataclasses import dataclass

_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_.])?")
_PORT = re.compile(r"[0-9]{1,5}")
_MAX_PORT = 65535
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_MAX_UNIX_PATH_BYTES = 107
"""Linux keeps a socket's path in 108 bytes, the closing zero among them."""


@dataclass(frozen=True, slots=True)
class TcpEndpoint:
    """A host and a port; an empty *host* means every interface (listeners only)."""

    host: str
    """Name or IP address, IPv6 without brackets."""
    port: int
    """0 to 65535; 0 lets the kernel choose and makes sense for listeners only."""

    def __str__(self) -> str:
        return f"tcp://{join_hostport(self.host, self.port)}"


@dataclass(frozen=True, slots=True)
class UnixEndpoint:
    """A unix socket."""

    path: str
    """Absolute file path."""

    def __str__(self) -> str:
        return f"unix://{self.path}"


Endpoint = TcpEndpoint | UnixEndpoint


def split_hostport(text: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[v6]:port`` into the bare host and the port.

    The host may be empty (``:2375``) and the port may be 0: a listener can use both.

    Raises:
        ValueError: no port, a port outside 0 to 65535, or a host that is neither a name nor an
            IP address.
    """
    host, colon, port_text = text.rpartition(":")
    if not colon:
        raise ValueError(f"{text!r} has no port: expected host:port")
    if not _PORT.fullmatch(port_text) or int(port_text) > _MAX_PORT:
        raise ValueError(f"{text!r} has no valid port: expected a number from 0 to {_MAX_PORT}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not _is_ipv6(host):
            raise ValueError(f"{text!r} has no valid IPv6 address in its brackets")
    elif ":" in host and "[" not in host:
        raise ValueError(f"{text!r}: write an IPv6 address in brackets, as in [::1]:2375")
    elif host and not _HOST_NAME.fullmatch(host):
        raise ValueError(f"{text!r} has no valid host name or IP address")
    return host, int(port_text)


def join_hostport(host: str, port: int) -> str:
    """Return ``host:port``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_reachable_hostport(text: str) -> bool:
    """Tell whether *text* is an address that others can dial: a host, and a port from 1 up."""
    try:
        host, port = split_hostport(text)
    except ValueError:
        return False
    return bool(host) and port > 0


def parse_endpoint(text: str) -> Endpoint:
    """Parse ``[tcp://]host:port`` or ``unix:///path``.

    Raises:
        ValueError: ``unsupported protocol: "…"`` (classic's words) for any other scheme, or the
            reason why the address after the scheme is not one.
    """
    match = _SCHEME.fullmatch(text)
    scheme, rest = (match[1].lower(), match[2]) if match else ("tcp", text)
    if scheme == "tcp":
        return TcpEndpoint(*split_hostport(rest))
    if scheme == "unix":
        return UnixEndpoint(_checked_path(rest))
    raise ValueError(f'unsupported protocol: "{scheme}"')


def _checked_path(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"unix://{path}: the path of a unix socket must be absolute")
    if "\0" in path or len(path.encode()) > _MAX_UNIX_PATH_BYTES:
        raise ValueError(
            f"unix://{path[:40]}…: a unix socket's path has at most {_MAX_UNIX_PATH_BYTES} bytes"
        )
    return path


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True
