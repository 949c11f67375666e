"""Durations as Go writes them: ``60s``, ``1m30s``, ``250ms``; the spelling of our flags."""

import re
from fractions import Fraction

_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, micro sign
    "μs": 1_000,  # U+03BC, Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3600 * 1_000_000_000,
}
_MAX_NS = 2**63 - 1
"""Go keeps nanoseconds in a signed 64-bit number: about 292 years."""
_MAX_TEXT = 64
"""Longer than any duration a person writes; bounds the work on hostile input."""
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")


def parse_duration(text: str) -> float:
    """Return *text* in seconds; ``0`` needs no unit, a sign may stand in front.

    Raises:
        ValueError: not a duration, in the words of Go's ``time.ParseDuration``.

    Source: the documentation of Go's package time.
    """
    if len(text) > _MAX_TEXT:
        raise ValueError(f'time: invalid duration "{text[:_MAX_TEXT]}…"')
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return 0.0
    if not rest:
        raise ValueError(f'time: invalid duration "{text}"')
    total = Fraction(0)
    while rest:
        amount, rest = _take_part(rest, text)
        total += amount
    nanoseconds = int(total)
    if nanoseconds > _MAX_NS:
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * nanoseconds / 1e9


def format_duration(seconds: float) -> str:
    """Return *seconds* as Go prints a duration: ``1m30s``, ``1h0m0s``, ``250ms``, ``0s``."""
    nanoseconds = round(abs(seconds) * 1e9)
    sign = "-" if seconds < 0 and nanoseconds else ""
    if not nanoseconds:
        return "0s"
    for unit in ("ns", "µs", "ms"):
        if nanoseconds < 1000 * _UNIT_NS[unit]:
            return f"{sign}{_decimal(nanoseconds, _UNIT_NS[unit])}{unit}"
    minutes, nanoseconds = divmod(nanoseconds, _UNIT_NS["m"])
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(nanoseconds, _UNIT_NS['s'])}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    if hours:
        text = f"{hours}h{text}"
    return sign + text


def _take_part(rest: str, whole: str) -> tuple[Fraction, str]:
    """Return the nanoseconds of the first number with unit, and what follows it."""
    match = _PART.match(rest)
    if match is None or not (match[1] or match[2]):
        raise ValueError(f'time: invalid duration "{whole}"')
    unit = match[3]
    if not unit:
        raise ValueError(f'time: missing unit in duration "{whole}"')
    if unit not in _UNIT_NS:
        raise ValueError(f'time: unknown unit "{unit}" in duration "{whole}"')
    digits, decimals = match[1], match[2] or ""
    number = Fraction(int((digits + decimals) or "0"), 10 ** len(decimals))
    return number * _UNIT_NS[unit], rest[match.end() :]


def _decimal(nanoseconds: int, unit_ns: int) -> str:
    """Return *nanoseconds* in *unit_ns* with no zeros at the end: 1.5, 30."""
    whole, part = divmod(nanoseconds, unit_ns)
    if not part:
        return str(whole)
    decimals = f"{part:0{len(str(unit_ns)) - 1}d}".rstrip("0")
    return f"{whole}.{decimals}"
