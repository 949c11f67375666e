"""The loop that keeps one backend equal to the board, for ever and against all failures."""

import asyncio
import contextlib
import logging
import math
import random
import time

from agent.backend import Backend
from agent.board import Board
from agent.figures import Figures
from common.backoff import Backoff
from common.durations import format_duration
from discovery.errors import DiscoveryUnavailableError

_log = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.5, cap_s=10.0)
_REMINDER_EVERY = 30
"""A lasting failure is told of again after so many tries, about five minutes."""
_JITTER = 0.1


class Writer:
    """Writes differences at once, proves life at each beat, compares everything now and then."""

    def __init__(self, backend: Backend, board: Board, figures: Figures, resync_s: float) -> None:
        """*resync_s* is the time between two looks at all that is there; 0: only after failures."""
        self._backend = backend
        self._board = board
        self._figures = figures
        self._resync_s = resync_s
        self._version = 0
        self._is_full = True
        self._resync_at = 0.0
        self._failures = 0
        figures.consul_up[backend.name] = False

    async def run(self) -> None:
        """Work until cancelled."""
        await self._board.newer_than(0)
        while True:
            try:
                await self._reconcile()
                await self._until_beat()
            except DiscoveryUnavailableError as exc:
                await self._fail(exc)

    async def withdraw(self) -> None:
        """Take everything back.

        Raises:
            DiscoveryUnavailableError: Consul did not do it.
        """
        await self._backend.withdraw()

    async def _reconcile(self) -> None:
        """Write what differs; look at all that is there if it is time to."""
        is_full = self._is_full or time.monotonic() >= self._resync_at
        wanted = self._board.wanted
        if wanted is None or not (is_full or self._board.version > self._version):
            return
        version = self._board.version
        written = await self._backend.sync(wanted, is_full=is_full)
        self._version = version
        self._figures.reconciles[self._backend.name] += 1
        self._figures.writes[self._backend.name] += written
        if is_full:
            self._is_full = False
            self._resync_at = time.monotonic() + (self._resync_s or math.inf) * _about_one()
        self._succeeded()

    async def _until_beat(self) -> None:
        """Wait for something to write, at most until the next beat is due; then beat."""
        beat_at = time.monotonic() + self._backend.heartbeat_s * _about_one()
        while (now := time.monotonic()) < beat_at:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(beat_at, self._resync_at) - now):
                    await self._board.newer_than(self._version)
            await self._reconcile()
        if not await self._backend.beat():
            self._is_full = True
        self._succeeded()

    def _succeeded(self) -> None:
        if self._failures:
            _log.info("Consul answers again (%s)", self._backend.name)
        self._failures = 0
        self._figures.consul_up[self._backend.name] = True

    async def _fail(self, exc: DiscoveryUnavailableError) -> None:
        self._figures.consul_up[self._backend.name] = False
        self._is_full = True
        self._failures += 1
        wait_s = _BACKOFF.delay_s(self._failures, random.random)
        if self._failures % _REMINDER_EVERY == 1:
            _log.error("%s; trying again in %s", exc, format_duration(round(wait_s, 1)))
        # Whatever was wrong with a write: what is there already must not end because of it.
        with contextlib.suppress(DiscoveryUnavailableError):
            await self._backend.beat()
        await asyncio.sleep(wait_s)


def _about_one() -> float:
    """Return a factor that keeps a thousand hosts from asking at the same moment."""
    return 1 - _JITTER * random.random()  # noqa: S311 - spreads load, nothing secret
