"""The way from the front into FastAPI: uvicorn's own protocol, fed one whole request at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from common.http1 import BodyScanner, RequestHead, write_head
from master.proxy.connection import ClientConnection

if TYPE_CHECKING:
    from uvicorn._types import HTTPScope

    from master.cluster.model import ApiVersion

_NOT_PASSED = frozenset({b"connection", b"upgrade", b"keep-alive", b"content-length"})
"""uvicorn must neither switch protocols nor decide when this connection ends; a length that is said
twice, in agreement, is passed once."""


class _Flow(FlowControl):
    """uvicorn's flow control, except that reading is stopped by the front, which counts reasons."""

    def __init__(self, transport: asyncio.Transport, front: ClientConnection) -> None:
        super().__init__(transport)
        self._front = front

    def pause_reading(self) -> None:
        """The application reads its body more slowly than it comes."""
        self._front.hold_reading("application", hold=True)

    def resume_reading(self) -> None:
        """The application wants more."""
        self._front.hold_reading("application", hold=False)


class AsgiLane(HttpToolsProtocol):
    """uvicorn's protocol, behind the front instead of on the socket.

    The front gives it a normalised head (version prefix taken off, no upgrade) and the body's
    bytes, and is told when the answer is complete. Private hooks of uvicorn are used: the exact
    version is pinned and tests/contract/test_front.py holds the behaviour.
    """

    def __init__(
        self,
        front: ClientConnection,
        config: Config,
        server_state: ServerState,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, server_state, {}, loop)
        self._front = front
        self.current: AsgiRequest | None = None
        self.input_ended: asyncio.Future[None] = loop.create_future()
        """Done when the client has ended its half. ASGI has no word for that: it knows clients that
        are there and clients that are gone."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the transport, but leave its shutdown to the front."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self._front)
        self.connections.discard(self)

    def begin(self, request: AsgiRequest) -> None:
        """Start answering *request*."""
        self.current = request
        self.app_state = request.state
        self.cycle = cast("RequestResponseCycle", None)  # the last one was another request's
        self.data_received(request.normalised_head())

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.default_headers = self._front.standard_headers()
        assert self.current is not None
        self.current.address(cycle.scope)
        if self.current.head.version == (1, 0):
            app = _unchunked(cycle, app, self._front)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """The answer is complete: the connection is the front's again."""
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        request, self.current = self.current, None
        if request is not None:
            self._front.finish(request, keep=self.cycle.keep_alive)

    def send_400_response(self, msg: str) -> None:
        """The head was ours, so the body's framing is wrong."""
        del msg
        self._front.break_off(400, "malformed request body")


class AsgiRequest:
    """A request that FastAPI answers; its body goes to `AsgiLane` as it comes."""

    def __init__(
        self, lane: AsgiLane, head: RequestHead, path: str, version: ApiVersion, body: BodyScanner
    ) -> None:
        self.head = head
        self._lane = lane
        self._path = path
        self._body = body
        self.state = {"api_version": version, "input_ended": lane.input_ended}
        """What FastAPI finds in the request's scope."""

    def address(self, scope: HTTPScope) -> None:
        """Write into *scope* what is asked for.

        httptools reads no target of more than 64 KB, and a filter by a thousand IDs is longer.
        """
        scope["path"] = unquote(self._path)
        scope["raw_path"] = self._path.encode("ascii")
        scope["query_string"] = self.head.query

    def normalised_head(self) -> bytes:
        """The head as uvicorn shall see it, but for its target: see `address`.

        It knows no difference between the versions of HTTP: see `_unchunked`.
        """
        lines = self.head.headers.without(_NOT_PASSED)
        if length := self.head.headers.get(b"content-length"):
            lines.append((b"Content-Length", length))
        if not self.head.keeps_alive:
            lines.append((b"Connection", b"close"))
        start = b"%s / HTTP/1.1" % self.head.method.encode("ascii")
        return write_head(start, lines)

    @property
    def answered(self) -> bool:
        """Whether the answer's head is sent."""
        cycle = cast("RequestResponseCycle | None", self._lane.cycle)
        return cycle is not None and cycle.response_started

    @property
    def keeps_alive(self) -> bool:
        """Whether another request can follow the answer; see `ClientRequest.keeps_alive`."""
        return self.head.keeps_alive and (self.body_done or not self.head.expects_continue)

    @property
    def body_done(self) -> bool:
        """Whether the whole body has arrived."""
        return self._body.done

    def feed(self, data: bytes) -> int:
        """Pass on what belongs to the body."""
        taken = self._body.feed(data)
        if taken:
            self._lane.data_received(data if taken == len(data) else data[:taken])
        return taken

    def end_input(self) -> None:
        """The client has ended its half: whoever minds that is told, all others answer."""
        if not self._lane.input_ended.done():
            self._lane.input_ended.set_result(None)


def _unchunked(cycle: RequestResponseCycle, app: Any, front: ClientConnection) -> Any:
    """*app*, whose answers without a length end with the connection: HTTP/1.0 has no chunks."""

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        has_length = True

        async def sending(message: Any) -> None:
            nonlocal has_length
            if message["type"] == "http.response.start":
                has_length = any(name == b"content-length" for name, _ in message["headers"])
                if not has_length:
                    cycle.chunked_encoding = False
            elif not has_length:
                # uvicorn holds what is sent against what was announced, which was nothing.
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        try:
            await app(scope, receive, sending)
        except BaseException:
            if not has_length:
                front.abort()  # uvicorn would close, which is how such an answer ends well
            raise

    return answering
