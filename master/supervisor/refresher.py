"""Keeps one engine's containers and images in the state: what is dirty is read anew.

Events and our own writes only mark things dirty; what is true is read from the engine. Marks are
collected for a moment, so that a burst of events costs one call; a reader who must not see the
past asks for a `flush`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from engine.client import EngineClient
from engine.errors import EngineError, EngineStatusError
from master.cluster.model import Container, ContainerConfig
from master.cluster.networks.edits import network_ids_in, with_cluster_ids
from master.cluster.networks.index import network_from_row
from master.cluster.rows import (
    config_from_inspect,
    container_from_row,
    image_from_row,
    volume_from_row,
)
from master.cluster.state import ClusterState

_log = logging.getLogger(__name__)

_DEBOUNCE_S = 0.2
"""How long marks are collected while nobody waits for them."""
_PARALLEL_INSPECTS = 8
_LIST_BY_ID_LIMIT = 40
"""From so many marks on the whole list is cheaper than a filter of IDs."""
_REMEMBER_GONE = 4096
"""Removed IDs that are remembered, so that a list that was on the way can't revive one."""


class Refresher:
    """Marks, and the one task that works them off."""

    def __init__(self, address: str, client: EngineClient, state: ClusterState) -> None:
        self._address = address
        self._client = client
        self._state = state
        self._dirty: set[str] = set()
        self._all_dirty = False
        self._images_dirty = False
        self._images_being_read = False
        self._volumes_dirty = False
        self._networks_dirty = False
        self._gone: OrderedDict[str, None] = OrderedDict()
        self.is_current = False
        """Whether the last reading succeeded."""
        self._wanted = asyncio.Event()
        self._urgent = asyncio.Event()
        self._next: list[asyncio.Future[None]] = []
        self._current: list[asyncio.Future[None]] | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is marked and nothing is being read."""
        return self._current is None and not self._wanted.is_set()

    def mark(self, container_id: str) -> None:
        """This container may have changed."""
        self._dirty.add(container_id)
        self._wanted.set()

    @property
    def images_settled(self) -> bool:
        """Whether what is known of the images is not about to change."""
        return not (self._images_dirty or self._images_being_read)

    def mark_images(self) -> None:
        """The images may have changed."""
        self._images_dirty = True
        self._wanted.set()

    def mark_volumes(self) -> None:
        """The volumes may have changed."""
        self._volumes_dirty = True
        self._wanted.set()

    def mark_networks(self) -> None:
        """The networks may have changed."""
        self._networks_dirty = True
        self._wanted.set()

    def mark_all(self) -> None:
        """Anything may have changed."""
        self._all_dirty = self._images_dirty = self._volumes_dirty = True
        self._networks_dirty = True
        self._wanted.set()

    def drop(self, container_id: str) -> None:
        """This container is gone for good."""
        self._gone[container_id] = None
        while len(self._gone) > _REMEMBER_GONE:
            self._gone.popitem(last=False)
        self._dirty.discard(container_id)
        self._state.remove_container(self._address, container_id)

    async def flush(self) -> None:
        """Wait until all that is marked now has been read (or could not be)."""
        if self.is_settled:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._wanted.is_set():
            self._next.append(done)
            self._urgent.set()
        else:
            assert self._current is not None
            self._current.append(done)
        await done

    async def run(self) -> None:
        """Work marks off until cancelled; errors of the engine are its keeper's to notice."""
        try:
            while True:
                await self._wanted.wait()
                await self._collect()
                self._current, self._next = self._next, []
                self._urgent.clear()
                self.is_current = False
                try:
                    await self._work()
                    self.is_current = True
                except EngineError as exc:
                    # The marks stay: whoever brings the engine back marks everything anyway.
                    _log.debug("refresh of %s failed: %s", self._address, exc)
                finally:
                    self._release()
        finally:
            self._release()

    def _release(self) -> None:
        waiting = [*(self._current or []), *([] if self._current is not None else self._next)]
        self._current = None
        for done in waiting:
            if not done.done():
                done.set_result(None)

    async def _collect(self) -> None:
        try:
            async with asyncio.timeout(_DEBOUNCE_S):
                await self._urgent.wait()
        except TimeoutError:
            return

    async def _work(self) -> None:
        ids, self._dirty = self._dirty, set()
        everything, self._all_dirty = self._all_dirty, False
        images, self._images_dirty = self._images_dirty, False
        volumes, self._volumes_dirty = self._volumes_dirty, False
        networks, self._networks_dirty = self._networks_dirty, False
        self._images_being_read = images or everything
        self._wanted.clear()
        if networks:
            # Before the containers, whose rows name them.
            await self.refresh_networks()
        if everything or len(ids) > _LIST_BY_ID_LIMIT:
            self._state.replace_containers(self._address, await self.load(ids))
        elif ids:
            await self._refresh_some(ids)
        if images or everything:
            await self.refresh_images()
            self._images_being_read = False
        if volumes:
            await self.refresh_volumes()

    async def load(self, changed: set[str] | None = None) -> list[Container]:
        """Read all containers; inspected are the new ones, the *changed*, and the visibly changed.

        Args:
            changed: IDs whose inspect must be read again; None: of all.

        Raises:
            EngineError: the engine does not answer, or refuses its list.
        """
        configs = await self._inspect(changed or ())
        rows = await self._client.list_containers()
        rows = [row for row in rows if row.get("Id") not in self._gone]
        if changed is not None:
            configs = {**self._unchanged(rows), **configs}
        return await self._join(rows, configs)

    async def refresh_images(self) -> None:
        """Read all images."""
        rows = await self._client.list_images()
        images = [image_from_row(self._address, row) for row in rows]
        self._state.replace_images(self._address, images)

    async def refresh_volumes(self) -> None:
        """Read all volumes; an engine that refuses keeps those that were known."""
        try:
            rows = await self._client.list_volumes()
        except EngineStatusError as exc:
            _log.warning("volumes of %s can't be read: %s", self._address, exc)
            return
        self._state.replace_volumes(
            self._address, [volume_from_row(self._address, row) for row in rows]
        )

    async def refresh_networks(self) -> None:
        """Read all networks; an engine that refuses keeps those that were known."""
        try:
            rows = await self._client.list_networks()
        except EngineStatusError as exc:
            _log.warning("networks of %s can't be read: %s", self._address, exc)
            return
        self._state.replace_networks(
            self._address, [network_from_row(self._address, row) for row in rows]
        )

    async def _with_networks(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return *rows* with the cluster's IDs of networks in place of the engine's."""
        if network_ids_in(rows) - self._state.networks_on(self._address).keys():
            await self.refresh_networks()  # one that is younger than our last look
        return [with_cluster_ids(row, self._state.network_ids) for row in rows]

    async def _refresh_some(self, ids: set[str]) -> None:
        configs = await self._inspect(ids)
        rows = await self._client.list_containers(sorted(ids))
        found = {row.get("Id") for row in rows}
        for container in await self._join(rows, configs):
            if container.id not in self._gone:
                self._state.put_container(container)
        for missing in ids - found:
            self._state.remove_container(self._address, missing)

    def _unchanged(self, rows: list[dict[str, Any]]) -> dict[str, ContainerConfig]:
        """What is known of the containers whose rows say the same as before, by ID."""
        known = ((row, self._state.container(self._address, str(row.get("Id")))) for row in rows)
        return {
            container.id: container.config
            for row, container in known
            if container is not None and container.state == row.get("State")
        }

    async def _join(
        self, rows: list[dict[str, Any]], configs: dict[str, ContainerConfig]
    ) -> list[Container]:
        """Put rows and inspects together; an inspect that is missing is read."""
        rows = await self._with_networks(rows)
        ids = [str(row.get("Id")) for row in rows]
        configs = {**configs, **await self._inspect(one for one in ids if one not in configs)}
        return [
            container_from_row(self._address, row, configs[container_id])
            for container_id, row in zip(ids, rows, strict=True)
        ]

    async def _inspect(self, ids: Iterable[str]) -> dict[str, ContainerConfig]:
        """Inspect containers, by ID.

        For what an event has named this comes before the list. An engine tells of a death some
        milliseconds before its list shows it, and no event follows; but inspect waits for what
        is being done to the container (moby: it takes the container's lock, the list a copy).
        """
        limit = asyncio.Semaphore(_PARALLEL_INSPECTS)

        async def one(container_id: str) -> tuple[str, ContainerConfig]:
            async with limit:
                return container_id, await self._config(container_id)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(container_id)) for container_id in ids]
        return dict(task.result() for task in tasks)

    async def _config(self, container_id: str) -> ContainerConfig:
        try:
            return config_from_inspect(await self._client.inspect_container(container_id))
        except EngineStatusError:
            # Removed meanwhile, or broken on the engine's disk: its row, if any, still counts.
            return ContainerConfig()
