"""The sockets that the manager listens on, made before anything else can fail."""

from __future__ import annotations

import contextlib
import errno
import socket
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from common.hostport import UnixEndpoint, join_hostport, parse_endpoint

_DOCKER_PORT = 2375
_UNIX_MODE = 0o600


class ListenError(Exception):
    """An address can't be listened on; the text says which, and why."""


@contextlib.contextmanager
def listening(hosts: Sequence[str]) -> Iterator[list[socket.socket]]:
    """`listen_on` *hosts*; afterwards the sockets are closed, unix ones off the file system."""
    sockets = listen_on(hosts)
    paths = [Path(sock.getsockname()) for sock in sockets if sock.family == socket.AF_UNIX]
    try:
        yield sockets
    finally:
        for sock in sockets:
            sock.close()
        for path in paths:
            path.unlink(missing_ok=True)


def listen_on(hosts: Sequence[str]) -> list[socket.socket]:
    """Bind every one of *hosts* (``tcp://host:port``, ``unix:///path``), or none.

    A unix socket is replaced, and only its owner may use it.

    Raises:
        ListenError: one of them can't be bound.
    """
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        for host in hosts:
            endpoint = parse_endpoint(host)
            if isinstance(endpoint, UnixEndpoint):
                sockets.append(opened.enter_context(_unix(endpoint.path)))
            else:
                sockets.append(opened.enter_context(_tcp(endpoint.host, endpoint.port)))
        opened.pop_all()
        return sockets


def _unix(path: str) -> socket.socket:
    place = Path(path)
    sock = socket.socket(socket.AF_UNIX)
    try:
        if place.exists() and stat.S_ISSOCK(place.stat().st_mode):
            place.unlink()
        place.parent.mkdir(parents=True, exist_ok=True)
        sock.bind(path)
        place.chmod(_UNIX_MODE)
    except OSError as exc:
        sock.close()
        raise ListenError(f"listen unix {path}: {_reason(exc)}") from exc
    return sock


def _tcp(host: str, port: int) -> socket.socket:
    shown = join_hostport(host, port)
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as exc:
        raise ListenError(f"listen tcp {shown}: {_reason(exc)}") from exc
    family, _, _, _, address = found[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as exc:
        sock.close()
        message = f"listen tcp {shown}: bind: {_reason(exc)}"
        if port == _DOCKER_PORT and exc.errno == errno.EADDRINUSE:
            message += ", is Docker already running on this machine? Try using a different port"
        raise ListenError(message) from exc
    return sock


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
