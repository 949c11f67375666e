"""Connections to one engine: dialled when needed, kept alive, counted, dropped together."""

from __future__ import annotations

import asyncio
import socket
import ssl

from common.hostport import UnixEndpoint, parse_endpoint
from common.tlslayer import TlsLayer
from engine.connection import EngineConnection
from engine.errors import EngineTimeoutError, EngineUnreachableError

DIAL_TIMEOUT_S = 5.0
"""A machine that is up accepts in milliseconds; one that is off answers never."""

_KEEPALIVE_IDLE_S = 10
_KEEPALIVE_INTERVAL_S = 5
_KEEPALIVE_PROBES = 3
"""A silent stream (attach, logs -f) to a machine that lost power ends after 25 s."""

_MOST_IDLE = 64
"""More than one client's parallel operations (the CLI's compose sends up to 50 at once)."""


class EnginePool:
    """Raw connections to one engine, over TCP, TLS or a unix socket."""

    def __init__(self, address: str, tls: ssl.SSLContext | None = None) -> None:
        """*address* is ``host:port`` or ``unix:///path``."""
        self.address = address
        self._endpoint = parse_endpoint(address)
        self._tls = tls
        self._idle: list[EngineConnection] = []
        self._busy: set[EngineConnection] = set()
        self._closed = False
        self._outages = 0

    async def acquire(self, *, fresh: bool = False) -> EngineConnection:
        """An idle connection, else (or if *fresh*) a new one.

        Raises:
            EngineUnreachableError: it could not be dialled, or was found not to answer meanwhile;
                nothing was sent.
        """
        while self._idle and not fresh:
            connection = self._idle.pop()
            if connection.is_idle:
                self._busy.add(connection)
                return connection
        outages = self._outages
        connection = await self._dial()
        if outages != self._outages:
            # Whoever waits now is not told again: a hung engine accepts connections all the same.
            connection.abort()
            raise EngineUnreachableError(self.address, "it stopped answering", sent=False)
        self._busy.add(connection)
        return connection

    def release(self, connection: EngineConnection) -> None:
        """Give it back, once; one that is not idle any more is closed."""
        if connection not in self._busy:
            return
        self._busy.discard(connection)
        if connection.is_idle and not self._closed and len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.abort()

    def discard(self, connection: EngineConnection) -> None:
        """Drop it, with whatever is on the way over it."""
        self._busy.discard(connection)
        connection.abort()

    @property
    def open_connections(self) -> int:
        """How many are idle or in use."""
        self._idle = [connection for connection in self._idle if connection.is_idle]
        return len(self._idle) + len(self._busy)

    def fail_unanswered(self, error: Exception) -> None:
        """The engine does not answer: whoever still waits for an answer's first byte is told.

        Answers that have begun get a grace (`listen`, then `fail_silent`): a daemon that was paused
        goes on with them.
        """
        self._outages += 1
        self.drop_idle()
        for connection in list(self._busy):
            if not connection.answered:
                connection.fail(error)

    def listen(self) -> None:
        """Begin to look for signs of the engine, for `fail_silent`."""
        for connection in self._busy:
            connection.is_silent = True

    def fail_silent(self, error: Exception) -> None:
        """End the answers of which nothing has come since `listen`; whoever waits for them is told.

        Spared are those whose readers are the slow ones, and those that outlast outages.
        """
        for connection in list(self._busy):
            if connection.is_silent and not (
                connection.is_held_back or connection.outlasts_outages
            ):
                connection.fail(error)

    def drop_idle(self) -> None:
        """Close what is kept alive: the engine has restarted or does not answer."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.abort()

    def retire(self) -> None:
        """Close what is idle, and each other connection when it is given back."""
        self._closed = True
        self.drop_idle()

    def close(self) -> None:
        """Close everything; whoever waits for an answer is told."""
        self.retire()
        for connection in list(self._busy):
            connection.fail(ConnectionAbortedError("the connection was closed"))

    async def _dial(self) -> EngineConnection:
        try:
            async with asyncio.timeout(DIAL_TIMEOUT_S):
                return await self._connect()
        except TimeoutError as exc:
            raise EngineTimeoutError(
                self.address, f"dial {self.address}: i/o timeout", sent=False
            ) from exc
        except (OSError, ssl.SSLError) as exc:
            raise EngineUnreachableError(
                self.address, f"dial {self.address}: {_reason(exc)}", sent=False
            ) from exc

    async def _connect(self) -> EngineConnection:
        loop = asyncio.get_running_loop()
        endpoint = self._endpoint
        if isinstance(endpoint, UnixEndpoint):
            _, connection = await loop.create_unix_connection(EngineConnection, endpoint.path)
            return connection
        if self._tls is not None:
            return await self._connect_tls(self._tls, endpoint.host, endpoint.port)
        transport, connection = await loop.create_connection(
            EngineConnection, endpoint.host, endpoint.port
        )
        keep_alive(transport.get_extra_info("socket"))
        return connection

    async def _connect_tls(self, tls: ssl.SSLContext, host: str, port: int) -> EngineConnection:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        connection = _Announcing(ready)
        layer = TlsLayer(
            connection,
            tls,
            server_side=False,
            server_hostname=host,
            on_failure=lambda error: None if ready.done() else ready.set_exception(error),
        )
        transport, _ = await loop.create_connection(lambda: layer, host, port)
        keep_alive(transport.get_extra_info("socket"))
        try:
            await ready
        except BaseException:
            transport.abort()
            raise
        return connection


class _Announcing(EngineConnection):
    """Says when the TLS handshake below it is done."""

    def __init__(self, ready: asyncio.Future[None]) -> None:
        super().__init__()
        self._ready = ready

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""
        super().connection_made(transport)
        if not self._ready.done():
            self._ready.set_result(None)


def keep_alive(sock: socket.socket | None) -> None:
    """Have the kernel probe a silent TCP connection, so that a peer without power is noticed."""
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES)


def _reason(error: Exception) -> str:
    """The words that classic Swarm's users know from Go."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
