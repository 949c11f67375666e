"""Bodies that are no clean JSON: read as Go reads them, or refused before they do harm."""

from __future__ import annotations

import json

import orjson
import pytest

from master.api.json_body import readable
from master.errors import BadRequestError


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(b'"caf\xe9"', "caf\ufffd", id="latin-1"),
        pytest.param('"café"'.encode(), "café", id="utf-8"),
        pytest.param(rb'"\udce9"', "\ufffd", id="low-half"),
        pytest.param(rb'"\ud800x"', "\ufffdx", id="high-half"),
        pytest.param(rb'"\ud83d\ude00"', "😀", id="pair"),
        pytest.param(rb'"\ude00\ud83d"', "\ufffd\ufffd", id="turned-round"),
        pytest.param(rb'"\ud83d\ud83d\ude00"', "\ufffd😀", id="half-before-pair"),
        pytest.param(rb'"\\ud800"', r"\ud800", id="escaped-backslash"),
        pytest.param(rb'"\\\ud800"', "\\\ufffd", id="escape-behind-a-backslash"),
    ],
)
def test_what_is_no_unicode_is_replaced_and_nothing_else(body: bytes, text: str) -> None:
    assert orjson.loads(readable(body)) == text


@pytest.mark.parametrize("brackets", [b"[]", b'{"a":}'], ids=["lists", "objects"])
def test_what_could_not_be_written_again_is_refused(brackets: bytes) -> None:
    def nested(depth: int) -> bytes:
        return brackets[:-1] * depth + b"1" + brackets[-1:] * depth

    assert orjson.dumps(orjson.loads(readable(nested(250))))
    with pytest.raises(BadRequestError, match="exceeded max depth"):
        readable(nested(300))


def test_many_brackets_are_not_depth() -> None:
    body = json.dumps([[{}]] * 1000).encode()
    assert readable(body) == body


@pytest.mark.parametrize("body", [b"", b"[" * 1000, b'{"a"' * 500, b"\xff" * 9])
def test_what_is_no_json_is_left_to_its_reader(body: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(readable(body))
