"""Waits for changes to settle: pure, with the time passed in.

Source: the quiescence timers of consul-template's ``wait { min max }``.
"""

import math


class Debounce:
    """Due *min_s* after the last change, but *max_s* after the first one at the latest."""

    def __init__(self, min_s: float, max_s: float, urgent_s: float | None = None) -> None:
        """*urgent_s*: how long an urgent change waits at most; None: as long as any other."""
        self._min_s = min_s
        self._max_s = max_s
        self._urgent_s = max_s if urgent_s is None else urgent_s
        self._first: float | None = None
        self._last = 0.0
        self._latest = math.inf
        """When it is due, whatever comes."""

    def changed(self, now: float, *, is_urgent: bool = False) -> None:
        """Note a change at *now* (monotonic seconds)."""
        if self._first is None:
            self._first = now
            self._latest = now + self._max_s
        if is_urgent:
            self._latest = min(self._latest, now + self._urgent_s)
        self._last = now

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until something is due, 0 when it is, None without a change."""
        if self._first is None:
            return None
        return max(0.0, min(self._last + self._min_s, self._latest) - now)

    def settle(self) -> None:
        """Note that all changes so far are being dealt with."""
        self._first = None
