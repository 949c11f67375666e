"""All engines: one keeper each, started and stopped as discovery says; and ways to find things.

Both lanes find containers, execs and images here, so that a name means the same in each.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from discovery.base import Discovery
from engine.client import EngineClient
from engine.errors import EngineError
from master.cluster.events.broker import EventBroker, engine_event, event_from_message
from master.cluster.execs import ExecIndex
from master.cluster.images.holders import current_holders
from master.cluster.images.listing import resolve_image
from master.cluster.model import Container, Engine
from master.cluster.networks.edits import with_cluster_network
from master.cluster.resolve import Resolved, resolve
from master.cluster.state import ClusterState
from master.cluster.volumes.listing import mounted_volumes
from master.errors import ManagerError, NoHealthyNodeError, NotFoundError
from master.supervisor.keeper import Keeper

_log = logging.getLogger(__name__)

SETTLE_LIMIT_S = 1.0
"""How long a reader waits for changes that are being read: an engine that just answered answers
the list within that, and one that doesn't must not hold up what is known of the others."""
_RESTART_DELAY_S = 1.0
_EXEC_LOOKUP_TIMEOUT_S = 3.0


def by_name(engines: Iterable[Engine]) -> list[Engine]:
    """Put *engines* in an order that does not depend on which of them registered first.

    So the same question gets the same answer each time, also where engines differ.
    """
    return sorted(engines, key=lambda engine: (engine.name, engine.address))


