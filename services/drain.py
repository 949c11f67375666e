"""The mark that says: no new requests for this container, it is about to be stopped; pure.

::

    <prefix>/.drain/<full container id>

Managers write it before they pass a stop on, so that routers have let go of the container before
its process hears of it. Agents withdraw a marked container's entries for as long as the mark is
there, and never touch the mark: its writer takes it back when the engine has answered, and holds
it by a session that deletes it should the writer die in between. What its value says is for people.
"""

import re
from collections.abc import Iterable

from common.durations import parse_duration

SETTING = "SERVICE_DRAIN"
"""Environment variable or label of a container: ``5s``, how long a manager holds a stop back."""
LONGEST_S = 60.0
"""Clients wait for the answer to a stop; most give up not long after a minute."""

FOLDER = ".drain/"
"""Below the prefix: what one blocking query has to cover."""

_MARK = re.compile(rf"{re.escape(FOLDER)}(?P<container>[0-9a-f]{{64}})", re.ASCII)


def seconds_of(text: str) -> float:
    """Return what `SETTING` asks for, at most `LONGEST_S`.

    Raises:
        ValueError: *text* is no duration, or one that lies in the past.
    """
    seconds = parse_duration(text)
    if seconds < 0:
        raise ValueError(f'"{text}" is less than nothing')
    return min(seconds, LONGEST_S)


def key_of(container_id: str) -> str:
    """Return the mark's key, below the prefix.

    Raises:
        ValueError: *container_id* is no full ID (64 hexadecimal digits).
    """
    key = f"{FOLDER}{container_id}"
    if parse(key) is None:
        raise ValueError(f"{container_id[:80]!r} is not a container's full ID")
    return key


def parse(key: str) -> str | None:
    """Return the ID of the container that *key* (below the prefix) marks, None for other keys."""
    match = _MARK.fullmatch(key)
    return match["container"] if match else None


def marked(keys: Iterable[str]) -> frozenset[str]:
    """Return the IDs of the containers that *keys* (below the prefix) mark."""
    return frozenset(found for key in keys if (found := parse(key)) is not None)
