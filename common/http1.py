"""HTTP/1.1 on the wire, without I/O: message heads, and where a body ends.

The byte lane passes messages on as they came, so it needs little of HTTP: to read a head, to change
a header, and to know which bytes belong to the body. Chunk framing is passed through untouched, or
taken off by the same scanner for those who want the payload.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

HEAD_LIMIT = 1 << 20
"""Bytes of one head. Go's default, which the engines use too."""

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(rb"[\x21-\x7e\x80-\xff]+")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]+")
_CHUNK_DIGITS = 16
"""Go's limit: what is longer overflows 64 bits."""

HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade"})
"""Headers that speak of one connection and not of the message (transfer-encoding is kept: the
chunk framing is passed on as it is)."""

Header = tuple[bytes, bytes]


class BadMessageError(ValueError):
    """The bytes are not HTTP/1.x. *status* is what a server answers."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def find_head_end(buffer: bytes | bytearray, start: int = 0) -> int:
    """The offset behind the head's blank line, or -1; bare line feeds count (old Jenkins plug-ins).

    *start* may name how much was searched before.
    """
    found = _HEAD_END.search(buffer, max(0, start - 3))
    return found.end() if found else -1


class Headers:
    """Header lines in their order; names are compared without case."""

    __slots__ = ("_lowered", "lines")

    def __init__(self, lines: Iterable[Header]) -> None:
        self.lines = list(lines)
        self._lowered = [name.lower() for name, _ in self.lines]

    def get(self, name: bytes, default: bytes = b"") -> bytes:
        """The first value of *name* (lower case), else *default*."""
        try:
            return self.lines[self._lowered.index(name)][1]
        except ValueError:
            return default

    def all(self, name: bytes) -> list[bytes]:
        """Every value of *name* (lower case)."""
        return [line[1] for low, line in zip(self._lowered, self.lines, strict=True) if low == name]

    def tokens(self, name: bytes) -> set[bytes]:
        """The comma-separated tokens of *name*, in lower case."""
        return {
            token.strip().lower() for value in self.all(name) for token in value.split(b",")
        } - {b""}

    def without(self, names: frozenset[bytes]) -> list[Header]:
        """The lines whose name is not among *names*."""
        return [
            line for low, line in zip(self._lowered, self.lines, strict=True) if low not in names
        ]


def _parse_lines(lines: Sequence[bytes]) -> Headers:
    parsed: list[Header] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            raise BadMessageError("malformed HTTP header")
        value = value.strip(b" \t")
        if _BAD_VALUE.search(value):
            raise BadMessageError("invalid header value")
        parsed.append((name, value))
    return Headers(parsed)


def _split(block: bytes) -> list[bytes]:
    """A head's lines without the blank one."""
    lines = [line.removesuffix(b"\r") for line in block.split(b"\n")]
    return [line for line in lines[:-1] if line]


@dataclass(frozen=True)
class RequestHead:
    """One request's head."""

    method: str
    target: bytes
    """As it came: path and query, percent-encoded, ASCII."""
    version: tuple[int, int]
    headers: Headers

    @cached_property
    def path(self) -> bytes:
        """The target before the question mark, still percent-encoded."""
        return self.target.partition(b"?")[0]

    @cached_property
    def query(self) -> bytes:
        """The target behind the question mark, raw."""
        return self.target.partition(b"?")[2]

    @cached_property
    def keeps_alive(self) -> bool:
        """Whether the client may send another request on this connection.

        Of HTTP/1.0 clients one request is taken: most of them read until the connection ends.
        """
        return self.version == (1, 1) and b"close" not in self.headers.tokens(b"connection")

    @cached_property
    def expects_continue(self) -> bool:
        """Whether the client may wait for ``100 Continue`` before it sends its body."""
        return self.headers.get(b"expect").lower() == b"100-continue"


def parse_request(block: bytes) -> RequestHead:
    """Read one request head, its blank line included.

    Raises:
        BadMessageError: it is not an HTTP/1.x request.
    """
    lines = _split(block)
    parts = lines[0].split(b" ") if lines else []
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not _TARGET.fullmatch(parts[1]):  # noqa: PLR2004
        raise BadMessageError("malformed HTTP request")
    if parts[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise BadMessageError("unsupported HTTP version", 505)
    # curl sends what was typed; engines take it, and other programs' heads have to be ASCII.
    target = _NOT_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], parts[1])
    if not target.startswith(b"/"):
        target = _origin_form(target)
    version = (1, 1) if parts[2] == b"HTTP/1.1" else (1, 0)
    return RequestHead(parts[0].decode("ascii"), target, version, _parse_lines(lines[1:]))


def _origin_form(target: bytes) -> bytes:
    """``http://host/path`` (as proxies are asked) or ``*`` (OPTIONS) as a plain path."""
    if target == b"*":
        return b"/*"
    scheme, found, rest = target.partition(b"://")
    if not found or scheme.lower() not in (b"http", b"https"):
        raise BadMessageError("malformed HTTP request target")
    slash = rest.find(b"/")
    return rest[slash:] if slash >= 0 else b"/"


@dataclass(frozen=True)
class ResponseHead:
    """One response's head."""

    status: int
    reason: bytes
    version: tuple[int, int]
    headers: Headers

    @property
    def keeps_alive(self) -> bool:
        """Whether the server will read another request from this connection."""
        return self.version == (1, 1) and b"close" not in self.headers.tokens(b"connection")


