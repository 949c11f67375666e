"""Inspects one engine's containers, and waits for none that is being held.

An engine's inspect waits for whatever is being done to the container (moby: it takes the
container's lock, for the whole of a `docker cp` too); its list waits for nothing. So what takes
long there, or hangs (a shim that does not answer, a mount whose server is gone), does so alone:
its neighbours are read as ever, and it is shown as the list and its last inspect have it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from engine.client import EngineClient
from engine.errors import EngineStatusError
from master.cluster.model import ContainerConfig
from master.cluster.rows import config_from_inspect

_log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""How long a container is waited for: longer than a start or a stop takes on a busy machine."""
_HELD_LIMIT_S = 300.0
"""When it is asked anew, should the answer have been lost."""
_PARALLEL = 8


class Inspector:
    """Asks one engine."""

    def __init__(
        self,
        client: EngineClient,
        *,
        known: Callable[[str], ContainerConfig | None],
        on_answer: Callable[[str], None],
    ) -> None:
        """Ask nothing yet.

        Args:
            client: of the engine.
            known: tells what a container's last inspect said.
            on_answer: hears of each container that was held and has answered, or will not any more.
        """
        self._client = client
        self._known = known
        self._on_answer = on_answer
        self._held: dict[str, asyncio.Task[ContainerConfig]] = {}

    async def configs(self, ids: Iterable[str]) -> dict[str, ContainerConfig]:
        """Return what the inspect of each says, by ID; of those that are held, what it said last.

        Raises:
            EngineUnreachableError: the engine does not answer.
        """
        limit = asyncio.Semaphore(_PARALLEL)

        async def one(container_id: str) -> tuple[str, ContainerConfig]:
            async with limit:
                return container_id, await self._config(container_id)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(container_id)) for container_id in ids]
        except ExceptionGroup as exc:
            # They all ask one engine: the first that lost it tells it for all.
            raise exc.exceptions[0] from exc
        return dict(task.result() for task in tasks)

    def close(self) -> None:
        """Wait for none any more."""
        for asking in self._held.values():
            asking.cancel()

    async def _config(self, container_id: str) -> ContainerConfig:
        if container_id not in self._held:
            asking = asyncio.create_task(
                self._ask(container_id), name=f"inspect of {container_id[:12]}"
            )
            try:
                answered, _ = await asyncio.wait([asking], timeout=PATIENCE_S)
            except asyncio.CancelledError:
                asking.cancel()
                raise
            if answered:
                return asking.result()
            if container_id in self._held:
                asking.cancel()  # somebody else has asked at the same time
            else:
                self._hold(container_id, asking)
        return self._known(container_id) or ContainerConfig()

    def _hold(self, container_id: str, asking: asyncio.Task[ContainerConfig]) -> None:
        _log.warning(
            "Container %s of %s is held by something: it is shown as it was",
            container_id[:12],
            self._client.address,
        )
        self._held[container_id] = asking

        def tell(ended: asyncio.Task[ContainerConfig]) -> None:
            del self._held[container_id]
            if not ended.cancelled():
                # The answer may be as old as the question; if it is an error, so is the next one.
                ended.exception()
                self._on_answer(container_id)

        asking.add_done_callback(tell)

    async def _ask(self, container_id: str) -> ContainerConfig:
        try:
            inspect = await self._client.inspect_container(container_id, _HELD_LIMIT_S)
        except EngineStatusError:
            # Removed meanwhile, or broken on the engine's disk: its row, if any, still counts.
            return ContainerConfig()
        return config_from_inspect(inspect)
