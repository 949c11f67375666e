"""A hijacked stream: a client's connection and an engine's, copied into each other.

Half-close passes through (``echo hi | docker run -i``: the client's end of input must not end the
output), so does back-pressure. The engine's end of output ends both.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

from common.http1 import ResponseHead
from engine.connection import EngineConnection
from master.proxy.request import ClientRequest

_LOOK_INTERVAL_S = 2.0
"""How often a client that has closed its half is looked at: the event loop does not report the
death of a socket that it no longer reads."""


class Splice:
    """The client's side of a hijack (`request.Side`); the engine's bytes come from its owner."""

    def __init__(
        self,
        request: ClientRequest,
        connection: EngineConnection,
        on_client_gone: Callable[[], None],
    ) -> None:
        self._request = request
        self._connection = connection
        self._on_client_gone = on_client_gone
        self._watch: asyncio.TimerHandle | None = None
        self._finished = False

    # The client says

    def data_received(self, data: bytes) -> None:
        """Input for the container."""
        self._connection.write(data)

    def eof_received(self) -> None:
        """The end of the input; output still comes."""
        self._connection.write_eof()
        self._look()

    def pause_writing(self) -> None:
        """The client reads slower than the container prints."""
        self._connection.pause_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._connection.resume_reading()

    def connection_lost(self) -> None:
        """The client is gone; so is its interest in the engine's stream."""
        self.finish()
        self._on_client_gone()

    # The engine says

    def finish(self) -> None:
        """The stream has ended, on whichever side."""
        self._finished = True
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _look(self) -> None:
        if self._finished:
            return
        sock = self._request.client_socket()
        if _is_dead(sock):
            self._on_client_gone()
            return
        self._watch = asyncio.get_running_loop().call_later(_LOOK_INTERVAL_S, self._look)


def _is_dead(sock: object) -> bool:
    """Whether the kernel knows that nobody is at the other end any more."""
    if not hasattr(sock, "fileno") or sock.fileno() < 0:
        return True
    poller = select.poll()
    poller.register(sock.fileno(), 0)
    return bool(poller.poll(0))


def is_hijack(head: ResponseHead) -> bool:
    """Whether the engine has switched to a raw stream: 101, or the old way without Upgrade."""
    if head.status == 101:  # noqa: PLR2004
        return True
    kind = head.headers.get(b"content-type")
    return head.status == 200 and kind.startswith(b"application/vnd.docker.")  # noqa: PLR2004
