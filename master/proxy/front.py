"""One client's connection: heads in, each looked up in the one table, then the lane it takes.

uvicorn's server accepts and shuts down; this is the protocol that it is given.
"""

from __future__ import annotations

import asyncio
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
from master.cluster.model import ApiVersion
from master.proxy.asgi import AsgiLane, AsgiRequest
from master.proxy.client_socket import ClientSocket
from master.proxy.connection import Answered, Side, Why
from master.proxy.request import BODY_LIMIT, ClientRequest, json_answer
from master.proxy.version import complaint_about, parse_version, split_path
from master.route_table import How, Route, RouteTable

IDLE_LIMIT_S = 300.0
"""Go clients drop idle connections after 90 s themselves."""
HEAD_TIMEOUT_S = 60.0
"""From a head's first byte to its last."""
CORS_HEADERS: tuple[Header, ...] = (
    (b"Access-Control-Allow-Origin", b"*"),
    (b"Access-Control-Allow-Headers", b"Origin, X-Requested-With, Content-Type, Accept"),
    (b"Access-Control-Allow-Methods", b"GET, POST, DELETE, PUT, OPTIONS, HEAD"),
)
"""Source: classic Swarm, api/server.go."""
_LEFTOVER_LIMIT_S = 10.0
"""How long the rest of a body that nobody wants is read: many clients send all of it before they
look at the answer."""
_OK = b"HTTP/1.1 200 OK"
_UNKNOWN = Route("", "", How.REFUSED, "", status=404, refusal="page not found")


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
    cors: bool = False
    """Web pages of other origins may call the API (``--api-enable-cors``)."""


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
        self._socket = ClientSocket(loop)
        self._buffer = b""
        self._searched = 0
        """So much of the buffer was searched for a head's end."""
        self._lane: AsgiLane | None = None
        self._closing = False
        """After the answer that is on the way."""
        # Per request
        self._busy: ClientRequest | AsgiRequest | None = None
        self._answer_done = False
        self._task: asyncio.Task[None] | None = None
        self._side: Side | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._socket.opened(transport)
        self._server_state.connections.add(self)  # type: ignore[arg-type]
        self._socket.arm(IDLE_LIMIT_S)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._side is not None:
            self._side.data_received(data)
            return
        if self._socket.is_lingering:
            return
        if not self._buffer and self._busy is None:
            self._socket.arm(HEAD_TIMEOUT_S)
        self._buffer = self._buffer + data if self._buffer else data
        self._advance()

    def eof_received(self) -> bool:
        """The client has ended its half: what it has asked for by now is still answered.

        ``printf 'GET /info …' | nc -N``. Whether an answer without end goes on is for who gives it
        to say (`ClientRequest.end_input`, `AsgiRequest.end_input`).
        """
        self._socket.ended()
        if self._side is not None:
            self._side.eof_received()
        elif self._socket.is_lingering:
            return False
        else:
            self._advance()
        return True

    def pause_writing(self) -> None:
        """The client's socket is full."""
        self._socket.is_clogged = True
        if self._side is not None:
            self._side.pause_writing()
        elif isinstance(self._busy, ClientRequest):
            self._busy.pause_source()
        elif self._lane is not None:
            self._lane.pause_writing()

    def resume_writing(self) -> None:
        """The client's socket has room again."""
        self._socket.is_clogged = False
        if self._side is not None:
            self._side.resume_writing()
            return
        if isinstance(self._busy, ClientRequest):
            self._busy.resume_source()
        if self._lane is not None:
            self._lane.resume_writing()
        self._advance_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: whoever works for it stops."""
        self._socket.lost()
        self._server_state.connections.discard(self)
        if self._side is not None:
            self._side.connection_lost()
        if self._task is not None:
            self._task.cancel()
        if self._lane is not None:
            self._lane.connection_lost(exc)
        self._busy = self._task = self._lane = self._side = None
        self._buffer = b""

    def shutdown(self) -> None:
        """The server is stopping (called by uvicorn): idle connections close, others finish.

        What has not ended by the end of the grace time is cut: an event loop with open sockets is
        not closed in peace.
        """
        self._closing = True
        if self._busy is None and self._side is None:
            self.close()
        self._loop.call_later(self._config.timeout_graceful_shutdown or 0, self.abort)

    # What a request's answerer calls

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        self._socket.write(data)

    @property
    def is_clogged(self) -> bool:
        """Whether the client takes no more now."""
        return self._socket.is_clogged

    @property
    def client(self) -> str:
        """The client's address: an IP, or "local" on a unix socket."""
        return self._socket.client

    def hold_reading(self, why: Why, *, hold: bool) -> None:
        """Stop reading from the client until nobody has a reason to any more."""
        self._socket.hold_reading(why, hold=hold)

    def finish(self, request: Answered, *, keep: bool) -> None:
        """The answer to *request* is complete."""
        if request is not self._busy:
            return
        self._answer_done = True
        self._closing = self._closing or not (keep and request.keeps_alive)
        if not request.body_done:
            self._socket.arm(_LEFTOVER_LIMIT_S)
            if isinstance(request, ClientRequest):
                request.drop_body()
        self._advance_soon()

    def take_over(self, side: Side) -> bytes:
        """Give the connection to *side* for good; returns what the client has already sent."""
        self._side = side
        early, self._buffer = self._buffer, b""
        self.hold_reading("backlog", hold=False)
        if self._socket.has_ended:
            self._loop.call_soon(side.eof_received)
        return early

    def break_off(self, status: int, message: str) -> None:
        """Answer with an error and close: what follows can't be told from a request."""
        if self._task is not None:
            self._task.cancel()
        if self._busy is not None and self._busy.answered:
            self.abort()
            return
        start, body = json_answer(status, message)
        lines = [
            *self.standard_headers(),
            (b"Content-Type", b"application/json"),
            (b"Content-Length", str(len(body)).encode("ascii")),
            (b"Connection", b"close"),
        ]
        self.write(write_head(start, lines) + body)
        self._buffer = b""
        self._socket.linger()

    def abort(self) -> None:
        """Cut the connection: the client must not take a broken answer for a whole one."""
        self._socket.abort(reset=self._side is None)

    def close(self) -> None:
        """Close after what is buffered has been sent."""
        self._socket.close()

    def standard_headers(self) -> list[Header]:
        """Date, and what the cluster says of itself."""
        own = self._services.headers()
        return [*self._server_state.default_headers, *own, *self.added_headers]

    @property
    def added_headers(self) -> tuple[Header, ...]:
        """What is added to every answer, an engine's too."""
        return CORS_HEADERS if self._services.cors else ()

    # Inside

    def _advance_soon(self) -> None:
        # Not at once: the caller is still inside its own callback.
        self._loop.call_soon(self._advance)

    def _advance(self) -> None:
        while self._socket.is_open:
            if self._side is not None or self._socket.is_lingering:
                return
            if self._busy is None and (self.is_clogged or not self._begin()):
                break
            if not self._feed_body() or not self._answer_done:
                break
            self._next()
        if self._socket.has_ended and not self._socket.is_lingering:
            self._hear_the_end()
        waits = self._busy is not None or self.is_clogged
        self.hold_reading("backlog", hold=waits and len(self._buffer) > BODY_LIMIT)

    def _hear_the_end(self) -> None:
        """Nothing more comes from the client: what is there is all there is."""
        request = self._busy
        if request is None:
            if not self.is_clogged:
                self.close()
        elif request.body_done:
            request.end_input()
        else:
            if not request.answered:
                self.break_off(400, "unexpected EOF")
            self.close()

    def _feed_body(self) -> bool:
        """Pass body bytes on; whether the body is complete."""
        request = self._busy
        if request is None:
            return False
        if self._buffer and not request.body_done:
            try:
                taken = request.feed(self._buffer)
            except BadMessageError as exc:
                self.break_off(exc.status, str(exc))
                return False
            self._buffer = self._buffer[taken:]
        return request.body_done

    def _next(self) -> None:
        self._busy, self._task, self._answer_done = None, None, False
        self.hold_reading("engine", hold=False)
        if self._closing:
            self.close()
        else:
            self._socket.arm(HEAD_TIMEOUT_S if self._buffer else IDLE_LIMIT_S)

    def _begin(self) -> bool:
        """Start on the next request, if its head is here."""
        buffer = self._buffer.lstrip(b"\r\n")  # old clients add a line end behind a body
        end = find_head_end(buffer, self._searched if len(buffer) == len(self._buffer) else 0)
        self._buffer, self._searched = buffer, len(buffer)
        if end < 0 or end > HEAD_LIMIT:
            if len(buffer) > HEAD_LIMIT:
                self.break_off(431, "request header fields too large")
            return False
        block, self._buffer, self._searched = buffer[:end], buffer[end:], 0
        self._socket.disarm()
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
        typed, path = split_path(head.path.decode("ascii"))
        path = path.rstrip("/") or "/"  # the first spelling of /networks had one more
        version = parse_version(typed) if typed else newest
        # Of any path at all, as engines answer it: a browser asks before it asks.
        is_preflight = head.method == "OPTIONS"
        found = self._services.table.find(head.method, path)
        route, params = found if found is not None else (_UNKNOWN, {})
        complaint = ""
        if found is not None or is_preflight:
            complaint = complaint_about(typed, least, newest)
        if not (complaint or route.is_relayed or route.how is How.REFUSED):
            self._to_asgi(head, path, version, body)
            return
        request = ClientRequest(self, head, route, params, version, body)
        self._busy = request
        if complaint:
            request.refuse(400, complaint)
        elif is_preflight:
            request.answer(_OK, [], b"")
        elif route.how is How.REFUSED:
            request.refuse(route.status, route.refusal)
        else:
            self._task = self._loop.create_task(self._services.relay(request), name=route.path)
            self._server_state.tasks.add(self._task)
            self._task.add_done_callback(self._server_state.tasks.discard)

    def _to_asgi(
        self, head: RequestHead, path: str, version: ApiVersion, body: BodyScanner
    ) -> None:
        if self._lane is None:
            self._lane = AsgiLane(self, self._config, self._server_state, self._loop)
            self._lane.connection_made(cast("asyncio.Transport", self._socket))
        request = AsgiRequest(self._lane, head, path, version, body)
        self._busy = request
        self._lane.begin(request)


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
