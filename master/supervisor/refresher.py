"""Keeps one engine's containers and images in the state: what is dirty is read anew.

Events and our own writes only mark things dirty; what is true is read from the engine. Marks are
collected for a moment, so that a burst of events costs one call; a reader who must not see the
past asks for a `flush`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import OrderedDict
from typing import Any

from common.backoff import Backoff
from engine.client import EngineClient
from engine.errors import EngineError, EngineStatusError
from master.cluster.model import Container, ContainerConfig
from master.cluster.networks.edits import network_ids_in, with_cluster_ids
from master.cluster.networks.index import network_from_row
from master.cluster.rows import (
    container_from_row,
    image_from_row,
    volume_from_row,
)
from master.cluster.state import ClusterState
from master.supervisor.inspector import Inspector
from master.supervisor.marks import Marks, Part

_log = logging.getLogger(__name__)

_DEBOUNCE_S = 0.2
"""How long marks are collected while nobody waits for them."""
_RETRIES = Backoff(first_s=1.0, cap_s=10.0)
"""When what could not be read is tried again: soon, if that was a hiccup, and never in a hurry."""
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
        self._inspector = Inspector(client, known=self._known_config, on_answer=self.mark)
        self._marks = Marks()
        self._being_read = Marks()
        self._later = Marks()
        """What could not be read; tried again when `_retry` fires."""
        self._retry: asyncio.TimerHandle | None = None
        self._failures = 0
        self._readers = {
            Part.NETWORKS: self._read_networks,
            Part.CONTAINERS: self._read_containers,
            Part.IMAGES: self._read_images,
            Part.VOLUMES: self._read_volumes,
        }
        self._refusals: dict[Part, str] = {}
        """What was said of each part that is refused: said once, not with every try."""
        self._gone: OrderedDict[str, None] = OrderedDict()
        self.is_current = False
        """Whether the last reading succeeded."""
        self._wanted = asyncio.Event()
        self._urgent = asyncio.Event()
        self._next: list[asyncio.Future[None]] = []
        self._current: list[asyncio.Future[None]] | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is about to be read: what an engine won't tell now is not waited for."""
        return self._current is None and not self._wanted.is_set()

    @property
    def images_settled(self) -> bool:
        """Whether what is known of the images is not about to change."""
        return Part.IMAGES not in self._marks and Part.IMAGES not in self._being_read

    def mark(self, container_id: str) -> None:
        """This container may have changed."""
        self._add(Marks(ids={container_id}))

    def mark_images(self) -> None:
        """The images may have changed."""
        self._add(Marks({Part.IMAGES}))

    def mark_volumes(self) -> None:
        """The volumes may have changed."""
        self._add(Marks({Part.VOLUMES}))

    def mark_networks(self) -> None:
        """The networks may have changed."""
        self._add(Marks({Part.NETWORKS}))

    def mark_all(self) -> None:
        """Anything may have changed."""
        self._add(Marks(set(Part)))

    def _add(self, marks: Marks) -> None:
        self._marks.add(marks)
        self._wanted.set()

    def drop(self, container_id: str) -> None:
        """This container is gone for good."""
        self._gone[container_id] = None
        while len(self._gone) > _REMEMBER_GONE:
            self._gone.popitem(last=False)
        self._marks.ids.discard(container_id)
        self._later.ids.discard(container_id)
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
                self._wanted.clear()
                self._being_read, self._marks = self._marks, Marks()
                self.is_current = False
                try:
                    await self._work()
                except EngineError as exc:
                    _log.debug("refresh of %s failed: %s", self._address, exc)
                finally:
                    self._conclude()
        finally:
            self._inspector.close()
            self._release()
            if self._retry is not None:
                self._retry.cancel()
                self._try_again()  # whoever runs next begins with it

    def _conclude(self) -> None:
        """The round is over; what could not be read is still to be read, but not at once."""
        left, self._being_read = self._being_read, Marks()
        self.is_current = not left
        if left:
            self._try_later(left)
        elif not self._later:
            self._failures = 0
        self._release()

    def _try_later(self, left: Marks) -> None:
        self._later.add(left)
        if self._retry is not None:
            return
        self._failures += 1
        delay_s = _RETRIES.delay_s(self._failures, random.random)
        self._retry = asyncio.get_running_loop().call_later(delay_s, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        again, self._later = self._later, Marks()
        self._add(again)

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
        for part in Part:
            if part in self._being_read and await self._is_read(part):
                self._being_read.strike(part)

    async def _is_read(self, part: Part) -> bool:
        """Read a part, if the engine lets us: if not, what was known of it stays, and it is False.

        Raises:
            EngineUnreachableError: it does not answer; it won't tell of the other parts either.
        """
        try:
            await self._readers[part]()
        except EngineStatusError as exc:
            if self._refusals.get(part) != exc.message:
                _log.warning("%s of %s can't be read: %s", part.value, self._address, exc)
            self._refusals[part] = exc.message
            return False
        self._refusals.pop(part, None)
        return True

    async def load(self, changed: set[str] | None = None) -> list[Container]:
        """Read all containers; inspected are the new ones, the *changed*, and the visibly changed.

        Args:
            changed: IDs whose inspect must be read again; None: of all.

        Raises:
            EngineError: the engine does not answer, or refuses its list.
        """
        # An engine tells of a death some milliseconds before its list shows it, and no event
        # follows; but inspect waits for what is being done to the container. So it comes first.
        configs = await self._inspector.configs(changed or ())
        before = {container.id for container in self._state.containers_on(self._address)}
        rows = await self._client.list_containers()
        rows = [row for row in rows if row.get("Id") not in self._gone]
        if changed is not None:
            configs = {**self._unchanged(rows), **configs}
        listed = [c for c in await self._join(rows, configs) if c.id not in self._gone]
        # What was made since the list was asked for is not in it, and is there all the same.
        known = before.union(container.id for container in listed)
        made = [c for c in self._state.containers_on(self._address) if c.id not in known]
        return [*listed, *made]

    async def refresh_networks(self) -> None:
        """Read all networks; an engine that refuses keeps those that were known.

        Raises:
            EngineUnreachableError: it does not answer.
        """
        if not await self._is_read(Part.NETWORKS):
            self._try_later(Marks({Part.NETWORKS}))

    async def _read_networks(self) -> None:
        rows = await self._client.list_networks()
        networks = [network_from_row(self._address, row) for row in rows]
        self._state.replace_networks(self._address, networks)

    async def _read_containers(self) -> None:
        ids = set(self._being_read.ids)
        if Part.CONTAINERS in self._being_read.parts or len(ids) > _LIST_BY_ID_LIMIT:
            self._state.replace_containers(self._address, await self.load(ids))
        else:
            await self._refresh_some(ids)

    async def _read_images(self) -> None:
        rows = await self._client.list_images()
        images = [image_from_row(self._address, row) for row in rows]
        self._state.replace_images(self._address, images)

    async def _read_volumes(self) -> None:
        rows = await self._client.list_volumes()
        volumes = [volume_from_row(self._address, row) for row in rows]
        self._state.replace_volumes(self._address, volumes)

    async def _with_networks(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return *rows* with the cluster's IDs of networks in place of the engine's."""
        if network_ids_in(rows) - self._state.networks_on(self._address).keys():
            await self.refresh_networks()  # one that is younger than our last look
        return [with_cluster_ids(row, self._state.network_ids) for row in rows]

    async def _refresh_some(self, ids: set[str]) -> None:
        configs = await self._inspector.configs(ids)  # first, as in `load`
        rows = await self._client.list_containers(sorted(ids))
        found = {row.get("Id") for row in rows}
        for container in await self._join(rows, configs):
            if container.id not in self._gone:
                self._state.put_container(container)
        for missing in ids - found:
            self._state.remove_container(self._address, missing)

    def _known_config(self, container_id: str) -> ContainerConfig | None:
        known = self._state.container(self._address, container_id)
        return None if known is None else known.config

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
        missing = [container_id for container_id in ids if container_id not in configs]
        configs = {**configs, **await self._inspector.configs(missing)}
        return [
            container_from_row(self._address, row, configs[container_id])
            for container_id, row in zip(ids, rows, strict=True)
        ]
