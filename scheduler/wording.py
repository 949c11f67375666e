"""How values are put into messages: capped, on one line, in units that people read."""

from __future__ import annotations

import re

LONGEST_WORD = 120
"""Characters of a user's text that a message repeats; enough for a 64-digit ID and a long image."""

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_LINE_BREAKERS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


def shorten(text: str, limit: int = LONGEST_WORD) -> str:
    """Return *text* fit for one line of a message: capped, no control characters.

    A name of 1 MB must not come back as a message of 1 MB for each node, and
    a line break in a label must not look like the next node's line. Halves
    of surrogate pairs, which JSON can carry and UTF-8 cannot, become "?".
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    head = _LINE_BREAKERS.sub(" ", text[:limit]).encode("utf-8", "replace").decode("utf-8")
    if len(text) <= limit:
        return head
    return f"{head}... ({len(text)} characters)"


def bytes_text(count: int) -> str:
    """Return *count* bytes in binary units with up to four significant digits: "1.5 GiB"."""
    size = float(count)
    for unit in _UNITS[:-1]:
        if size < 1024:  # noqa: PLR2004  (the step between binary units)
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} {_UNITS[-1]}"
