"""Short HTTP calls to the lab's own parts, with the standard library only.

The verbs of the lab answer in a few hundredths of a second; importing a full HTTP client would
take longer than most of them.
"""

import http.client
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of one answer."""

    status: int
    body: bytes
    headers: dict[str, str]
    """Names in lower case."""

    def json(self) -> Any:
        """Return the parsed body."""
        return json.loads(self.body)


class _UnixConnection(http.client.HTTPConnection):
    """A connection to a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def call(
    method: str,
    place: str | Path,
    target: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    timeout_s: float = 5.0,
) -> Answer:
    """Send one request and return its answer, whatever the status.

    Args:
        method: HTTP method.
        place: ``host:port``, or the path of a unix socket.
        target: path and query.
        body: request body.
        headers: request headers.
        timeout_s: for the connection and each read.

    Raises:
        OSError: no connection, or no answer in time.
    """
    if isinstance(place, Path):
        connection: http.client.HTTPConnection = _UnixConnection(str(place), timeout_s)
    else:
        connection = http.client.HTTPConnection(place, timeout=timeout_s)
    try:
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, answer.read(), names)
    except http.client.HTTPException as exc:
        raise ConnectionError(f"{place} broke off: {exc!r}") from exc
    finally:
        connection.close()


def wait_for(
    what: str, ready: Callable[[], bool], alive: Callable[[], bool], log: Path, timeout_s: float
) -> None:
    """Wait until *ready* says True; connection errors count as "not yet".

    Raises:
        LabError: it ended, or was not ready in time; carries the last lines of *log*.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if ready():
                return
        except OSError:
            # Nobody listens yet.
            pass
        if not alive():
            raise LabError(f"{what} ended while it started; its log says: {tail(log)}")
        if time.monotonic() > deadline:
            raise LabError(f"{what} was not ready in {timeout_s:.0f} s; its log says: {tail(log)}")
        time.sleep(_POLL_S)


def tail(log: Path, lines: int = 4) -> str:
    """Return the last *lines* of a log file as one line of text."""
    if not log.exists():
        return "(nothing)"
    text = log.read_text(encoding="utf-8", errors="replace")
    return " / ".join(text.strip().splitlines()[-lines:]) or "(nothing)"
