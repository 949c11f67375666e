"""The engine's time, by which it stamps events and containers; its host's clock may be off."""

import time

from agent.rules.container import nanoseconds


class EngineClock:
    """Goes on from what the engine said last."""

    def __init__(self) -> None:
        self._ahead_ns: int | None = None

    def set(self, system_time: str) -> None:
        """Take over what ``GET /info`` says of the time; nothing if it says none."""
        told_ns = nanoseconds(system_time)
        self._ahead_ns = told_ns - time.monotonic_ns() if told_ns > 0 else None

    def now_ns(self) -> int:
        """Return nanoseconds since 1970, 0 if the engine has not told its time."""
        return 0 if self._ahead_ns is None else time.monotonic_ns() + self._ahead_ns
