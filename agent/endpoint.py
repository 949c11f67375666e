"""``--metrics HOST:PORT``: the pages of figures and of health over HTTP, and nothing else."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus

from common import health
from common.metrics import CONTENT_TYPE

_log = logging.getLogger(__name__)

_HEAD_LIMIT = 8192
_TIMEOUT_S = 10.0
_METHODS = (b"GET", b"HEAD")


class MetricsEndpoint:
    """Answers ``GET /metrics`` and ``/health``, each time over a connection of its own."""

    def __init__(
        self,
        host: str,
        port: int,
        page: Callable[[], str],
        troubles: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """Listen on nothing yet.

        Args:
            host: empty means every interface.
            port: 0 lets the kernel choose.
            page: returns the text of the figures.
            troubles: returns what keeps the agent from its job.
        """
        self._host = host
        self._port = port
        self._page = page
        self._troubles = troubles
        self.port = port
        """The one it listens on, once it does."""

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            OSError: the address cannot be listened on.
        """
        server = await asyncio.start_server(
            self._serve, self._host or None, self._port, limit=_HEAD_LIMIT
        )
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            _log.info("Figures at http://%s:%d/metrics", self._host or "0.0.0.0", self.port)
            await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            _log.debug("somebody asked for figures and did not finish")
        finally:
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        status, kind, body = HTTPStatus.NOT_FOUND, CONTENT_TYPE, b""
        if method not in _METHODS:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        elif path == b"/metrics":
            status, body = HTTPStatus.OK, self._page().encode()
        elif path == health.PATH.encode():
            kind = health.CONTENT_TYPE
            status, body = health.page(self._troubles())
        lines = (
            f"HTTP/1.1 {status.value} {status.phrase}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            "Connection: close",
        )
        answer = "\r\n".join((*lines, "", "")).encode()
        return answer if method == b"HEAD" else answer + body
