"""One request as the fast lane sees it: a body to take, an answer to give.

The front owns the connection; this is what it lends to whoever answers the request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import orjson

from common.http1 import BodyScanner, Header, RequestHead, ResponseHead, write_head
from master.proxy.connection import ClientConnection, Side

if TYPE_CHECKING:
    from master.cluster.model import ApiVersion
    from master.route_table import Route

_REASONS = {
    200: b"OK",
    400: b"Bad Request",
    404: b"Not Found",
    409: b"Conflict",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    503: b"Service Unavailable",
    505: b"HTTP Version Not Supported",
}

BODY_LIMIT = 256 * 1024
"""Bytes of a request's body that wait while no engine takes them yet."""


class Sink(Protocol):
    """Takes a request's body, raw."""

    def write(self, data: bytes) -> None:
        """Bytes as they came, chunk framing included."""

    def write_eof(self) -> None:
        """The client has ended its half of the connection."""


class Source(Protocol):
    """Where an answer's bytes come from."""

    def pause_reading(self) -> None:
        """The client does not take more now."""

    def resume_reading(self) -> None:
        """The client takes more."""


def json_answer(status: int, message: str) -> tuple[bytes, bytes]:
    """Docker's error form: the start line, and the body."""
    start = b"HTTP/1.1 %d %s" % (status, _REASONS.get(status, b"Error"))
    return start, orjson.dumps({"message": message}) + b"\n"


class ClientRequest:
    """A request that the fast lane answers."""

    def __init__(
        self,
        front: ClientConnection,
        head: RequestHead,
        route: Route,
        params: Mapping[str, str],
        version: ApiVersion,
        body: BodyScanner,
    ) -> None:
        self.head = head
        self.route = route
        self.params = params
        """The path's parameters, still percent-encoded."""
        self.version = version
        """The API version that the client speaks."""
        self.translate_head: Callable[[list[Header]], list[Header]] = list
        """Makes an answer's headers those of the client's API version."""
        self.answered = False
        """Whether the answer's head is sent: from here on an error can only cut it short."""
        self.has_ended_sink = False
        """Whether its taker was told that the client's input has ended: it takes no more."""
        self._front = front
        self._body = body
        self._sink: Sink | None = None
        self._held: list[bytes] = []
        self._held_size = 0
        self._paused_by_sink = False
        self._has_body = not body.done
        self._input_ended = False
        self._source: Source | None = None

    @property
    def may_repeat(self) -> bool:
        """Whether it can be asked twice: it changes nothing, and has no body that is gone now."""
        return self.head.method in ("GET", "HEAD") and not self._has_body

    @property
    def keeps_alive(self) -> bool:
        """Whether another request can follow the answer on this connection.

        A client that waited for ``100 Continue`` in vain may leave its body out, or not: what
        comes next can't be told from a request.
        """
        return self.head.keeps_alive and (self.body_done or not self.head.expects_continue)

    @property
    def client(self) -> str:
        """The client's address: an IP, or "local" on a unix socket."""
        return self._front.client

    # Towards the engine

    def pipe_body(self, sink: Sink) -> None:
        """Give the body's bytes to *sink*, those that have arrived and those to come."""
        self._sink = sink
        held, self._held = self._held, []
        self._held_size = 0
        for data in held:
            sink.write(data)
        if self._input_ended:
            self._pass_end()
        self._balance()

    def pause_body(self) -> None:
        """The engine does not take more now."""
        self._paused_by_sink = True
        self._balance()

    def resume_body(self) -> None:
        """The engine takes more."""
        self._paused_by_sink = False
        self._balance()

    def drop_body(self) -> None:
        """What still comes is of no use: it is read and forgotten."""
        self._sink = _Nowhere()
        self._held.clear()
        self._held_size = 0
        self._paused_by_sink = False
        self._balance()

    def end_input(self) -> None:
        """The client has ended its half; the whole request is here. Called by the front."""
        if not self._input_ended:
            self._input_ended = True
            self._pass_end()

    def _pass_end(self) -> None:
        if self.route.ends_with_input and self._sink is not None:
            self.has_ended_sink = True
            self._sink.write_eof()

    @property
    def body_done(self) -> bool:
        """Whether the whole body has arrived."""
        return self._body.done

    def feed(self, data: bytes) -> int:
        """Take what belongs to the body; called by the front."""
        taken = self._body.feed(data)
        if taken:
            piece = data if taken == len(data) else data[:taken]
            if self._sink is not None:
                self._sink.write(piece)
            else:
                self._held.append(piece)
                self._held_size += taken
        self._balance()
        return taken

    def _balance(self) -> None:
        full = self._paused_by_sink or (self._sink is None and self._held_size > BODY_LIMIT)
        self._front.hold_reading("engine", hold=full)

    # Towards the client

    def answer_from(self, source: Source | None) -> None:
        """Whom to tell to wait while the client takes no more; None: nobody any more."""
        self._source = source
        if self._front.is_clogged:
            self.pause_source()

    def pause_source(self) -> None:
        """The client takes no more now."""
        if self._source is not None:
            self._source.pause_reading()

    def resume_source(self) -> None:
        """The client takes more."""
        if self._source is not None:
            self._source.resume_reading()

    @property
    def added_headers(self) -> tuple[Header, ...]:
        """What is added to an engine's answer."""
        return self._front.added_headers

    def send_head(self, head: ResponseHead, lines: list[Header]) -> None:
        """The answer's head (or an interim one)."""
        if head.status >= 200:  # noqa: PLR2004
            self.answered = True
        version = b"HTTP/1.1 %d %s" % (head.status, head.reason)
        self._front.write(write_head(version, self.translate_head(lines)))

    def send(self, data: bytes) -> None:
        """Bytes of the answer's body, framed."""
        self._front.write(data)

    def finish(self, *, keep: bool) -> None:
        """The answer is complete; *keep* the connection for the next request if that can be."""
        self._front.finish(self, keep=keep)

    def refuse(self, status: int, message: str) -> None:
        """Answer with an error, or, when the head is out, cut the answer short."""
        self.drop_body()
        if self.answered:
            self._front.abort()
            return
        start, body = json_answer(status, message)
        self.answer(start, [(b"Content-Type", b"application/json")], body)

    def answer(self, start: bytes, lines: list[Header], body: bytes) -> None:
        """A whole answer."""
        self.answered = True
        lines = [
            *self._front.standard_headers(),
            *lines,
            (b"Content-Length", str(len(body)).encode("ascii")),
        ]
        if not self.keeps_alive:
            lines.append((b"Connection", b"close"))
        self._front.write(write_head(start, lines) + (b"" if self.head.method == "HEAD" else body))
        self.finish(keep=True)

    def take_over(self, side: Side) -> bytes:
        """Give the client's connection to *side* for good.

        Returns:
            What the client has already sent behind the request.
        """
        self.answered = True
        return self._front.take_over(side)

    def end_client(self) -> None:
        """After a take-over: send what is buffered, then close."""
        self._front.close()


class _Nowhere:
    def write(self, data: bytes) -> None:
        """Forget it."""

    def write_eof(self) -> None:
        """Forget that, too."""
