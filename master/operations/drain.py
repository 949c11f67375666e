"""``SERVICE_DRAIN``: before a container is stopped, routers let go of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from master.cluster.draining import ends_it
from master.cluster.model import Container
from master.supervisor.fleet import Fleet
from services.marks import DrainMarks


class Drainer:
    """Holds stops back while agents withdraw the container and routers hear of it."""

    def __init__(self, fleet: Fleet, marks: DrainMarks | None) -> None:
        """*marks* is where agents look; None: this cluster has no services."""
        self._fleet = fleet
        self._marks = marks

    @asynccontextmanager
    async def before(
        self, container: Container, method: str, path: str, query: Mapping[str, str]
    ) -> AsyncIterator[None]:
        """Return when the request may be passed on; the mark stays until the block ends."""
        seconds = container.config.drain_s
        if self._marks is None or not seconds:
            yield
            return
        await self._fleet.settled()  # it may have been started a moment ago
        known = self._fleet.state.container(container.engine, container.id)
        if known is None or known.state != "running":
            yield
            return
        if not ends_it(method, path, query, known.config.stop_signal):
            yield
            return
        async with self._marks.drained(container.id, seconds):
            yield

    async def aclose(self) -> None:
        """Close what is open."""
        if self._marks is not None:
            await self._marks.aclose()
