"""What is asked of an engine about its past events, in its own clock."""

from __future__ import annotations

from master.cluster.events.broker import skew_of
from master.cluster.model import Engine
from master.cluster.specs import NOTICEABLE_SKEW_S

_NANO = 1_000_000_000
_UNSEEN_SKEW_NS = int(NOTICEABLE_SKEW_S * _NANO)
"""A clock that is off by less counts as right."""


def past_window(
    engine: Engine, since: int, until: int | None, *, now: int, newest: int
) -> tuple[int, int] | None:
    """Return from when to when *engine* is to be asked, by its clock; None if there is nothing.

    An engine that is asked for a time that it has not reached yet sends what it remembers, and then
    waits for that time. So it is asked up to the last event that was heard of it, whose time it has
    certainly reached: what it tells later is heard live by whoever listens already. Of an engine
    that has told nothing yet, up to a moment ago. Only if nobody will listen, since *until* is
    over, it is asked for all of it.

    Args:
        engine: with how far its clock is off.
        since: nanoseconds since the epoch by this machine's clock.
        until: the same; None for all that has happened.
        now: the same, of this moment.
        newest: the engine's own time of the last event that was heard of it; 0 if none was.
    """
    skew = skew_of(engine)
    start = max(0, since - skew)
    if until is not None and until <= now:
        end = until - skew
    else:
        its_now = now - skew
        # A clock that was set back has told of times that are still to come.
        newest = min(newest, its_now + _UNSEEN_SKEW_NS)
        end = max(newest, its_now - _UNSEEN_SKEW_NS)
    return (start, end) if start <= end else None
