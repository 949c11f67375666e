"""A hijacked stream: a client's connection and an engine's, copied into each other.

Half-close passes through (``echo hi | docker run -i``: the client's end of input must not end the
output), so does back-pressure. The engine's end of output ends both.
"""

from __future__ import annotations

from common.http1 import ResponseHead
from master.proxy.exchanges import Passed

_NO_INPUT = (b"", b"\n", b"\r\n")
"""What a client may have sent behind its request without meaning the container. Jenkins'
docker-plugin prints its JSON as a line; an engine loses that line's end too."""


class Hijacked(Passed):
    """Splices client and engine once the engine has switched; any other answer is passed on.

    From then on it is the client's `request.Side` as well as the engine's `Exchange`.
    """

    _spliced = False

    # The engine says

    def on_head(self, head: ResponseHead) -> None:
        """Take the client's connection, or pass the refusal on."""
        if not _is_hijack(head):
            super().on_head(head)
            return
        self._status = head.status
        self._on_answer(head.status)
        # As it came, "Connection: Upgrade" included: clients look for it.
        self._request.send_head(head, head.headers.lines)
        self._spliced = True
        early = self._request.take_over(self)
        if early not in _NO_INPUT:
            self._connection.write(early)
        self._connection.go_raw()

    def on_eof(self) -> None:
        """The container has nothing more to print: the stream is over."""
        self._end()

    def on_lost(self, error: Exception) -> None:
        """The engine's side broke."""
        if self._spliced:
            self._end()
        else:
            super().on_lost(error)

    # The client says

    def data_received(self, data: bytes) -> None:
        """Input for the container."""
        self._connection.write(data)

    def eof_received(self) -> None:
        """The end of the input; output still comes."""
        self._on_answer(self._status)
        self._connection.write_eof()

    def pause_writing(self) -> None:
        """The client reads slower than the container prints."""
        self._connection.pause_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._connection.resume_reading()

    def connection_lost(self) -> None:
        """The client is gone; so is its interest in the engine's stream."""
        self._connection.abort()
        self._end()

    def _end(self) -> None:
        if self.done.done():
            return
        self._request.end_client()
        self._on_answer(self._status)
        self._resolve(None)


def _is_hijack(head: ResponseHead) -> bool:
    """Whether the engine has switched to a raw stream: 101, or the old way without Upgrade."""
    if head.status == 101:  # noqa: PLR2004
        return True
    kind = head.headers.get(b"content-type")
    return head.status == 200 and kind.startswith(b"application/vnd.docker.")  # noqa: PLR2004
