"""``/status``, ``/metrics`` and ``/health`` over HTTP, and the client of the first."""

import contextlib
import http.client
import json
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from uvicorn.config import Config
from uvicorn.server import Server

from common import health
from common.metrics import CONTENT_TYPE, render
from router.errors import RouterError
from router.figures import Figures

_TIMEOUT_S = 5.0
_OK = 200
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class StatusApp:
    """An ASGI application with three pages."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        """*figures* brings them up to date and returns them."""
        self._figures = figures

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        status, kind, body = self._answer(scope["method"], scope["path"])
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )

    def _answer(self, method: str, path: str) -> tuple[int, str, bytes]:
        if path not in {"/status", "/metrics", health.PATH}:
            return 404, "text/plain", b"there are /status, /metrics and /health\n"
        if method not in {"GET", "HEAD"}:
            return 405, "text/plain", b"only GET and HEAD\n"
        if path == health.PATH:
            status, body = health.page(self._figures().troubles())
            return status.value, health.CONTENT_TYPE, body
        if path == "/metrics":
            return _OK, CONTENT_TYPE, render(self._figures().metrics()).encode()
        return _OK, "application/json", json.dumps(self._figures().status()).encode() + b"\n"


def listening(address: tuple[str, int]) -> socket.socket:
    """Return a socket that listens on *address*.

    Raises:
        RouterError: the address cannot be had.
    """
    host, port = address
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as exc:
        raise RouterError(f"cannot listen on {host}:{port}: {exc.strerror or exc}") from exc


async def serve(app: StatusApp, listener: socket.socket) -> None:
    """Answer requests on *listener* until cancelled."""
    config = Config(
        app,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
    )
    await _Server(config).serve(sockets=[listener])


def fetch(address: tuple[str, int]) -> dict[str, object]:
    """Return what the router at *address* says under ``/status``.

    Raises:
        RouterError: nobody answers there, or no router.
    """
    host, port = address
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/status")
        answer = connection.getresponse()
        status = json.loads(answer.read()) if answer.status == _OK else None
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise RouterError(f"no router answers at {host}:{port}: {exc}") from exc
    finally:
        connection.close()
    if not isinstance(status, dict) or "applies" not in status:
        raise RouterError(f"what answers at {host}:{port} is no router")
    return status


class _Server(Server):
    """uvicorn's server, which leaves signals to the router."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
