"""httpx over our own connections to an engine.

One way to reach an engine serves both lanes: the same pool, TLS, unix sockets and deadlines under
`EngineClient` (httpx) and under the relay. It is also what lets a raw path pass as it came.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import httpx

from common.http1 import (
    BadMessageError,
    BodyScanner,
    ResponseHead,
    response_body,
    write_head,
)
from engine.connection import EngineConnection
from engine.pool import EnginePool

_HIGH_WATER = 256 * 1024
"""Bytes of an answer that wait for their reader before the engine is told to wait."""


class _Answer:
    """The `Exchange` of one httpx request: a head to wait for, then a bounded run of payload."""

    def __init__(self, connection: EngineConnection, method: str) -> None:
        self._connection = connection
        self._method = method
        self.head: asyncio.Future[ResponseHead] = asyncio.get_running_loop().create_future()
        self.request_sent = False
        """Whether the engine has the whole request: only then can it be sent another one."""
        self._scanner: BodyScanner | None = None
        self._payload: deque[bytes] = deque()
        self._waiting = 0
        self._error: Exception | None = None
        self._ended = False
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    def on_head(self, head: ResponseHead) -> None:
        if head.status < 200 or self.head.done():  # noqa: PLR2004
            return
        self._scanner = response_body(head, self._method)
        self.head.set_result(head)
        if self.refused:
            self._writable.set()

    def on_data(self, data: bytes) -> None:
        if self._scanner is None:
            return  # given up before its head was here: the connection is about to be dropped
        pieces: list[bytes] = []
        try:
            self._scanner.feed(data, pieces)
        except BadMessageError as exc:
            self.on_lost(exc)
            return
        self._payload.extend(pieces)
        self._waiting += sum(map(len, pieces))
        if self._waiting > _HIGH_WATER:
            self._connection.pause_reading()
        self._news.set()

    def on_end(self) -> None:
        self._ended = True
        self._news.set()
        self._writable.set()

    def on_eof(self) -> None:
        self.on_end()

    def on_lost(self, error: Exception) -> None:
        self._error = error
        if not self.head.done():
            self.head.set_exception(error)
        self._news.set()
        self._writable.set()

    def pause(self) -> None:
        self._writable.clear()

    def resume(self) -> None:
        self._writable.set()

    @property
    def refused(self) -> bool:
        """Whether the engine wants no more of the request: it is gone, has said no, or is done.

        One that begins to tell of its progress while it still reads does want the rest.
        """
        if self._ended or self._error is not None:
            return True
        return self.head.done() and self.head.result().status >= 300  # noqa: PLR2004

    async def drain(self) -> None:
        """Wait until the engine takes more of the request."""
        await self._writable.wait()

    async def payload(self) -> AsyncIterator[bytes]:
        """The answer's content, as it comes."""
        while True:
            while self._payload:
                data = self._payload.popleft()
                self._waiting -= len(data)
                if self._waiting <= _HIGH_WATER:
                    self._connection.resume_reading()
                yield data
            if self._error is not None:
                raise httpx.ReadError(str(self._error) or type(self._error).__name__)
            if self._ended:
                return
            self._news.clear()
            await self._news.wait()


class _Body(httpx.AsyncByteStream):
    """An answer's content; closing it early drops the connection."""

    def __init__(
        self, pool: EnginePool, connection: EngineConnection, answer: _Answer, read_s: float | None
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._answer = answer
        self._read_s = read_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = self._answer.payload()
        while True:
            try:
                async with asyncio.timeout(self._read_s):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError as exc:
                raise httpx.ReadTimeout("the engine stopped answering") from exc
            yield piece

    async def aclose(self) -> None:
        if self._connection.is_idle and self._answer.request_sent:
            self._pool.release(self._connection)
        else:
            self._pool.discard(self._connection)


class EngineTransport(httpx.AsyncBaseTransport):
    """Sends httpx's requests over an `EnginePool`."""

    def __init__(self, pool: EnginePool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx; ``extensions["target"]`` is sent as it is.

        With ``extensions["outlasts_outages"]`` the answer is one that its pool never gives up.

        Raises:
            EngineUnreachableError: the engine could not be dialled.
            httpx.TransportError: the connection broke, or a deadline passed.
        """
        timeouts = request.extensions.get("timeout", {})
        connection = await self._pool.acquire()
        # An engine that restarted closes what was kept alive, perhaps just now: what has no
        # effect is asked again over a new connection.
        retry = connection.is_reused and request.method in ("GET", "HEAD")
        try:
            return await self._send(request, connection, timeouts.get("read"))
        except (httpx.ReadError, ConnectionError):
            if not retry:
                raise
        connection = await self._pool.acquire(fresh=True)
        return await self._send(request, connection, timeouts.get("read"))

    async def _send(
        self, request: httpx.Request, connection: EngineConnection, read_s: float | None
    ) -> httpx.Response:
        answer = _Answer(connection, request.method)
        try:
            async with asyncio.timeout(read_s):
                await self._write(request, connection, answer)
                head = await answer.head
        except TimeoutError as exc:
            self._pool.discard(connection)
            raise httpx.ReadTimeout("the engine did not answer in time") from exc
        except (OSError, BadMessageError) as exc:
            self._pool.discard(connection)
            raise httpx.ReadError(str(exc) or type(exc).__name__) from exc
        except BaseException:
            self._pool.discard(connection)
            raise
        return httpx.Response(
            head.status,
            headers=head.headers.lines,
            stream=_Body(self._pool, connection, answer, read_s),
            extensions={"reason_phrase": head.reason},
        )

    @staticmethod
    async def _write(request: httpx.Request, connection: EngineConnection, answer: _Answer) -> None:
        target: bytes = request.extensions.get("target") or request.url.raw_path
        outlasts_outages = bool(request.extensions.get("outlasts_outages"))
        connection.begin(request.method, answer, outlasts_outages=outlasts_outages)
        start = b"%s %s HTTP/1.1" % (request.method.encode("ascii"), target)
        connection.write(write_head(start, request.headers.raw))
        chunked = b"chunked" in request.headers.get("transfer-encoding", "").encode()
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for piece in request.stream:
            await answer.drain()
            if answer.refused:
                return  # the rest would be read by nobody
            if piece and chunked:
                connection.write_all((b"%x\r\n" % len(piece), piece, b"\r\n"))
            elif piece:
                connection.write(piece)
        if chunked:
            connection.write(b"0\r\n\r\n")
        answer.request_sent = True

    async def aclose(self) -> None:
        """The pool is its owner's to close."""
