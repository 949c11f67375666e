"""What happens to the answer of a relayed request: passed on, or collected and edited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from common.http1 import (
    HOP_BY_HOP,
    BadMessageError,
    BodyScanner,
    ChunkedScanner,
    CloseScanner,
    Header,
    ResponseHead,
    response_body,
)
from engine.connection import EngineConnection
from master.proxy.request import ClientRequest

COLLECT_LIMIT = 64 * 1024 * 1024
"""Bytes of an answer that is edited, and so held whole. The largest inspects have a few 100 KB."""


class Passed:
    """Passes the answer on as it comes; `done` is resolved at its end.

    Lost before its head: `done` fails with the error, and nothing was sent to the client.
    """

    def __init__(
        self,
        request: ClientRequest,
        connection: EngineConnection,
        on_answer: Callable[[int], None],
    ) -> None:
        """*on_answer* is told the status, before the client hears of it and again at the end."""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._connection = connection
        self._on_answer = on_answer
        self._status = 0
        self._keep = True

    def on_head(self, head: ResponseHead) -> None:
        """Pass the head on, without what spoke of the engine's connection."""
        if head.status < 200:  # noqa: PLR2004
            self._request.send_head(head, head.headers.without(HOP_BY_HOP))
            return
        self._status = head.status
        self._on_answer(head.status)
        self._pass_head(head)

    def _pass_head(self, head: ResponseHead) -> None:
        unknown_end = isinstance(response_body(head, self._request.head.method), CloseScanner)
        self._keep = not (self._request.route.streams or unknown_end)
        self._request.send_head(head, self._lines(head))

    def on_data(self, data: bytes) -> None:
        """Pass it on."""
        self._request.send(data)

    def on_end(self) -> None:
        """The answer is complete."""
        self._on_answer(self._status)
        self._finish(keep=self._keep)

    def on_eof(self) -> None:
        """Only raw streams have it."""

    def on_lost(self, error: Exception) -> None:
        """The engine is gone in the middle."""
        self._resolve(error)

    def pause(self) -> None:
        """The engine takes no more of the body now."""
        self._request.pause_body()

    def resume(self) -> None:
        """The engine takes more."""
        self._request.resume_body()

    async def finished(self) -> None:
        """Return when the client has been answered."""
        await self.done

    def _finish(self, *, keep: bool) -> None:
        if not self._request.body_done:
            # The engine wants no more of it: what the connection still owes it is never sent.
            self._connection.abort()
        self._request.finish(keep=keep)
        self._resolve(None)

    def _resolve(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)

    def _lines(self, head: ResponseHead) -> list[Header]:
        lines = [*head.headers.without(HOP_BY_HOP), *self._request.added_headers]
        if not self._keep or not self._request.keeps_alive:
            lines.append((b"Connection", b"close"))
        return lines


class Held(Passed):
    """Holds the news that it worked (204) back until *ready*; other answers are passed on."""

    def __init__(
        self,
        request: ClientRequest,
        connection: EngineConnection,
        on_answer: Callable[[int], None],
        ready: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(request, connection, on_answer)
        self._ready = ready
        self._head: ResponseHead | None = None

    def on_head(self, head: ResponseHead) -> None:
        """Keep it, if it is good news."""
        if head.status == 204:  # noqa: PLR2004
            self._head = head
        else:
            super().on_head(head)

    def on_end(self) -> None:
        """It has been done; the client hears of it later."""
        if self._head is None:
            super().on_end()
            return
        self._on_answer(self._head.status)
        self._resolve(None)

    async def finished(self) -> None:
        """Return when the client has been answered."""
        await self.done
        if self._head is not None:
            await self._ready()
            self._pass_head(self._head)
            self._finish(keep=self._keep)


class Waited(Passed):
    """A wait for a container's end; if its node is lost meanwhile, that is how it ended.

    The answer's head is sent long before its one document, so there is room for an end of ours.
    """

    def __init__(
        self,
        request: ClientRequest,
        connection: EngineConnection,
        on_answer: Callable[[int], None],
        last_words: Callable[[], Awaitable[bytes | None]],
    ) -> None:
        """*last_words* takes its time to find out whether the node is lost; None: it is not."""
        super().__init__(request, connection, on_answer)
        self._last_words = last_words
        self._is_open = self._is_chunked = False

    def _pass_head(self, head: ResponseHead) -> None:
        super()._pass_head(head)
        scanner = response_body(head, self._request.head.method)
        self._is_chunked = isinstance(scanner, ChunkedScanner)
        self._is_open = self._is_chunked or isinstance(scanner, CloseScanner)

    def on_data(self, data: bytes) -> None:
        """The document, or its beginning: whatever comes now, there is no room any more."""
        self._is_open = False
        super().on_data(data)

    def on_end(self) -> None:
        """The answer is complete, unless the end of a connection that said nothing looks so."""
        if self._is_open:
            self.on_lost(ConnectionResetError("the engine ended a wait without a word"))
        else:
            super().on_end()

    async def finished(self) -> None:
        """Return when the client has been answered."""
        try:
            await self.done
        except OSError:
            words = await self._last_words() if self._is_open else None
            if words is None:
                raise
            self._request.send(_last_chunk(words) if self._is_chunked else words)
            self._on_answer(self._status)
            self._request.finish(keep=self._is_chunked)


def _last_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)


class Edited(Passed):
    """Holds a good answer whole and gives *edit* its content; refusals are passed on."""

    def __init__(
        self,
        request: ClientRequest,
        connection: EngineConnection,
        on_answer: Callable[[int], None],
        edit: Callable[[bytes], bytes],
    ) -> None:
        super().__init__(request, connection, on_answer)
        self._edit = edit
        self._head: ResponseHead | None = None
        self._scanner: BodyScanner | None = None
        self._pieces: list[bytes] = []
        self._size = 0

    def on_head(self, head: ResponseHead) -> None:
        """Wait for the rest, if it is worth an edit."""
        if head.status not in (200, 201):
            super().on_head(head)
            return
        self._head = head
        self._scanner = response_body(head, self._request.head.method)

    def on_data(self, data: bytes) -> None:
        """Hold it."""
        if self._scanner is None:
            super().on_data(data)
            return
        self._scanner.feed(data, self._pieces)
        self._size += len(data)
        if self._size > COLLECT_LIMIT:
            self._connection.fail(BadMessageError("the engine's answer is too large"))

    def on_end(self) -> None:
        """Edit and send."""
        head = self._head
        if head is None:
            super().on_end()
            return
        try:
            body = self._edit(b"".join(self._pieces))
        except Exception as exc:  # noqa: BLE001 - it is raised again where the request is answered
            self._resolve(exc)
            return
        self._on_answer(head.status)
        lines = [
            line
            for line in self._lines(head)
            if line[0].lower() not in (b"content-length", b"transfer-encoding")
        ]
        lines.append((b"Content-Length", str(len(body)).encode("ascii")))
        self._request.send_head(head, lines)
        self._request.send(body)
        self._finish(keep=True)