def parse_response(block: bytes) -> ResponseHead:
    """Read one response head, its blank line included.

    Raises:
        BadMessageError: it is not an HTTP/1.x response.
    """
    lines = _split(block)
    protocol, _, rest = lines[0].partition(b" ") if lines else (b"", b"", b"")
    code, _, reason = rest.partition(b" ")
    if protocol not in (b"HTTP/1.1", b"HTTP/1.0") or len(code) != 3 or not code.isdigit():  # noqa: PLR2004
        raise BadMessageError("malformed HTTP response")
    version = (1, 1) if protocol == b"HTTP/1.1" else (1, 0)
    return ResponseHead(int(code), reason, version, _parse_lines(lines[1:]))


def write_head(start: bytes, lines: Iterable[Header]) -> bytes:
    """A head's bytes, from its start line and its headers."""
    return b"".join([start, b"\r\n", *(b"%s: %s\r\n" % line for line in lines), b"\r\n"])


class BodyScanner(Protocol):
    """Finds a body's end in the bytes that arrive."""

    done: bool
    """Whether the body is complete."""

    def feed(self, data: bytes, payload: list[bytes] | None = None) -> int:
        """How many bytes of *data* belong to the body; its content is appended to *payload*."""


class LengthScanner:
    """A body of a known length (0 for none)."""

    __slots__ = ("_left", "done")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0

    def feed(self, data: bytes, payload: list[bytes] | None = None) -> int:
        """See `BodyScanner`."""
        taken = min(self._left, len(data))
        if payload is not None and taken:
            payload.append(data[:taken])
        self._left -= taken
        self.done = self._left == 0
        return taken


class CloseScanner:
    """A body that ends with the connection."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False

    def feed(self, data: bytes, payload: list[bytes] | None = None) -> int:
        """See `BodyScanner`."""
        if payload is not None:
            payload.append(data)
        return len(data)


class ChunkedScanner:
    """A chunked body: sizes, data, trailers.

    Raises `BadMessageError` from `feed` when the framing is broken.
    """

    __slots__ = ("_held", "_left", "_state", "done")

    _LINE_LIMIT = 8192
    """Bytes of one size or trailer line; no honest sender comes near it."""

    def __init__(self) -> None:
        self.done = False
        self._state = "size"
        self._left = 0
        self._held = b""

    def feed(self, data: bytes, payload: list[bytes] | None = None) -> int:
        """See `BodyScanner`."""
        position, end = 0, len(data)
        while position < end and not self.done:
            if self._state == "data":
                taken = min(self._left, end - position)
                if payload is not None:
                    payload.append(data[position : position + taken])
                position += taken
                self._left -= taken
                if not self._left:
                    self._state = "gap"
                continue
            newline = data.find(b"\n", position)
            stop = newline + 1 if newline >= 0 else end
            self._held += data[position:stop]
            position = stop
            if len(self._held) > self._LINE_LIMIT:
                raise BadMessageError("chunk line too long")
            if newline >= 0:
                line, self._held = self._held.rstrip(b"\r\n"), b""
                self._line(line)
        return position

    def _line(self, line: bytes) -> None:
        if self._state == "gap":
            if line:
                raise BadMessageError("malformed chunked encoding")
            self._state = "size"
        elif self._state == "trailer":
            self.done = not line
        else:
            size = line.partition(b";")[0].strip()
            if not _CHUNK_SIZE.fullmatch(size):
                raise BadMessageError("invalid byte in chunk length")
            if len(size) > _CHUNK_DIGITS:
                raise BadMessageError("http chunk length too large")
            self._left = int(size, 16)
            self._state = "data" if self._left else "trailer"


def request_body(head: RequestHead) -> BodyScanner:
    """The scanner of a request's body.

    Raises:
        BadMessageError: its length is contradictory or unknown: the next request's start could be
            anywhere, which is how requests are smuggled.
    """
    encodings = head.headers.all(b"transfer-encoding")
    lengths = set(head.headers.all(b"content-length"))
    if not encodings:
        return LengthScanner(_length(lengths))
    if lengths:
        raise BadMessageError("both Content-Length and Transfer-Encoding")
    if head.version == (1, 0):  # engines ignore it there, and would take the body for a request
        raise BadMessageError("Transfer-Encoding in an HTTP/1.0 request")
    if [encoding.lower() for encoding in encodings] != [b"chunked"]:
        raise BadMessageError("unsupported transfer encoding", 501)
    return ChunkedScanner()


def response_body(head: ResponseHead, method: str) -> BodyScanner:
    """The scanner of the body of the response to a *method* request."""
    if method == "HEAD" or head.status < 200 or head.status in (204, 304):  # noqa: PLR2004
        return LengthScanner(0)
    if b"chunked" in head.headers.tokens(b"transfer-encoding"):
        return ChunkedScanner()
    lengths = set(head.headers.all(b"content-length"))
    return LengthScanner(_length(lengths)) if lengths else CloseScanner()


def _length(values: set[bytes]) -> int:
    if not values:
        return 0
    value = next(iter(values))
    if len(values) > 1 or not value.isdigit() or len(value) > 18:  # noqa: PLR2004
        raise BadMessageError("bad Content-Length")
    return int(value)
