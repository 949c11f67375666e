"""A TCP connection to the manager, passed on to a container's node: bytes both ways.

Half-close and back-pressure pass through. A client is accepted before its container has been
asked, as with Docker's own proxy; what can't be connected is closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import cast

from engine.pool import keep_alive

_log = logging.getLogger(__name__)

_DIAL_TIMEOUT_S = 5.0
"""A node on the network answers within milliseconds, even if it says no."""
_PATIENCE_S = 1.0
"""A process that has just been started may not listen yet. Refused, its client would ask again;
but it has been accepted already, so that is done here."""
_REDIAL_S = 0.05

Place = tuple[str, int]
"""IP address and port."""


class _End(asyncio.Protocol):
    """One end of a tunnel; what happens to it is done to the other one."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self.is_heard_out = False
        """It has nothing more to say."""

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self.transport = cast("asyncio.Transport", transport)
        keep_alive(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self.other is not None and self.other.is_open:
            cast("asyncio.Transport", self.other.transport).write(data)

    def eof_received(self) -> bool:
        """Pass the half-close on; the second one ends the tunnel."""
        self.is_heard_out = True
        other = self.other
        if other is None or other.is_heard_out or not other.is_open:
            return False  # closes this end, and with it the other one
        cast("asyncio.Transport", other.transport).write_eof()
        return True

    def pause_writing(self) -> None:
        """It takes no more now."""
        if self.other is not None:
            self.other.hold(is_held=True)

    def resume_writing(self) -> None:
        """It takes more."""
        if self.other is not None:
            self.other.hold(is_held=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to talk to: the other end closes, after a failure at once."""
        if self.other is not None and self.other.transport is not None:
            if exc is None:
                self.other.transport.close()
            else:
                self.other.transport.abort()

    def hold(self, *, is_held: bool) -> None:
        """Stop or go on reading."""
        if not self.is_open or self.is_heard_out:
            return
        transport = cast("asyncio.Transport", self.transport)
        if is_held and transport.is_reading():
            transport.pause_reading()
        elif not is_held and not transport.is_reading():
            transport.resume_reading()


class _Client(_End):
    """The end that was accepted; it dials the other one."""

    def __init__(self, tunnels: Tunnels, place: Callable[[], Place | None]) -> None:
        super().__init__()
        self._tunnels = tunnels
        self._place = place
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Dial."""
        super().connection_made(transport)
        self._tunnels.opened(self, self._dial())

    def data_received(self, data: bytes) -> None:
        """Pass it on; until somebody is there to take it, no more is read."""
        if self.other is None:
            self._early.append(data)
            self.hold(is_held=True)
        else:
            super().data_received(data)

    def eof_received(self) -> bool:
        """Pass it on; it may have come before the node has answered."""
        if self.other is None:
            self.is_heard_out = True
            return True
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        super().connection_lost(exc)
        self._tunnels.closed(self)

    async def _dial(self) -> None:
        transport = cast("asyncio.Transport", self.transport)
        place = self._place()
        if place is None:
            transport.abort()
            return
        node = _End()
        node.other = self
        try:
            async with asyncio.timeout(_DIAL_TIMEOUT_S):
                await _connect(node, place)
        except OSError as exc:  # a time-out is one, too
            _log.debug("no connection to %s:%d: %s", *place, exc or "it took too long")
            transport.abort()
        else:
            self._join(node)
        finally:
            if self.other is None and node.transport is not None:
                node.transport.abort()  # the client left in this moment

    def _join(self, node: _End) -> None:
        if not self.is_open:
            return
        self.other = node
        transport = cast("asyncio.Transport", node.transport)
        # Before the write: if it is more than the node takes, that holds the client again.
        self.hold(is_held=False)
        transport.writelines(self._early)
        self._early.clear()
        if self.is_heard_out:
            transport.write_eof()


async def _connect(node: _End, place: Place) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_S
    while True:
        try:
            await loop.create_connection(lambda: node, *place)
        except ConnectionRefusedError:
            if loop.time() >= deadline:
                raise
            await asyncio.sleep(_REDIAL_S)
        else:
            return


class Tunnels:
    """Every tunnel that is open."""

    def __init__(self) -> None:
        self._ends: dict[_Client, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        """How many are open."""
        return len(self._ends)

    def accept(self, place: Callable[[], Place | None]) -> asyncio.Protocol:
        """Return the protocol of a new client, which is connected to *place*.

        None there: its port has just gone, and it is turned away.
        """
        return _Client(self, place)

    def opened(self, client: _Client, dial: Coroutine[None, None, None]) -> None:
        """A client has come, and *dial* connects it."""
        self._ends[client] = asyncio.create_task(dial, name="dial of a published port")

    def closed(self, client: _Client) -> None:
        """A client has gone."""
        if (dial := self._ends.pop(client, None)) is not None:
            dial.cancel()

    def abort(self) -> None:
        """Cut all of them."""
        for client in list(self._ends):
            cast("asyncio.Transport", client.transport).abort()
