"""HTTP/1.1 without I/O: heads, and where bodies end, however the bytes are cut."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http1 import (
    BadMessageError,
    BodyScanner,
    ChunkedScanner,
    CloseScanner,
    Headers,
    LengthScanner,
    RequestHead,
    ResponseHead,
    find_head_end,
    parse_request,
    parse_response,
    request_body,
    response_body,
    write_head,
)

_TOKENS = st.text("abcXYZ019-_.!", min_size=1, max_size=12).map(str.encode)
_VALUES = st.binary(max_size=20).map(
    lambda raw: bytes(byte for byte in raw if byte not in {*range(32), 127}).strip(b" \t")
)
_LINES = st.lists(st.tuples(_TOKENS, _VALUES), max_size=6)
_CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


@st.composite
def chunked_bodies(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A chunked body as senders may write it, and its content."""
    chunks = draw(_CHUNKS)
    framed = b""
    for chunk in chunks:
        size = b"%x" % len(chunk) if draw(st.booleans()) else b"%04X" % len(chunk)
        extension = draw(st.sampled_from([b"", b";a", b' ; a="b"']))
        end = draw(st.sampled_from([b"\r\n", b"\n"]))
        framed += size + extension + end + chunk + end
    trailers = draw(st.sampled_from([b"", b"X: y\r\n", b"X: y\r\nZ: 1\r\n"]))
    return framed + b"0\r\n" + trailers + b"\r\n", b"".join(chunks)


