"""One client's connection: heads in, each looked up in the one table, then the lane it takes.

uvicorn's server accepts and shuts down; this is the protocol that it is given.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from common.http1 import (
    HEAD_LIMIT,
    BadMessageError,
    BodyScanner,
    Header,
    RequestHead,
    find_head_end,
    parse_request,
    request_body,
    write_head,
)
from engine.pool import keep_alive
from master.cluster.model import ApiVersion
from master.proxy.asgi import AsgiLane, AsgiRequest
from master.proxy.request import BODY_LIMIT, ClientRequest, Side, json_answer
from master.routes import How, Route, RouteTable

_VERSION = re.compile(r"/v([0-9]+(?:\.[0-9]+)*)(/.*)")

IDLE_LIMIT_S = 300.0
"""Go clients drop idle connections after 90 s themselves."""
HEAD_TIMEOUT_S = 60.0
"""From a head's first byte to its last."""
_LEFTOVER_LIMIT = 1 << 20
"""Bytes of an unwanted body that are read, so that the client sees the answer to it."""


@dataclass(frozen=True)
class FrontServices:
    """What every connection needs."""

    table: RouteTable
    relay: Callable[[ClientRequest], Coroutine[Any, Any, None]]
    """The fast lane."""
    versions: Callable[[], tuple[ApiVersion, ApiVersion]]
    """Least and newest API version that the cluster speaks now."""
    headers: Callable[[], list[Header]]
    """What stands in every answer of ours."""


