"""``docker ps`` and ``docker images``: lists of the whole cluster, as of now."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from engine.errors import EngineError
from master.cluster.containers.listing import ContainerList, ListQuery
from master.cluster.images.listing import ImageList, ImageQuery
from master.cluster.index import ContainerKey
from master.cluster.model import Engine
from master.errors import ManagerError
from master.supervisor.fleet import Fleet

_log = logging.getLogger(__name__)

_SIZE_LIMIT_S = 60.0
"""An engine walks every container's files for this."""


class Lists:
    """Answers lists from the state, after what is known to have changed has been read."""

    def __init__(
        self, fleet: Fleet, *, refresh_on_node_filter: bool, name_refresh_filter: str
    ) -> None:
        """The two flags are classic Swarm's: read engines anew before certain lists."""
        self._fleet = fleet
        self._refresh_on_node_filter = refresh_on_node_filter
        self._name_refresh_filter = name_refresh_filter
        self._containers = ContainerList(fleet.state)
        self._images = ImageList(fleet.state)

    async def containers(self, query: ListQuery) -> bytes:
        """``GET /containers/json``: the body.

        Raises:
            BadRequestError: a filter makes no sense.
            NotFoundError: ``before`` or ``since`` names no container.
        """
        await self._refresh_if_asked(query)
        await self._fleet.settled()
        sizes = await self._sizes() if query.size else None
        return self._containers.render(query, time.time(), sizes)

    async def images(self, query: ImageQuery) -> bytes:
        """``GET /images/json``: the body.

        Raises:
            BadRequestError: a filter makes no sense.
        """
        await self._fleet.settled()
        return self._images.render(query, time.time())

    async def _refresh_if_asked(self, query: ListQuery) -> None:
        if self._refresh_on_node_filter and (nodes := query.values("node")):
            found = {
                engine.address
                for node in nodes
                for engine in self._fleet.state.engines_by_name(node)
            }
            await self._fleet.refresh_all(found)
        wanted = self._name_refresh_filter
        if wanted and wanted in query.values("name"):
            await self._fleet.refresh_all()

    async def _sizes(self) -> Mapping[ContainerKey, Mapping[str, object]]:
        parts = await asyncio.gather(
            *(self._sizes_on(engine) for engine in self._fleet.healthy_engines())
        )
        return {key: sizes for part in parts for key, sizes in part.items()}

    async def _sizes_on(self, engine: Engine) -> dict[ContainerKey, dict[str, object]]:
        try:
            client = self._fleet.client(engine.address)
            async with asyncio.timeout(_SIZE_LIMIT_S):
                rows = await client.list_containers(size=True)
        except (EngineError, ManagerError, TimeoutError) as exc:
            _log.warning("sizes on %s are missing: %s", engine.name, exc)
            return {}
        return {
            (engine.address, str(row.get("Id"))): {
                key: row[key] for key in ("SizeRw", "SizeRootFs") if key in row
            }
            for row in rows
        }