def pieces(data: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """*data*, cut at each of *cuts* (taken modulo its length)."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    for start, end in itertools.pairwise(places):
        yield data[start:end]


def scan(scanner: BodyScanner, data: Iterable[bytes]) -> tuple[bytes, bytes, bytes]:
    """What a scanner took, what of it was content, and what it left."""
    taken, content, left = b"", [], b""
    for piece in data:
        count = scanner.feed(piece, content)
        assert 0 <= count <= len(piece)
        assert count == len(piece) or scanner.done
        taken += piece[:count]
        left += piece[count:]
    return taken, b"".join(content), left


# Where bodies end


@given(chunked_bodies(), st.binary(max_size=30), st.lists(st.integers(0, 999), max_size=12))
def test_a_chunked_body_ends_at_the_same_byte_however_it_is_cut(
    body: tuple[bytes, bytes], behind: bytes, cuts: list[int]
) -> None:
    framed, content = body
    scanner = ChunkedScanner()
    assert scan(scanner, pieces(framed + behind, cuts)) == (framed, content, behind)
    assert scanner.done


@given(chunked_bodies())
def test_a_chunked_body_is_not_done_before_its_last_byte(body: tuple[bytes, bytes]) -> None:
    scanner = ChunkedScanner()
    for byte in body[0]:
        assert not scanner.done
        assert scanner.feed(bytes([byte])) == 1
    assert scanner.done


@given(st.binary(max_size=60), st.integers(0, 80), st.lists(st.integers(0, 99), max_size=8))
def test_a_body_of_known_length_takes_so_many_bytes(
    data: bytes, length: int, cuts: list[int]
) -> None:
    scanner = LengthScanner(length)
    assert scan(scanner, pieces(data, cuts)) == (data[:length], data[:length], data[length:])
    assert scanner.done == (len(data) >= length)


@given(st.binary(max_size=60), st.lists(st.integers(0, 99), max_size=8))
def test_a_body_that_ends_with_the_connection_takes_all(data: bytes, cuts: list[int]) -> None:
    scanner = CloseScanner()
    assert scan(scanner, pieces(data, cuts)) == (data, data, b"")
    assert not scanner.done


@given(st.binary(max_size=200), st.lists(st.integers(0, 999), max_size=8))
def test_noise_is_judged_alike_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    def outcome(cut: Iterable[bytes]) -> object:
        scanner = ChunkedScanner()
        try:
            return scan(scanner, cut), scanner.done
        except BadMessageError as exc:
            return str(exc)

    assert outcome(pieces(data, cuts)) == outcome([data])


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"0x1\r\n",
        b"+1\r\n",
        b"1_0\r\n",
        b"1 1\r\n",
    ],
)
def test_a_chunk_size_is_hexadecimal_digits(data: bytes) -> None:
    with pytest.raises(BadMessageError, match="invalid byte in chunk length"):
        ChunkedScanner().feed(data)


def test_a_chunk_size_has_64_bits() -> None:
    with pytest.raises(BadMessageError, match="http chunk length too large"):
        ChunkedScanner().feed(b"1" * 17 + b"\n")


def test_a_chunk_that_is_longer_than_it_said_is_malformed() -> None:
    with pytest.raises(BadMessageError, match="malformed chunked encoding"):
        ChunkedScanner().feed(b"1\r\nab\r\n")


@pytest.mark.parametrize("start", [b"1;", b"0\r\nX: "], ids=["extension", "trailer"])
def test_a_line_without_end_in_the_framing_is_refused(start: bytes) -> None:
    scanner = ChunkedScanner()
    scanner.feed(start)
    for _ in range(8):
        scanner.feed(b"a" * 1000)
    with pytest.raises(BadMessageError, match="chunk line too long"):
        scanner.feed(b"a" * 1000)


# Heads


@given(_LINES, st.sampled_from([b"\r\n", b"\n"]))
def test_a_request_head_is_read_as_it_was_written(
    lines: list[tuple[bytes, bytes]], end: bytes
) -> None:
    block = write_head(b"GET /a%20b?c=d HTTP/1.1", lines).replace(b"\r\n", end)
    head = parse_request(block)
    assert (head.method, head.path, head.query) == ("GET", b"/a%20b", b"c=d")
    assert head.headers.lines == lines


@given(_LINES, st.integers(100, 599), _VALUES)
def test_a_response_head_is_read_as_it_was_written(
    lines: list[tuple[bytes, bytes]], status: int, reason: bytes
) -> None:
    head = parse_response(write_head(b"HTTP/1.1 %d %s" % (status, reason), lines))
    assert (head.status, head.reason, head.headers.lines) == (status, reason, lines)


@given(_LINES, st.binary(max_size=30), st.lists(st.integers(0, 999), max_size=12))
def test_the_end_of_a_head_is_found_however_it_is_cut(
    lines: list[tuple[bytes, bytes]], behind: bytes, cuts: list[int]
) -> None:
    block = write_head(b"GET / HTTP/1.1", lines)
    buffer = b""
    for piece in pieces(block + behind, cuts):
        searched = len(buffer)
        buffer += piece
        found = find_head_end(buffer, searched)
        assert found == (len(block) if len(buffer) >= len(block) else -1)
        if found >= 0:
            return


@given(st.binary(max_size=100))
def test_noise_is_a_bad_message_and_nothing_else(data: bytes) -> None:
    for parse in (parse_request, parse_response):
        with contextlib.suppress(BadMessageError):
            parse(data + b"\r\n\r\n")


def test_letters_beyond_ascii_are_percent_encoded_in_a_target() -> None:
    """curl sends them as they were typed, and an engine takes them."""
    head = parse_request("GET /containers/é/json?filters=ü HTTP/1.1\r\n\r\n".encode())
    assert (head.path, head.query) == (b"/containers/%C3%A9/json", b"filters=%C3%BC")


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://docker:2375/info?x=1", b"/info"),
        (b"HTTPS://docker/info", b"/info"),
        (b"http://docker", b"/"),
        (b"*", b"/*"),
        (b"/a?b?c", b"/a"),
    ],
)
def test_a_target_is_a_path_in_the_end(target: bytes, path: bytes) -> None:
    assert parse_request(b"GET " + target + b" HTTP/1.1\r\n\r\n").path == path


@pytest.mark.parametrize(
    ("version", "connection", "keeps"),
    [
        ("1.1", None, True),
        ("1.1", "close", False),
        ("1.1", "Upgrade, Close", False),
        ("1.1", "keep-alive", True),
        ("1.0", None, False),
        ("1.0", "keep-alive", False),
    ],
)
def test_who_keeps_a_connection(version: str, connection: str | None, keeps: bool) -> None:
    lines = [] if connection is None else [(b"Connection", connection.encode())]
    request = write_head(b"GET / HTTP/" + version.encode(), lines)
    response = write_head(b"HTTP/%s 200 OK" % version.encode(), lines)
    assert parse_request(request).keeps_alive is keeps
    assert parse_response(response).keeps_alive is keeps


def request(*lines: tuple[bytes, bytes], version: tuple[int, int] = (1, 1)) -> RequestHead:
    return RequestHead("POST", b"/", version, Headers(lines))


def response(status: int, *lines: tuple[bytes, bytes]) -> ResponseHead:
    return ResponseHead(status, b"", (1, 1), Headers(lines))


CHUNKED = (b"Transfer-Encoding", b"chunked")


def test_the_body_of_a_request() -> None:
    assert request_body(request()).done
    assert request_body(request((b"Content-Length", b"0"))).done
    assert not request_body(request((b"Content-Length", b"7"), (b"content-length", b"7"))).done
    assert isinstance(request_body(request(CHUNKED)), ChunkedScanner)


@pytest.mark.parametrize(
    "head",
    [
        request((b"Content-Length", b"1"), (b"Content-Length", b"2")),
        request((b"Content-Length", b"1, 1")),
        request((b"Content-Length", b"+1")),
        request((b"Content-Length", b"")),
        request((b"Content-Length", "\u0661".encode())),
        request((b"Content-Length", b"9" * 19)),
        request((b"Content-Length", b"1"), CHUNKED),
        request(CHUNKED, CHUNKED),
        request((b"Transfer-Encoding", b"gzip, chunked")),
        request((b"Transfer-Encoding", b"")),
        request(CHUNKED, version=(1, 0)),
    ],
)
def test_a_request_whose_end_is_in_doubt_is_refused(head: RequestHead) -> None:
    with pytest.raises(BadMessageError):
        request_body(head)


@pytest.mark.parametrize(
    ("head", "method", "kind"),
    [
        (response(200, CHUNKED), "GET", ChunkedScanner),
        (response(200, CHUNKED, (b"Content-Length", b"3")), "GET", ChunkedScanner),
        (response(200, (b"Content-Length", b"3")), "GET", LengthScanner),
        (response(200), "GET", CloseScanner),
        (response(200, CHUNKED), "HEAD", LengthScanner),
        (response(204), "DELETE", LengthScanner),
        (response(304, (b"Content-Length", b"3")), "GET", LengthScanner),
        (response(100), "POST", LengthScanner),
    ],
)
def test_the_body_of_a_response(head: ResponseHead, method: str, kind: type) -> None:
    scanner = response_body(head, method)
    assert isinstance(scanner, kind)
    assert scanner.done == (method == "HEAD" or head.status in (100, 204, 304))


def test_headers_are_found_without_case_and_kept_with_it() -> None:
    headers = Headers([(b"A", b"1"), (b"b", b"x, Y,,"), (b"a", b"2"), (b"B", b"z")])
    assert headers.get(b"a") == b"1"
    assert headers.get(b"c", b"none") == b"none"
    assert headers.all(b"a") == [b"1", b"2"]
    assert headers.tokens(b"b") == {b"x", b"y", b"z"}
    assert headers.without(frozenset({b"a"})) == [(b"b", b"x, Y,,"), (b"B", b"z")]