class Front(asyncio.Protocol):
    """Reads one request after the other; while one is answered the next one waits."""

    def __init__(
        self,
        services: FrontServices,
        config: Config,
        server_state: ServerState,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._services = services
        self._config = config
        self._server_state = server_state
        self._loop = loop
        # Per connection
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._lane: AsgiLane | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reading_held = False
        self._closing = False
        self._eof = False
        # Per request
        self._busy: ClientRequest | AsgiRequest | None = None
        self._answer_done = False
        self._task: asyncio.Task[None] | None = None
        self._dropped = 0
        self._side: Side | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast("asyncio.Transport", transport)
        keep_alive(transport.get_extra_info("socket"))
        self._server_state.connections.add(self)  # type: ignore[arg-type]
        self._arm(IDLE_LIMIT_S)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._side is not None:
            self._side.data_received(data)
            return
        if not self._buffer and self._busy is None:
            self._arm(HEAD_TIMEOUT_S)
        searched = len(self._buffer)
        self._buffer = self._buffer + data if self._buffer else data
        self._advance(searched)

    def eof_received(self) -> bool:
        """The client has closed its half: a hijacked stream goes on, all else has no reader."""
        if self._side is not None:
            self._side.eof_received()
            return True
        self._eof = True
        return isinstance(self._busy, ClientRequest) and self._busy.route.how is How.HIJACK

    def pause_writing(self) -> None:
        """The client's socket is full."""
        if self._side is not None:
            self._side.pause_writing()
        elif isinstance(self._busy, ClientRequest):
            if self._busy.source is not None:
                self._busy.source.pause_reading()
        elif self._lane is not None:
            self._lane.pause_writing()

    def resume_writing(self) -> None:
        """The client's socket has room again."""
        if self._side is not None:
            self._side.resume_writing()
        elif isinstance(self._busy, ClientRequest):
            if self._busy.source is not None:
                self._busy.source.resume_reading()
        elif self._lane is not None:
            self._lane.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: whoever works for it stops."""
        self._disarm()
        self._server_state.connections.discard(self)
        if self._side is not None:
            self._side.connection_lost()
        if self._task is not None:
            self._task.cancel()
        if self._lane is not None:
            self._lane.connection_lost(exc)
        self._transport = None
        self._busy = None

    def shutdown(self) -> None:
        """The server is stopping (called by uvicorn): idle connections close, others finish."""
        self._closing = True
        if self._busy is None and self._side is None:
            self._close()

    # What a request's answerer calls

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def hold_reading(self, *, hold: bool) -> None:
        """Stop or go on reading from the client."""
        if self._transport is None or hold == self._reading_held or self._transport.is_closing():
            return
        self._reading_held = hold
        if hold:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def finish(self, request: ClientRequest | AsgiRequest, *, keep: bool) -> None:
        """The answer to *request* is complete."""
        if request is not self._busy:
            return
        self._answer_done = True
        self._closing = self._closing or not keep or not request.head.keeps_alive
        if not request.body_done and isinstance(request, ClientRequest):
            request.drop_body()
        self._advance_soon()

    def take_over(self, side: Side) -> bytes:
        """Give the connection to *side* for good; returns what the client has already sent."""
        self._side = side
        self._disarm()
        self.hold_reading(hold=False)
        early, self._buffer = self._buffer, b""
        if self._eof:
            self._loop.call_soon(side.eof_received)
        return early

    def break_off(self, status: int, message: str) -> None:
        """Answer with an error and close: what follows can't be told from a request."""
        start, body = json_answer(status, message)
        lines = [
            *self.standard_headers(),
            (b"Content-Type", b"application/json"),
            (b"Content-Length", str(len(body)).encode("ascii")),
            (b"Connection", b"close"),
        ]
        self.write(write_head(start, lines) + body)
        self._close()

    def abort(self) -> None:
        """Cut the connection: the client must not take a broken answer for a whole one."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close after what is buffered has been sent."""
        self._close()

    def write_eof(self) -> None:
        """Half-close towards the client."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def socket(self) -> Any:
        """The client's socket, to look at."""
        return self._transport.get_extra_info("socket") if self._transport is not None else None

    def standard_headers(self) -> list[Header]:
        """Date, and what the cluster says of itself."""
        return [*self._server_state.default_headers, *self._services.headers()]

    # Inside

    def _advance_soon(self) -> None:
        # Not at once: the caller is still inside its own callback.
        self._loop.call_soon(self._advance, 0)

    def _advance(self, searched: int) -> None:
        while self._transport is not None and not self._transport.is_closing():
            if self._side is not None:
                return
            if self._busy is None:
                if not self._begin(searched):
                    return
                searched = 0
            if not self._feed_body():
                return
            if not self._answer_done:
                self._limit_leftover()
                return
            self._next()

    def _feed_body(self) -> bool:
        """Pass body bytes on; whether the body is complete."""
        request = self._busy
        assert request is not None
        if request.body_done:
            return True
        if self._buffer:
            try:
                taken = request.feed(self._buffer)
            except BadMessageError as exc:
                self._cancel()
                self.break_off(exc.status, str(exc))
                return False
            self._buffer = self._buffer[taken:]
            if self._answer_done:
                self._dropped += taken
                if self._dropped > _LEFTOVER_LIMIT:
                    self._close()
                    return False
        return request.body_done

    def _limit_leftover(self) -> None:
        if len(self._buffer) > BODY_LIMIT:
            self.hold_reading(hold=True)

    def _next(self) -> None:
        self._busy, self._task, self._answer_done, self._dropped = None, None, False, 0
        if self._closing:
            self._close()
            return
        self.hold_reading(hold=False)
        self._arm(HEAD_TIMEOUT_S if self._buffer else IDLE_LIMIT_S)

    def _begin(self, searched: int) -> bool:
        """Start on the next request, if its head is here."""
        while self._buffer[:1] in (b"\r", b"\n"):  # old clients add a line end behind a body
            self._buffer = self._buffer[1:]
            searched = 0
        end = find_head_end(self._buffer, searched)
        if end < 0 or end > HEAD_LIMIT:
            if len(self._buffer) > HEAD_LIMIT:
                self.break_off(431, "request header fields too large")
            return False
        block, self._buffer = self._buffer[:end], self._buffer[end:]
        self._disarm()
        try:
            head = parse_request(block)
            body = request_body(head)
        except BadMessageError as exc:
            self.break_off(exc.status, str(exc))
            return False
        self._dispatch(head, body)
        return self._busy is not None

    def _dispatch(self, head: RequestHead, body: BodyScanner) -> None:
        least, newest = self._services.versions()
        path = head.path.decode("ascii")
        typed = ""
        if (match := _VERSION.fullmatch(path)) is not None:
            typed, path = match[1], match[2]
        version = _parse_version(typed) if typed else newest
        found = self._services.table.find(head.method, path)
        route, params = found if found is not None else (_UNKNOWN, {})
        if found is not None and route.how not in (How.FORWARD, How.HIJACK, How.REFUSED):
            complaint = _complaint(typed, version, least, newest)
            if not complaint:
                self._to_asgi(head, path, version, body)
                return
        else:
            complaint = _complaint(typed, version, least, newest)
        request = ClientRequest(self, head, route, params, version, body)
        self._busy = request
        if complaint:
            self._refuse(request, 400, complaint)
        elif route.how is How.REFUSED:
            self._refuse(request, route.status, route.refusal)
        else:
            self._task = self._loop.create_task(self._services.relay(request), name=route.path)
            self._server_state.tasks.add(self._task)
            self._task.add_done_callback(self._server_state.tasks.discard)

    def _refuse(self, request: ClientRequest, status: int, message: str) -> None:
        request.drop_body()
        request.refuse(status, message)

    def _to_asgi(
        self, head: RequestHead, path: str, version: ApiVersion, body: BodyScanner
    ) -> None:
        assert self._transport is not None
        if self._lane is None:
            self._lane = AsgiLane(self, self._config, self._server_state, self._loop)
            self._lane.connection_made(self._transport)
        request = AsgiRequest(self._lane, head, path, version, body)
        self._busy = request
        self._lane.begin(request)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self._loop.call_later(seconds, self._close)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_UNKNOWN = Route("", "", How.REFUSED, "", status=404, refusal="page not found")


def _parse_version(text: str) -> ApiVersion:
    parts = [int(part[:9]) for part in text.split(".")]
    return parts[0], parts[1] if len(parts) > 1 else 0


def _complaint(typed: str, version: ApiVersion, least: ApiVersion, newest: ApiVersion) -> str:
    """The engine's own words on a version that it does not speak; empty if it does."""
    if version < least:
        return (
            f"client version {typed} is too old. Minimum supported API version is "
            f"{least[0]}.{least[1]}, please upgrade your client to a newer version"
        )
    if version > newest:
        return (
            f"client version {typed} is too new. "
            f"Maximum supported API version is {newest[0]}.{newest[1]}"
        )
    return ""


def make_protocol(services: FrontServices) -> Callable[..., Front]:
    """What uvicorn calls for each connection (``Config(http=…)``)."""

    def create(
        config: Config,
        server_state: ServerState,
        app_state: Mapping[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> Front:
        del app_state  # there is no lifespan: the runtime owns what lives as long as the server
        return Front(services, config, server_state, _loop or asyncio.get_running_loop())

    return create
