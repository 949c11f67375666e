"""One raw HTTP/1.1 connection to an engine, and what is on the way over it.

The connection speaks to an `Exchange`: one request and its answer. It hands over the answer's head,
then the body's bytes as they came, chunk framing included. After an upgrade the connection is raw:
whatever arrives is the stream's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol, cast

from common.http1 import (
    HEAD_LIMIT,
    BadMessageError,
    BodyScanner,
    ChunkedScanner,
    CloseScanner,
    ResponseHead,
    find_head_end,
    parse_response,
    response_body,
)


class Exchange(Protocol):
    """Who made the request that is on the way. All of it is called from the event loop."""

    def on_head(self, head: ResponseHead) -> None:
        """The answer's head (also 100 and 101)."""

    def on_data(self, data: bytes) -> None:
        """Bytes of the body, or of the stream, as they came."""

    def on_end(self) -> None:
        """The answer is complete; the connection is free again, or closed."""

    def on_eof(self) -> None:
        """Raw streams only: the engine has nothing more to say."""

    def on_lost(self, error: Exception) -> None:
        """The connection broke before the answer was complete."""

    def pause(self) -> None:
        """The engine does not take more of the request's body now."""

    def resume(self) -> None:
        """The engine takes more."""


class EngineConnection(asyncio.Protocol):
    """A connection in one of four states: idle, waiting for a head, in a body, raw."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.is_reused = False
        """Whether it has carried an answer before: its engine may just have closed it."""
        self.answered = False
        """Whether the head of the current answer has arrived (``100 Continue`` is none)."""
        self.outlasts_outages = False
        """Whether an answer that has begun is waited for, however long its engine is silent."""
        self.is_silent = False
        """Set by who wants to know: whether the engine has given no sign since."""
        self._exchange: Exchange | None = None
        self._method = ""
        self._head = bytearray()
        self._scanner: BodyScanner | None = None
        self._keeps_alive = False
        self._scan = True
        self._raw = False
        self._reading_paused = False

    # What the exchange and the pool call

    def begin(
        self, method: str, exchange: Exchange, *, scan: bool = True, outlasts_outages: bool = True
    ) -> None:
        """Expect the answer to a *method* request, which is then written with `write`.

        Without *scan* the end of a chunked body is not looked for: it ends when the engine closes,
        as the request must have asked it to. That is what makes gigabytes of small chunks cheap.
        What is only passed on *outlasts_outages*: the client can see that nothing comes, and leave.
        """
        assert self._exchange is None
        self._exchange = exchange
        self._method = method
        self._scan = scan
        self.answered = self.is_silent = False
        self.outlasts_outages = outlasts_outages
        if self.transport is None or self.transport.is_closing():
            # It was dialled well, and gone before its first request.
            lost = ConnectionResetError("the engine closed the connection")
            asyncio.get_running_loop().call_soon(self.fail, lost)

    def write(self, data: bytes) -> None:
        """Send bytes of the request, or of the raw stream."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def write_all(self, pieces: Iterable[bytes]) -> None:
        """Send *pieces* one behind the other, without making one of them first."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.writelines(pieces)

    def write_eof(self) -> None:
        """Half-close: nothing more comes from our side."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write_eof()

    def go_raw(self) -> None:
        """The answer was an upgrade: from now on every byte is the stream's.

        To be called from within `Exchange.on_head`: bytes behind the head are already here.
        """
        self._raw = True
        self._scanner = None
        rest, self._head = bytes(self._head), bytearray()
        if rest and self._exchange is not None:
            self._exchange.on_data(rest)

    def pause_reading(self) -> None:
        """Back-pressure: the client does not take more now."""
        if self.transport is None or self._exchange is None:
            return  # what is left is not the client's: the next answer must not wait for it
        if not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """The client takes more."""
        if self.transport is not None and self._reading_paused:
            self._reading_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def fail(self, error: Exception) -> None:
        """Drop it, and tell whoever waits for it."""
        exchange = self._exchange
        self.abort()
        if exchange is not None:
            exchange.on_lost(error)

    @property
    def is_held_back(self) -> bool:
        """Whether the engine is silent because its reader does not take more."""
        return self._reading_paused

    @property
    def is_idle(self) -> bool:
        """Whether it can carry a request now."""
        return (
            self.transport is not None
            and not self.transport.is_closing()
            and self._exchange is None
            and not self._raw
        )

    def abort(self) -> None:
        """Drop it; nobody is told.

        What is not sent yet is lost. To wait until a daemon takes it, which nobody reads the
        answer of any more, could take for ever.
        """
        self._exchange = None
        if self.transport is not None:
            self.transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes from the engine."""
        self.is_silent = False
        exchange = self._exchange
        if exchange is None:
            # Bytes that nobody asked for: whatever they are, they must not become the start of
            # the next answer.
            self.abort()
            return
        if self._raw:
            exchange.on_data(data)
        elif self._scanner is not None:
            self._body(data)
        else:
            self._read_head(data)

    def eof_received(self) -> bool:
        """The engine closed its half."""
        if self._raw and self._exchange is not None:
            self._exchange.on_eof()
            return True
        return False

    def pause_writing(self) -> None:
        """The socket's buffer is full."""
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        """The socket's buffer has room again: the engine has taken some of it."""
        self.is_silent = False
        if self._exchange is not None:
            self._exchange.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; a body that ends with it is complete."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        if exc is None and isinstance(self._scanner, CloseScanner):
            exchange.on_end()
        else:
            exchange.on_lost(exc or ConnectionResetError("the engine closed the connection"))

    def _read_head(self, data: bytes) -> None:
        searched = len(self._head)
        self._head += data
        while self._exchange is not None and self._scanner is None and not self._raw:
            end = find_head_end(self._head, searched)
            searched = 0
            if end < 0:
                if len(self._head) > HEAD_LIMIT:
                    self.fail(BadMessageError("the engine's answer has too large a head"))
                return
            try:
                head = parse_response(bytes(self._head[:end]))
                scanner = response_body(head, self._method)
                if not self._scan and isinstance(scanner, ChunkedScanner):
                    scanner = CloseScanner()
            except BadMessageError as exc:
                self.fail(exc)
                return
            del self._head[:end]
            self._take_head(head, scanner)

    def _take_head(self, head: ResponseHead, scanner: BodyScanner) -> None:
        exchange = self._exchange
        assert exchange is not None
        self.answered = head.status == 101 or head.status >= 200  # noqa: PLR2004
        if head.status < 200:  # noqa: PLR2004
            exchange.on_head(head)
            if head.status == 101 and not self._raw and self._exchange is not None:  # noqa: PLR2004
                self.fail(BadMessageError("the engine switched protocols unasked"))
            return
        self._scanner = scanner
        # What is not scanned was asked with "Connection: close", whatever the answer says of it.
        self._keeps_alive = self._scan and head.keeps_alive
        exchange.on_head(head)
        if self._exchange is None or self._raw:
            return
        rest, self._head = bytes(self._head), bytearray()
        self._body(rest)

    def _body(self, data: bytes) -> None:
        scanner, exchange = self._scanner, self._exchange
        assert scanner is not None
        assert exchange is not None
        try:
            taken = scanner.feed(data)
        except BadMessageError as exc:
            self.fail(exc)
            return
        if taken:
            exchange.on_data(data if taken == len(data) else data[:taken])
        if not scanner.done or self._exchange is None:
            return
        self.resume_reading()
        self._scanner = None
        self._exchange = None
        if taken < len(data) or not self._keeps_alive:
            self.abort()
        else:
            self.is_reused = True
        exchange.on_end()
