"""TLS with half-close: a transport to the protocol above, a protocol to the transport below.

asyncio's and uvloop's own TLS close both directions when the peer says ``close_notify``, so what
an engine prints after its client's end of input never arrives (``echo x | docker --tlsverify run
-i …``). OpenSSL itself can half-close; this drives it through memory buffers.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast

_READ_SIZE = 16 * 1024
"""OpenSSL hands out one record at a time, and none is larger."""


class TlsLayer(asyncio.Protocol, asyncio.Transport):
    """Sits between a TCP transport and *upper*; serves listeners and dialled connections alike.

    *upper*'s ``connection_made`` comes after the handshake. The peer's ``close_notify`` becomes
    ``eof_received`` and writing stays open; ``write_eof`` sends ours.
    """

    def __init__(
        self,
        upper: asyncio.Protocol,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_hostname: str | None = None,
        handshake_timeout_s: float = 20.0,
        on_failure: Callable[[Exception], None] | None = None,
    ) -> None:
        """*on_failure* is told why, if the connection ends before the handshake does."""
        super().__init__()
        self._upper = upper
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
        )
        self._handshake_timeout_s = handshake_timeout_s
        self._on_failure = on_failure
        self._lower: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ready = False
        self._failure: Exception | None = None
        self._peer_closed = False
        self._sent_close = False
        self._closing = False

    # The protocol that the TCP transport sees

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TCP connection stands: begin the handshake, with a deadline."""
        self._lower = cast("asyncio.Transport", transport)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._handshake_timeout_s, self._give_up)
        self._handshake()

    def data_received(self, data: bytes) -> None:
        """Cipher text arrived; behind ``close_notify`` nobody is there to read any."""
        if self._peer_closed:
            return
        self._incoming.write(data)
        if not self._ready:
            self._handshake()
        if self._ready:
            self._read()

    def eof_received(self) -> bool:
        """The TCP half was closed, with or without ``close_notify``."""
        self._incoming.write_eof()
        if not self._ready:
            return False
        self._read()
        if not self._peer_closed:
            self._peer_eof()
        return not self._closing

    def pause_writing(self) -> None:
        """The TCP buffer is full."""
        if self._ready:
            self._upper.pause_writing()

    def resume_writing(self) -> None:
        """The TCP buffer has room again."""
        if self._ready:
            self._upper.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is gone."""
        self._closing = True
        self._disarm()
        if self._ready:
            self._upper.connection_lost(exc or self._failure)
        elif self._on_failure is not None:
            self._on_failure(exc or ConnectionError("connection closed in the TLS handshake"))

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._fail(TimeoutError("TLS handshake timed out"))

    def _fail(self, error: Exception) -> None:
        self._disarm()
        self._closing = True
        self._failure = error
        told, self._on_failure = self._on_failure, None
        self._flush()
        if self._lower is not None:
            if self._ready:
                self._lower.abort()
            else:
                self._lower.close()  # the alert that says why is still to be sent
        if told is not None and not self._ready:
            told(error)

    def _handshake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except (ssl.SSLError, ssl.CertificateError) as exc:
            self._fail(exc)
            return
        self._disarm()
        self._ready = True
        self._flush()
        self._upper.connection_made(self)

    def _read(self) -> None:
        while not self._peer_closed and not self._closing:
            try:
                data = self._tls.read(_READ_SIZE)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                self._peer_eof()
                break
            except ssl.SSLError as exc:
                if self._incoming.eof:
                    self._peer_eof()  # the peer closed without close_notify
                else:
                    self._fail(exc)
                break
            if not data:
                self._peer_eof()
                break
            self._upper.data_received(data)
        self._flush()

    def _peer_eof(self) -> None:
        self._peer_closed = True
        if not self._upper.eof_received():
            self.close()

    def _flush(self) -> None:
        if self._lower is not None and not self._lower.is_closing() and self._outgoing.pending:
            self._lower.write(self._outgoing.read())

    # The transport that the upper protocol sees

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if self._closing or self._sent_close or not data:
            return
        try:
            self._tls.write(data)
        except ssl.SSLError as exc:
            self._fail(exc)
            return
        self._flush()

    def writelines(self, list_of_data: Any) -> None:
        """Encrypt and send all of it."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Yes: that is what this class is for."""
        return True

    def write_eof(self) -> None:
        """Send ``close_notify``; reading goes on."""
        if self._sent_close or self._closing:
            return
        self._sent_close = True
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            # Our alert is written; the peer's own is still to come, which the reading side meets.
            self._flush()
            return
        self._flush()

    def close(self) -> None:
        """Send what is buffered and ``close_notify``, then close."""
        if self._closing:
            return
        if self._ready:
            self.write_eof()
        self._closing = True
        if self._lower is not None:
            self._lower.close()

    def abort(self) -> None:
        """Close at once; what is buffered is lost."""
        self._closing = True
        if self._lower is not None:
            self._lower.abort()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._closing or (self._lower is not None and self._lower.is_closing())

    def pause_reading(self) -> None:
        """Stop reading from the TCP connection."""
        if self._lower is not None and not self._lower.is_closing():
            self._lower.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._lower is not None and not self._lower.is_closing():
            self._lower.resume_reading()

    def is_reading(self) -> bool:
        """Whether the TCP connection is read."""
        return self._lower is not None and self._lower.is_reading()

    def get_write_buffer_size(self) -> int:
        """Bytes that are still to be sent."""
        return self._lower.get_write_buffer_size() if self._lower is not None else 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The TCP transport's limits."""
        assert self._lower is not None
        return self._lower.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the TCP transport's limits."""
        if self._lower is not None:
            self._lower.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The TCP transport's, and ``ssl_object``, ``peercert``."""
        if name == "ssl_object":
            return self._tls
        if name == "peercert":
            return self._tls.getpeercert()
        return self._lower.get_extra_info(name, default) if self._lower is not None else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Talk to another protocol from now on."""
        assert isinstance(protocol, asyncio.Protocol)
        self._upper = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol above."""
        return self._upper
