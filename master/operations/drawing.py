"""Numbers for the published ports that a create leaves open (``--publish``)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson

from engine.errors import EngineError
from engine.paths import in_path
from master.cluster.placing.drawn_ports import PortDesk, publishes_all
from master.errors import ManagerError
from master.supervisor.fleet import Fleet

_INSPECT_TIMEOUT_S = 3.0


class PortDrawer:
    """Draws host ports in place of the engine that the container lands on."""

    def __init__(self, fleet: Fleet, desk: PortDesk | None) -> None:
        """*desk* None: engines draw."""
        self._fleet = fleet
        self._desk = desk

    @asynccontextmanager
    async def drawn(self, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Return *body* with a number for each open TCP port; nobody else gets it in the block.

        Raises:
            PlacementError: no number is left.
        """
        if self._desk is None:
            yield body
            return
        exposed = await self._exposed(str(body.get("Image") or "")) if publishes_all(body) else ()
        with self._desk.drawn(body, exposed) as numbered:
            yield numbered

    async def _exposed(self, image: str) -> Collection[str]:
        """The ports of *image*; none if no engine has it: then the create is refused anyway."""
        try:
            client = self._fleet.client(await self._fleet.find_image(image))
            answer = await client.request(
                "GET", f"/images/{in_path(image)}/json", timeout_s=_INSPECT_TIMEOUT_S
            )
            config = orjson.loads(answer.content).get("Config")
        except (EngineError, ManagerError, orjson.JSONDecodeError):
            return ()
        ports = config.get("ExposedPorts") if isinstance(config, Mapping) else None
        return ports.keys() if isinstance(ports, Mapping) else ()
