"""A client that shows the bytes: blocking sockets, no HTTP library to smooth things over."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

_TIMEOUT_S = 15.0


def until(condition: Callable[[], bool], what: str, timeout_s: float = 10.0) -> None:
    """Wait for *condition*; fail if it does not come true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.01)


@dataclass
class Answer:
    """One answer, as it came."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    """Content, chunk framing taken off."""
    whole: bool
    """Whether the body ended as its head said it would."""

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key.lower() == name)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        assert self.header("content-type") == "application/json"
        return str(self.json()["message"])


class Tls:
    """TLS with half-close over a blocking socket."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._sock = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        self._read = b""
        self._retry(self._tls.do_handshake)

    def _flush(self) -> None:
        if self._out.pending:
            self._sock.sendall(self._out.read())

    def _retry(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._sock.recv(65536)
                if data:
                    self._in.write(data)
                else:
                    self._in.write_eof()
            else:
                self._flush()
                return result

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view[:65536]) :]
            self._flush()

    def recv(self, size: int) -> bytes:
        if self._read:
            data, self._read = self._read, b""
            return data
        try:
            return bytes(self._retry(lambda: self._tls.read(size)))
        except ssl.SSLZeroReturnError:
            return b""

    def shutdown(self, _how: int) -> None:
        # OpenSSL loses whole records that wait while it says goodbye.
        with contextlib.suppress(ssl.SSLWantReadError):
            while True:
                self._read += self._tls.read(65536)
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._flush()


class Client:
    """One connection."""

    def __init__(
        self,
        address: Any,
        *,
        tls: ssl.SSLContext | None = None,
        receive_buffer: int = 0,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self.sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout_s)
        self.sock.connect(address)
        self._io: Any = self.sock if tls is None else Tls(self.sock, tls, "localhost")
        self._held = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    # Sending

    def send(self, data: bytes) -> None:
        self._io.sendall(data)

    def half_close(self) -> None:
        """Nothing more comes from this side."""
        self._io.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """Vanish with a reset, as a process does that leaves unread bytes."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def flood(self) -> int:
        """Send until nothing more is taken; how many bytes that were."""
        sent, piece = 0, b"x" * 65536
        self.sock.settimeout(0.5)
        try:
            while True:
                sent += self.sock.send(piece)
        except TimeoutError:
            return sent

    def request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *headers: str,
        version: str = "1.1",
    ) -> None:
        """A request with its length."""
        lines = [f"{method} {target} HTTP/{version}", "Host: docker", *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode() + (body or b""))

    def ask(self, method: str, target: str, body: bytes | None = None, *headers: str) -> Answer:
        """A request and its answer."""
        self.request(method, target, body, *headers)
        return self.answer(method)

    # Receiving

    def recv(self, size: int = 65536) -> bytes:
        """What comes next; empty at the end."""
        if self._held:
            data, self._held = self._held[:size], self._held[size:]
            return data
        return bytes(self._io.recv(size))

    def exactly(self, size: int) -> bytes:
        """So many bytes, fewer if the connection ends."""
        pieces = []
        while size and (data := self.recv(min(size, 1 << 20))):
            pieces.append(data)
            size -= len(data)
        return b"".join(pieces)

    def rest(self) -> bytes:
        """Everything until the connection ends."""
        pieces = []
        while data := self.recv():
            pieces.append(data)
        return b"".join(pieces)

    def line(self) -> bytes:
        """Up to a line feed, or the end."""
        while b"\n" not in self._held:
            data = self._io.recv(65536)
            if not data:
                line, self._held = self._held, b""
                return line
            self._held += data
        line, _, self._held = self._held.partition(b"\n")
        return line + b"\n"

    def head(self) -> tuple[int, list[tuple[str, str]]]:
        """The next answer's status and headers."""
        start = self.line()
        assert start.startswith(b"HTTP/1.1 "), start
        headers = []
        while (line := self.line().strip()) != b"":
            key, _, value = line.decode("latin-1").partition(":")
            headers.append((key, value.strip()))
        return int(start.split()[1]), headers

    def answer(self, method: str = "GET") -> Answer:
        """The next answer, read to its end."""
        status, headers = self.head()
        answer = Answer(status, headers, b"", whole=True)
        if method == "HEAD" or status in (204, 304) or status < 200:
            return answer
        if "chunked" in answer.header("transfer-encoding"):
            answer.body, answer.whole = self._chunks()
        elif length := answer.header("content-length"):
            answer.body = self.exactly(int(length))
            answer.whole = len(answer.body) == int(length)
        else:
            answer.body = self.rest()
        return answer

    def _chunks(self) -> tuple[bytes, bool]:
        pieces = []
        try:
            while line := self.line():
                size = int(line, 16)
                pieces.append(self.exactly(size))
                if not self.line().endswith(b"\n"):
                    break
                if not size:
                    return b"".join(pieces), True
        except ConnectionResetError:
            pass
        return b"".join(pieces), False

    @property
    def is_closed(self) -> bool:
        """Whether the other side has ended the connection; waits for that."""
        try:
            return self.recv() == b""
        except ConnectionResetError:
            return True
