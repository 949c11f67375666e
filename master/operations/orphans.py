"""Containers that were given up before their engine answered: removed when they show up.

A create that an engine didn't answer may still happen there, long after the container was created
somewhere else. Its Swarm ID, which was in the request, is how it is recognised.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

from engine.errors import EngineError
from master.cluster.model import Engine
from master.errors import ManagerError
from master.supervisor.fleet import Fleet

_log = logging.getLogger(__name__)

_LIMIT = 10_000
"""Given-up creates that are remembered; the oldest are forgotten."""


class Orphans:
    """Remembers, recognises and removes them."""

    def __init__(self, fleet: Fleet) -> None:
        """Listens to *fleet* from now on."""
        self._fleet = fleet
        self._given_up: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._removals: set[asyncio.Task[None]] = set()
        fleet.on_create.append(self._created)
        fleet.on_connect.append(self._connected)

    def give_up(self, address: str, swarm_id: str) -> None:
        """The engine at *address* was asked for this container and didn't answer."""
        self._given_up[address, swarm_id] = None
        while len(self._given_up) > _LIMIT:
            self._given_up.popitem(last=False)

    def _connected(self, engine: Engine) -> None:
        for container in self._fleet.state.containers_on(engine.address):
            self._created(engine.address, container.id, container.swarm_id)

    def _created(self, address: str, container_id: str, swarm_id: str) -> None:
        if (address, swarm_id) not in self._given_up:
            return
        del self._given_up[address, swarm_id]
        removal = asyncio.create_task(self._remove(address, container_id, swarm_id))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    async def _remove(self, address: str, container_id: str, swarm_id: str) -> None:
        try:
            client = self._fleet.client(address)
            await client.request("DELETE", f"/containers/{container_id}", {"v": "1", "force": "1"})
        except (EngineError, ManagerError) as exc:
            _log.warning("container %s on %s is left over: %s", container_id, address, exc)
            self.give_up(address, swarm_id)
        else:
            _log.info("removed container %s, which %s created too late", container_id, address)
