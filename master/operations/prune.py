"""``docker … prune``: on every engine, and what they removed as one answer."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from engine.client import EngineClient
from master.cluster import shims
from master.cluster.model import ApiVersion, Engine
from master.cluster.system.usage_merge import Answer, ShownName, merged_prune
from master.operations.bodies import answered_json
from master.operations.disk_usage import volume_names
from master.operations.fanout import ask_all
from master.supervisor.fleet import Fleet


class Pruner:
    """Prunes containers, volumes and build caches.

    No deadline: an engine deletes files for as long as it takes; one that stops answering pings
    ends the call. Filters are the engines' to check; they reach them as they were sent.
    """

    def __init__(self, fleet: Fleet) -> None:
        """*fleet* is whom to ask."""
        self._fleet = fleet

    async def containers(self, query: str, version: ApiVersion) -> bytes:
        """``POST /containers/prune``: the body.

        Raises:
            EngineError: an engine failed, after all were asked.
        """
        try:
            return await self._prune("/containers/prune", query, version)
        finally:
            await self._fleet.refresh_all()

    async def volumes(self, query: str, version: ApiVersion) -> bytes:
        """``POST /volumes/prune``: the body; names as lists showed them before.

        Raises:
            EngineError: an engine failed, after all were asked.
        """
        await self._fleet.settled()
        names = volume_names(self._fleet)
        try:
            return await self._prune("/volumes/prune", query, version, names, shims.volume_prune)
        finally:
            for engine in self._fleet.healthy_engines():
                self._fleet.touch_volumes(engine.address)

    async def build_cache(self, query: str, version: ApiVersion) -> bytes:
        """``POST /build/prune``: the body.

        Raises:
            EngineError: an engine failed, after all were asked.
        """
        return await self._prune("/build/prune", query, version)

    async def _prune(
        self,
        path: str,
        query: str,
        version: ApiVersion,
        names: ShownName | None = None,
        translated: Callable[[str, ApiVersion, ApiVersion], str] = lambda query, *_: query,
    ) -> bytes:
        async def ask(engine: Engine, client: EngineClient) -> Answer:
            spoken = engine.version_for(version)
            asked = translated(query, version, spoken)
            response = await client.request(
                "POST", f"{path}?{asked}", version=spoken, timeout_s=None
            )
            return engine.address, answered_json(engine, response.content)

        found = await ask_all(self._fleet, ask, deadline_s=None)
        found.raise_failure()
        pruned = merged_prune([answer for _, answer in found.answers], names)
        return orjson.dumps(pruned) + b"\n"
