"""``SERVICE_DRAIN``: before a container is stopped, routers let go of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from master.cluster.draining import ends_it
from master.cluster.model import Container, ContainerConfig
from master.supervisor.fleet import Fleet
from services.marks import DrainMarks


class Drainer:
    """Holds stops back while agents withdraw the container and routers hear of it."""

    def __init__(self, fleet: Fleet, marks: DrainMarks | None, usual_s: float = 0.0) -> None:
        """Drain what is in *fleet*.

        Args:
            fleet: the cluster's engines.
            marks: where agents look; None: this cluster has no services.
            usual_s: seconds for a container that binds ports and does not say how many.
        """
        self._fleet = fleet
        self._marks = marks
        self._usual_s = usual_s

    @asynccontextmanager
    async def before(
        self, container: Container, method: str, path: str, query: Mapping[str, str]
    ) -> AsyncIterator[None]:
        """Return when the request may be passed on; the mark stays until the block ends."""
        if self._marks is None or not (container.config.drain_s or self._usual_s):
            yield
            return
        await self._fleet.settled()  # it may have been started a moment ago
        known = self._fleet.state.container(container.engine, container.id)
        if known is None or known.state != "running":
            yield
            return
        seconds = self._seconds(known.config)
        if not seconds or not ends_it(method, path, query, known.config.stop_signal):
            yield
            return
        async with self._marks.drained(container.id, seconds):
            yield

    def _seconds(self, config: ContainerConfig) -> float:
        if config.drain_s is not None:
            return config.drain_s
        return self._usual_s if config.ports else 0.0

    async def aclose(self) -> None:
        """Close what is open."""
        if self._marks is not None:
            await self._marks.aclose()
