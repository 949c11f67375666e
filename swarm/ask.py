"""One question over http to a part on this machine, with the standard library only."""

import http.client
import socket
from urllib.parse import SplitResult, urlsplit

from typing_extensions import override

_MOST_READ = 4096


def ask(text: str, timeout_s: float) -> tuple[int, str]:
    """Return the status and the body of what answers at *text*.

    Proxies of the environment are left aside: what is asked is on this machine.

    Raises:
        ValueError: *text* is no address.
        OSError: nobody answers, or not in http.
    """
    connection, path = _connection(text, timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(_MOST_READ).decode(errors="replace").strip()
    except http.client.HTTPException as exc:
        raise OSError(f"{type(exc).__name__} {exc}".strip()) from exc
    finally:
        connection.close()


def _connection(text: str, timeout_s: float) -> tuple[http.client.HTTPConnection, str]:
    """Return a connection to dial, and the path to ask for."""
    url = urlsplit(text)
    if url.scheme == "unix" and not url.netloc and url.path:
        return _UnixConnection(url.path, timeout_s), "/_ping"
    if url.scheme == "http" and url.hostname:
        return _tcp(url, timeout_s), url.path or "/"
    raise ValueError("expected http://HOST:PORT/PATH or unix:///PATH")


def _tcp(url: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(url.hostname or "", url.port, timeout=timeout_s)


class _UnixConnection(http.client.HTTPConnection):
    """To a manager's unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    @override
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
