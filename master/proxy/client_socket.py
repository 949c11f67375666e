"""A client's socket: who holds its reading, how long it is waited for, and how it ends.

Half of that is what an event loop does not tell. It says nothing of a socket that is not read, so
such a one is looked at; and it waits for ever for a client that takes nothing, so that is timed.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import select
import socket
import struct
import sys
import termios
from typing import Any, cast

from engine.pool import keep_alive
from master.proxy.connection import Why

_log = logging.getLogger(__name__)

_LINGER_S = 2.0
"""Closing on unread bytes resets the connection, and takes an answer with it that the client has
not read yet."""
_LOOK_INTERVAL_S = 2.0
"""How often a client that is not read is looked at: the event loop does not report the death of a
socket that it does not read."""
_TAKE_LIMIT_S = 1800.0
"""A client that takes nothing of what waits for it from one look to the next is dropped. So long,
because a pager that somebody has left alone reads nothing either."""
_RESET = struct.pack("ii", 1, 0)


class ClientSocket:
    """One client's connection; before it is opened and after it is lost nothing happens to it.

    What it writes and how it closes is a transport's, so that uvicorn can be given it as one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._holds: set[Why] = set()
        self.is_clogged = False
        """The client takes no more now."""
        self.has_ended = False
        """The client has ended its half: nothing more comes from it."""
        self.is_lingering = False
        """Everything is said; what still comes is read and forgotten."""
        self._written = 0
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None

    # What the event loop tells

    def opened(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast("asyncio.Transport", transport)
        keep_alive(transport.get_extra_info("socket"))
        self._expect_taking(None)

    def ended(self) -> None:
        """The client has ended its half."""
        self.has_ended = True
        self._look_soon()

    def lost(self) -> None:
        """The connection is no more."""
        self.disarm()
        for timer in (self._watch, self._patience):
            if timer is not None:
                timer.cancel()
        self._transport = None

    # Who is there

    @property
    def is_open(self) -> bool:
        """Whether it is there, and not about to close."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def client(self) -> str:
        """The client's address: an IP, or "local" on a unix socket."""
        peer = self.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) else "local"

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See `asyncio.BaseTransport`."""
        if self._transport is None:
            return default
        return self._transport.get_extra_info(name, default)

    # Out

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        if self._transport is not None and self.is_open and not self.is_lingering:
            self._written += len(data)
            self._transport.write(data)

    def is_closing(self) -> bool:
        """See `asyncio.BaseTransport`."""
        return not self.is_open

    def close(self) -> None:
        """Close after what is buffered has been sent."""
        if self._transport is not None:
            self._transport.close()

    def linger(self) -> None:
        """Close, but only when the client has had time to read what it was sent."""
        if self._transport is None or not self.is_open:
            return
        self.is_lingering = True
        self._transport.write_eof()
        for why in tuple(self._holds):
            self.hold_reading(why, hold=False)
        self.arm(_LINGER_S)

    def abort(self, *, reset: bool) -> None:
        """Cut it; *reset* so that an answer without a length does not look complete."""
        if self._transport is None:
            return
        sock = self._transport.get_extra_info("socket")
        if reset and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    # In

    def hold_reading(self, why: Why, *, hold: bool) -> None:
        """Stop reading until nobody has a reason to any more."""
        if hold == (why in self._holds):
            return
        self._holds ^= {why}
        if self._transport is None or not self.is_open or self.has_ended:
            return
        if not self._holds:
            self._transport.resume_reading()
        elif hold and len(self._holds) == 1:
            self._transport.pause_reading()
            self._look_soon()

    # Time

    def arm(self, seconds: float) -> None:
        """Close it then; one such time counts, the last that was said."""
        self.disarm()
        self._timer = self._loop.call_later(seconds, self.close)

    def disarm(self) -> None:
        """Wait for it as long as it takes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_soon(self) -> None:
        if self._watch is None:
            self._watch = self._loop.call_later(_LOOK_INTERVAL_S, self._look)

    def _look(self) -> None:
        self._watch = None
        if self._transport is None or not (self.has_ended or self._holds):
            return
        if _is_dead(self._transport.get_extra_info("socket")):
            self._transport.abort()
        else:
            self._look_soon()

    def _expect_taking(self, before: int | None) -> None:
        """Look whether anything was taken since *before*; None: nothing waited then."""
        if self._transport is None:
            return
        sock = self._transport.get_extra_info("socket")
        waiting = self._transport.get_write_buffer_size() + _unsent(sock)
        taken = self._written - waiting if waiting else None
        if taken is not None and taken == before:
            _log.info("Client %s is dropped: it takes nothing of what waits for it", self.client)
            self.abort(reset=True)
            return
        self._patience = self._loop.call_later(_TAKE_LIMIT_S, self._expect_taking, taken)


def _unsent(sock: socket.socket | None) -> int:
    """Bytes that the kernel holds for the other end: it may take megabytes before it is full."""
    if sock is None or sock.fileno() < 0:
        return 0
    return int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def _is_dead(sock: socket.socket | None) -> bool:
    """Whether the kernel knows that nobody is at the other end any more."""
    if sock is None or sock.fileno() < 0:
        return True
    poller = select.poll()
    poller.register(sock.fileno(), 0)  # errors and hang-up only
    return bool(poller.poll(0))
