"""Natural order of names: node-2 before node-10."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"([0-9]+)")

NaturalKey = tuple[tuple[str | tuple[int, str], ...], str]


def natural_key(name: str) -> NaturalKey:
    """Return a key that sorts numbers inside names by value, and equal values by spelling.

    Numbers are compared as (length, digits) without leading zeros: a name of
    a million digits is as cheap as any other, which ``int`` would refuse.
    """
    # Texts stand at even places and numbers at odd ones, so like is compared with like.
    parts = _DIGITS.split(name)
    natural: list[str | tuple[int, str]] = []
    for index, part in enumerate(parts):
        if index % 2:
            digits = part.lstrip("0")
            natural.append((len(digits), digits))
        else:
            natural.append(part.lower())
    return tuple(natural), name
