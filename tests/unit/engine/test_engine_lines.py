"""Lines out of pieces that end anywhere: `engine.lines`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import lines
from engine.errors import EngineUnreachableError
from engine.lines import lines_of


async def pieces_of(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def read(*pieces: bytes) -> list[bytes]:
    return [line async for line in lines_of(pieces_of(pieces), "10.0.0.1:2375")]


@given(st.lists(st.binary(max_size=8) | st.sampled_from([b"\n", b"a\nb", b"\r\n"]), max_size=8))
async def test_pieces_may_end_anywhere(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    *whole, last = text.split(b"\n")
    expected = [line + b"\n" for line in whole if line.strip()]
    expected += [last + b"\r\n"] if last.strip() else []
    assert await read(*pieces) == expected


async def test_lines_keep_their_ends_and_the_last_one_gets_one() -> None:
    assert await read(b'{"a":1}\r\n\r\n{"b"', b":2}\n", b'{"c":3}') == [
        b'{"a":1}\r\n',
        b'{"b":2}\n',
        b'{"c":3}\r\n',
    ]


async def test_only_a_line_feed_ends_a_line() -> None:
    assert await read(b"a\x0bb\x0cc\x1cd\xc2\x85e\rf\n") == [b"a\x0bb\x0cc\x1cd\xc2\x85e\rf\n"]


async def test_a_line_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_LINE_LIMIT", 100)
    with pytest.raises(EngineUnreachableError, match="a line without end"):
        await read(b"x" * 60, b"y" * 60)
    assert len(await read(*[b"x" * 60 + b"\n"] * 5)) == 5


async def test_a_line_that_is_too_long_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_LINE_LIMIT", 100)
    told: list[str] = []
    pieces = [b"a\n" + b"x" * 60, b"y" * 60, b"z" * 200, b"z\nb\nc", b"\n" + b"x" * 101, b"d"]
    found = [line async for line in lines_of(pieces_of(pieces), "e:1", lambda: told.append("long"))]
    assert found == [b"a\n", b"b\n", b"c\n"]
    assert told == ["long"] * 2


async def test_a_long_line_in_small_pieces_costs_no_more_than_its_length() -> None:
    started = time.process_time()
    (line,) = await read(*[b"x" * 64] * 60_000, b"\n")
    assert len(line) == 64 * 60_000 + 1
    assert time.process_time() - started < 2  # joined anew with every piece: many
