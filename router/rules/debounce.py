"""Waits for changes to settle: pure, with the time passed in.

Source: the quiescence timers of consul-template's ``wait { min max }``.
"""


class Debounce:
    """Due *min_s* after the last change, but *max_s* after the first one at the latest."""

    def __init__(self, min_s: float, max_s: float) -> None:
        self._min_s = min_s
        self._max_s = max_s
        self._first: float | None = None
        self._last = 0.0

    def changed(self, now: float) -> None:
        """Note a change at *now* (monotonic seconds)."""
        if self._first is None:
            self._first = now
        self._last = now

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until something is due, 0 when it is, None without a change."""
        if self._first is None:
            return None
        return max(0.0, min(self._last + self._min_s, self._first + self._max_s) - now)

    def settle(self) -> None:
        """Note that all changes so far are being dealt with."""
        self._first = None