class Fleet:
    """The engines that discovery names, each with its keeper and its client."""

    def __init__(
        self,
        state: ClusterState,
        broker: EventBroker,
        *,
        tls: ssl.SSLContext | None,
        refresh_s: tuple[float, float],
        failure_limit: int,
    ) -> None:
        """*refresh_s* are the least and most seconds between two full refreshes."""
        self.state = state
        self.broker = broker
        self.execs = ExecIndex()
        self.on_connect: list[Callable[[Engine], None]] = []
        """Told of an engine that is good (again)."""
        self.on_create: list[Callable[[str, str, str], None]] = []
        """Told the engine's address, the container's ID and its Swarm ID."""
        self.on_destroy: list[Callable[[str, str], None]] = []
        """Told the engine's address and the ID of a container that is no more."""
        self._tls = tls
        self._refresh_s = refresh_s
        self._failure_limit = failure_limit
        self._keepers: dict[str, Keeper] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self, discovery: Discovery) -> None:
        """Follow *discovery* until cancelled."""
        try:
            async for addresses in discovery.watch():
                self._follow({str(address) for address in addresses})
        finally:
            for address in list(self._tasks):
                self._stop(address)

    def _follow(self, wanted: set[str]) -> None:
        for address in sorted(self._tasks.keys() - wanted):
            _log.info("Removed Engine at %s", address)
            self._stop(address)
        for address in sorted(wanted - self._tasks.keys()):
            self._start(address)

    def _start(self, address: str) -> None:
        client = EngineClient(address, self._tls)
        keeper = Keeper(
            address,
            client,
            self.state,
            hooks=self,
            refresh_s=self._refresh_s,
            failure_limit=self._failure_limit,
        )
        self._keepers[address] = keeper
        self._tasks[address] = asyncio.create_task(self._keep(keeper), name=f"engine {address}")

    def _stop(self, address: str) -> None:
        self._tasks.pop(address).cancel()
        keeper = self._keepers.pop(address)
        keeper.forget()
        self.execs.forget_engine(address)
        # Streams that run on it go on: the operator took out the host, not its containers.
        keeper.client.pool.retire()

    async def _keep(self, keeper: Keeper) -> None:
        """Run a keeper; a mistake of ours about one engine must not end the others."""
        while self._keepers.get(keeper.address) is keeper:
            try:
                await keeper.run()
            except Exception:  # noqa: BLE001 - whatever it was, it is logged and tried again
                if self._keepers.get(keeper.address) is not keeper:
                    # It has been stopped, and one of its tasks ran on for a moment and missed its
                    # engine. The error has taken the place of the cancellation.
                    return
                _log.exception("the keeper of %s failed; it starts again", keeper.address)
                await asyncio.sleep(_RESTART_DELAY_S)

    # What the keepers tell (`keeper.Hooks`)

    def publish(self, message: Mapping[str, Any], engine: Engine) -> None:
        """An engine's event goes to everybody who listens."""
        shown = with_cluster_network(message, engine.address, self.state.network_ids)
        self.broker.publish(event_from_message(dict(shown), engine))

    def announce(self, action: str, engine: Engine) -> None:
        """So do the cluster's own."""
        self.broker.publish(engine_event(action, engine, time.time()))

    def connected(self, engine: Engine) -> None:
        """An engine is good (again)."""
        for told in self.on_connect:
            told(engine)

    def created(self, address: str, container_id: str, swarm_id: str) -> None:
        """A container has been created."""
        for told in self.on_create:
            told(address, container_id, swarm_id)

    def destroyed(self, address: str, container_id: str) -> None:
        """A container is gone."""
        for told in self.on_destroy:
            told(address, container_id)

    # What has changed

    def touch(self, address: str, container_id: str) -> None:
        """This container is being changed through us: readers wait until that is seen."""
        if (keeper := self._keepers.get(address)) is not None:
            keeper.refresher.mark(container_id)

    def touch_images(self, address: str) -> None:
        """The images of this engine are being changed through us."""
        if (keeper := self._keepers.get(address)) is not None:
            keeper.refresher.mark_images()

    def touch_volumes(self, address: str) -> None:
        """The volumes of this engine are being changed through us."""
        if (keeper := self._keepers.get(address)) is not None:
            keeper.refresher.mark_volumes()

    def touch_networks(self, address: str) -> None:
        """The networks of this engine are being changed through us."""
        if (keeper := self._keepers.get(address)) is not None:
            keeper.refresher.mark_networks()

    def forget(self, container: Container) -> None:
        """The engine has removed this container: its name is free at once."""
        if (keeper := self._keepers.get(container.engine)) is not None:
            keeper.refresher.drop(container.id)
            if any(mounted_volumes(container)):
                keeper.refresher.mark_volumes()  # `rm -v`: those without a name went with it
            self.destroyed(container.engine, container.id)

    def suspect(self, address: str) -> None:
        """Somebody failed to reach this engine."""
        if (keeper := self._keepers.get(address)) is not None:
            keeper.suspect()

    async def answers(self, address: str, deadline_s: float) -> bool:
        """Whether this engine answers a ping now; if not, its health hears of it."""
        keeper = self._keepers.get(address)
        return keeper is not None and await keeper.probe(deadline_s)

    async def settled(self) -> None:
        """Wait until changes that are known of are in the state; at most `SETTLE_LIMIT_S`."""
        pending = [
            asyncio.ensure_future(keeper.refresher.flush())
            for keeper in self._keepers.values()
            if not keeper.refresher.is_settled and keeper.engine.is_healthy
        ]
        if not pending:
            return
        try:
            await asyncio.wait(pending, timeout=SETTLE_LIMIT_S)
        finally:
            for waiting in pending:
                waiting.cancel()

    async def images_settled(self) -> None:
        """Wait as `settled` does, if images have changed: creates wait for no containers."""
        keepers = self._keepers.values()
        if any(k.engine.is_healthy and not k.refresher.images_settled for k in keepers):
            await self.settled()

    async def refresh_all(self, addresses: set[str] | None = None) -> None:
        """Read the containers of these (or all) engines anew, as `settled` bounds it."""
        for address, keeper in self._keepers.items():
            if addresses is None or address in addresses:
                keeper.refresher.mark_all()
        await self.settled()

    # Who has it

    def client(self, address: str) -> EngineClient:
        """The client of an engine.

        Raises:
            ManagerError: it has left the cluster in this moment.
        """
        if (keeper := self._keepers.get(address)) is None:
            raise ManagerError(f"engine {address} has left the cluster")
        return keeper.client

    def healthy_engine(self, address: str, container: Container | None = None) -> Engine:
        """The engine at *address*.

        Raises:
            ManagerError: it is not healthy, in classic Swarm's words.
        """
        engine = self.state.engine(address)
        if engine is not None and engine.is_healthy:
            return engine
        name = engine.name if engine is not None and engine.name else address
        if container is None:
            raise ManagerError(f"node {name} is unhealthy")
        raise ManagerError(f"Container {container.name} running on unhealthy node {name}")

    def healthy_engines(self) -> list[Engine]:
        """Every engine that can be asked now, by name."""
        return by_name(engine for engine in self.state.engines().values() if engine.is_healthy)

    def any_healthy(self) -> Engine:
        """An engine for what any of them can do.

        Raises:
            NoHealthyNodeError: there is none.
        """
        healthy = self.healthy_engines()
        if not healthy:
            raise NoHealthyNodeError
        return healthy[0]

    async def find_container(self, reference: str) -> Resolved:
        """The container that *reference* means, however young.

        Raises:
            NotFoundError: there is none.
        """
        try:
            return resolve(self.state, reference)
        except NotFoundError:
            await self.settled()
            return resolve(self.state, reference)

    async def find_exec(self, exec_id: str) -> tuple[str, Container | None]:
        """Engine address and container of an exec; engines are asked for one not made through us.

        Raises:
            NotFoundError: no engine knows it.
        """
        if (known := self.execs.find(exec_id)) is None:
            known = await self._look_for_exec(exec_id)
        address, container_id = known
        return address, self.state.container(address, container_id)

    async def _look_for_exec(self, exec_id: str) -> tuple[str, str]:
        # IDs are hexadecimal; anything else could reach another route.
        if not (exec_id.isascii() and exec_id.isalnum()):
            raise NotFoundError(f"No such exec instance: {exec_id}")

        asked = [
            asyncio.create_task(self._exec_on(engine, exec_id), name=f"exec on {engine.name}")
            for engine in self.healthy_engines()
        ]
        try:
            for answer in asyncio.as_completed(asked):
                if (found := await answer) is not None:
                    self.execs.add_at(exec_id, *found)
                    return found
        finally:
            for asking in asked:
                asking.cancel()
        raise NotFoundError(f"No such exec instance: {exec_id}")

    async def _exec_on(self, engine: Engine, exec_id: str) -> tuple[str, str] | None:
        """The engine's address and the exec's container, if it is there."""
        try:
            client = self.client(engine.address)
            found = await client.inspect_exec(exec_id, _EXEC_LOOKUP_TIMEOUT_S)
        except (EngineError, ManagerError) as exc:
            _log.debug("%s does not tell of exec %s: %s", engine.name, exec_id, exc)
            return None
        return engine.address, str(found.get("ContainerID", ""))

    async def find_image(self, reference: str) -> str:
        """Address of a healthy engine that has the image.

        Raises:
            NotFoundError: none has it.
        """
        try:
            return self._image_holder(reference)
        except NotFoundError:
            await self.settled()
            return self._image_holder(reference)

    def _image_holder(self, reference: str) -> str:
        if current := current_holders(self.state, reference):
            return next(iter(current))
        return resolve_image(self.state, reference)[0][0]

    async def still_there(self, container: Container) -> bool:
        """Whether the engine really still has it; if not it is forgotten."""
        try:
            # Its list waits for nobody, while an inspect waits for a container that is held.
            found = await self.client(container.engine).list_containers([container.id])
        except (EngineError, ManagerError) as exc:
            _log.debug("%s could not be asked for %s: %s", container.engine, container.id, exc)
            return True
        if not found:
            self.forget(container)
        return bool(found)
