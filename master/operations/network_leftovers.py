"""Bridges that a lost engine still has, or may yet make: removed when they show up.

A network is gone, or was made elsewhere, while one of its engines did not answer. Its bridge there
must not bring it back to life; the cluster's ID in the bridge's label is how it is recognised.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any

from engine.errors import EngineError
from master.cluster.model import Engine
from master.cluster.networks.index import ClusterNetwork
from master.errors import ManagerError
from master.supervisor.fleet import Fleet

_log = logging.getLogger(__name__)

_LIMIT = 10_000
"""Cluster IDs that are remembered; the oldest are forgotten."""
_LOOK_OUT_S = 60
"""How long a bridge may take to show up after its engine was given up."""


class NetworkLeftovers:
    """Remembers, recognises and removes them."""

    def __init__(self, fleet: Fleet) -> None:
        """Listens to *fleet* from now on."""
        self._fleet = fleet
        self._state = fleet.state
        self._removed: OrderedDict[str, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        fleet.on_connect.append(self._connected)

    def forget(self, engine: Engine, group: ClusterNetwork) -> None:
        """The network is removed, and *engine*, which has a bridge of it, does not answer."""
        copy = group.copy_on(engine.address)
        if copy is not None:
            self._remember(group.id)
            self._state.remove_network(engine.address, copy.id)

    def give_up(self, cluster_id: str) -> None:
        """An engine was asked to make a bridge and did not answer: it may make it after all."""
        self._remember(cluster_id)
        self._start(self._look_out())

    def _remember(self, cluster_id: str) -> None:
        self._removed[cluster_id] = None
        while len(self._removed) > _LIMIT:
            self._removed.popitem(last=False)

    def _connected(self, engine: Engine) -> None:
        for copy in self._state.networks_on(engine.address).values():
            if copy.cluster_id in self._removed:
                self._start(self._remove(engine, copy.id))

    async def _look_out(self) -> None:
        """An engine that hung for a moment goes on where it was, and is not connected anew."""
        for _ in range(_LOOK_OUT_S):
            await asyncio.sleep(1)
            for engine in self._fleet.healthy_engines():
                self._connected(engine)

    async def _remove(self, engine: Engine, network_id: str) -> None:
        try:
            client = self._fleet.client(engine.address)
            await client.request("DELETE", f"/networks/{network_id}")
        except (EngineError, ManagerError) as exc:
            _log.warning("network %s on %s is left over: %s", network_id, engine.name, exc)
        else:
            self._state.remove_network(engine.address, network_id)
        self._fleet.touch_networks(engine.address)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
