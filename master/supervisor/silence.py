"""Answers that have begun on an engine that is lost: those that stay silent end after a grace.

A hung daemon closes nothing: its kernel goes on answering TCP's probes. Whoever waits for the end
of a pull, a build or a copy would wait for ever.
"""

from __future__ import annotations

import asyncio

from engine.errors import EngineUnreachableError
from engine.pool import EnginePool
from master.cluster import health


class Silence:
    """Listens to what has begun on one engine, while that engine is lost."""

    def __init__(self, pool: EnginePool) -> None:
        self._pool = pool
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, error: EngineUnreachableError) -> None:
        """The engine is lost: what gives no sign for the grace that it has ends with *error*."""
        self.end()
        self._pool.listen()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(health.STREAM_GRACE_S, self._is_over, error)

    def _is_over(self, error: EngineUnreachableError) -> None:
        self._pool.fail_silent(error)
        self.begin(error)  # what still speaks may fall silent yet

    def end(self) -> None:
        """The engine is back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def give_up(self, error: EngineUnreachableError) -> None:
        """The engine leaves the cluster: if it was lost, nobody will see it come back."""
        if self._timer is not None:
            self._pool.fail_silent(error)
            self.end()
