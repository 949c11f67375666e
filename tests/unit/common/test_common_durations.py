import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("60s", 60),
        ("1m30s", 90),
        ("250ms", 0.25),
        (".5s", 0.5),
        ("1.5h", 5400),
        ("-1s", -1),
        ("+2s", 2),
        ("1h0m0s", 3600),
        ("3us", 3e-6),
        ("3µs", 3e-6),
        ("100ns", 1e-7),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("60", 'time: missing unit in duration "60"'),
        ("abc", 'time: invalid duration "abc"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("1m 2s", 'time: unknown unit "m " in duration "1m 2s"'),
        (".s", 'time: invalid duration ".s"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
        ("٣s", 'time: invalid duration "٣s"'),
        ("1" * 1000 + "s", 'time: invalid duration "' + "1" * 64 + '…"'),
    ],
)
def test_other_text_is_refused_in_go_s_words(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (60, "1m0s"),
        (90, "1m30s"),
        (5400, "1h30m0s"),
        (0.25, "250ms"),
        (1.5, "1.5s"),
        (1.5e-6, "1.5µs"),
        (-61, "-1m1s"),
    ],
)
def test_durations_are_written_as_go_writes_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_what_was_written_is_read_again(nanoseconds: int) -> None:
    text = format_duration(nanoseconds / 1e9)
    assert parse_duration(text) == pytest.approx(nanoseconds / 1e9, abs=1e-9)


@given(st.text(max_size=80))
def test_any_text_gives_seconds_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(parse_duration(text), float)
