"""The state as the scheduler sees it, and what is given away but not there yet.

A create is one event-loop step without a lock::

    request = request_from_body(...)                      # master.cluster.placing.wanted
    best = schedule(request, placement.nodes(), ...)[0]
    reservation = placement.reserve(request, best, swarm_id)
    ... await the engine's create ...
    placement.settle(reservation, container_id)           # or placement.cancel(reservation)

`nodes` makes a `scheduler.Node` anew only for an engine that changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from master.cluster.model import Container, Engine, Health, Image
from master.cluster.placing.cores import cores_of
from master.cluster.placing.reservations import Reservation, Reservations
from master.cluster.state import ClusterState
from master.errors import ConflictError
from scheduler.types import Node, PlacedContainer, PortClaim, Request

_CREATED_COUNTS_S = 600.0
"""A created container is about to be started, and counts as if it ran. After ten minutes nobody is
going to start it: clients that die between the two calls must not fill a node for ever."""
_NEVER = float("inf")
_LONGEST_NAME_SHOWN = 128
_SHORT_ID = 12
_SCHEDULABLE = frozenset({Health.HEALTHY, Health.UNHEALTHY})
"""An unhealthy engine is shown with health 0, so that the refusal can name it."""


@dataclass(frozen=True, slots=True)
class _CachedNode:
    node: Node
    version: int
    """The engine's version that it was made from."""
    pending: tuple[Reservation, ...]
    valid_until: float
    """Epoch seconds: then a created container stops counting."""
    placed: dict[str, tuple[Container, PlacedContainer]]
    images: tuple[Image, ...]
    """What `Node.images` was made from."""


class Placement:
    """Nodes for the scheduler, reservations, and which names are taken."""

    def __init__(
        self,
        state: ClusterState,
        *,
        overcommit: float = 0.05,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Start without reservations.

        Args:
            state: read, never written.
            overcommit: share of memory and CPUs given out beyond what is there
                (``swarm.overcommit``, 0.05 = 5 %); larger than -1.
            clock: monotonic seconds, for the reservations' time limit.
            wall_clock: seconds since the epoch, to tell how old a container is.
        """
        self._state = state
        self._percent = int(round(overcommit * 100, 6))
        self._wall_clock = wall_clock
        self._cache: dict[str, _CachedNode] = {}
        self._watched: set[str] = set()
        """Engines whose node changes without the state: by a reservation or with time."""
        self._version = self._members_version = -1
        self.reservations = Reservations(state, clock)

    def nodes(self) -> list[Node]:
        """Return a node for each engine that was ever validated; unhealthy ones have health 0.

        What is reserved and not there yet counts. Nodes of unchanged engines are the same objects
        as before.
        """
        self._follow_state(self._wall_clock())
        return [cached.node for cached in self._cache.values()]

    def _follow_state(self, now: float) -> None:
        """Bring the cache up to the state; costs what changed, not what is there."""
        state = self._state
        if self._members_version != state.members_version:
            suspects = {*self._cache, *state.engines()}
        else:
            suspects = {*state.changed_since(self._version), *self.reservations.engines()}
            suspects |= self._watched
        self._version, self._members_version = state.version, state.members_version
        # A set's own order differs from run to run, and new nodes would stand in it.
        for address in sorted(suspects):
            self._follow_engine(address, now)

    def _follow_engine(self, address: str, now: float) -> None:
        engine = self._state.engine(address)
        if engine is None or engine.health not in _SCHEDULABLE:
            self._forget(address)
            return
        version = self._state.engine_version(address)
        pending = self.reservations.pending_on(address)
        cached = self._cache.get(address)
        if (
            cached is None
            or cached.version != version
            or cached.pending != pending
            or cached.valid_until <= now
        ):
            cached = self._cache[address] = self._make(engine, version, pending, cached, now)
        if pending or cached.valid_until < _NEVER:
            self._watched.add(address)
        else:
            self._watched.discard(address)

    def _forget(self, address: str) -> None:
        self._cache.pop(address, None)
        self._watched.discard(address)

    def reserve(
        self, request: Request, node: Node, swarm_id: str, *, is_node_name: bool = False
    ) -> Reservation:
        """Give *node*'s place and the name to *request*, until settled or cancelled.

        Args:
            request: what the scheduler placed.
            node: the one it chose, from `nodes`.
            swarm_id: the new container's ``com.docker.swarm.id``.
            is_node_name: the user wrote ``node/name``: the name has to be free on that node only.

        Raises:
            ConflictError: the name is taken.
        """
        self.check_name(request.name, engine=node.addr if is_node_name else "")
        return self.reservations.reserve(request, node.addr, swarm_id)

    def reserve_name(self, name: str, container: Container) -> Reservation:
        """Give *name* to *container*, which is to be renamed, until settled or cancelled.

        Raises:
            ConflictError: another container has it.
        """
        self.check_name(name, ignoring=container)
        return self.reservations.reserve_name(name, container)

    def settle(self, reservation: Reservation, container_id: str = "") -> None:
        """The engine did it. The reservation counts until the state shows the container.

        Args:
            reservation: to be ended; settling it twice does nothing.
            container_id: the ID from the engine's answer to a create.
        """
        self.reservations.settle(reservation, container_id)

    def cancel(self, reservation: Reservation) -> None:
        """The engine didn't do it: place and name are free again. Afterwards it does nothing."""
        self.reservations.cancel(reservation)

    def gone(self, engine: str, container_id: str) -> None:
        """Call this for each ``destroy`` event and each successful delete.

        A container that lived so shortly that the state never showed it would keep its place and
        its name otherwise, for `SETTLED_LIMIT_S` seconds.
        """
        self.reservations.gone(engine, container_id)

    def name_taken(self, name: str, *, engine: str = "", ignoring: Container | None = None) -> bool:
        """Whether a container has, or is about to get, *name* (without a slash).

        Args:
            name: empty (the engine chooses one) is never taken.
            engine: look on this engine only.
            ignoring: a container that may have it: the one to be renamed or moved.
        """
        if not name:
            return False
        own = (ignoring.engine, ignoring.id) if ignoring else None
        keys = self._state.names.exact(name)
        if any(key != own and engine in {"", key[0]} for key in keys):
            return True
        return self.reservations.holds_name(name, engine)

    def check_name(self, name: str, *, engine: str = "", ignoring: Container | None = None) -> None:
        """Raise if the name is taken; arguments as for `name_taken`.

        Raises:
            ConflictError: in classic Swarm's words.
        """
        if self.name_taken(name, engine=engine, ignoring=ignoring):
            shown = name if len(name) <= _LONGEST_NAME_SHOWN else f"{name[:_LONGEST_NAME_SHOWN]}…"
            raise ConflictError(
                f"Conflict: The name {shown} is already assigned. You have to delete (or rename) "
                f"that container to be able to assign {shown} to a container again."
            )

    def total(self, amount: int) -> int:
        """Return *amount* with overcommit: whole units, as classic counts (5 % of 4 CPUs: none)."""
        extra = abs(amount * self._percent) // 100
        return amount + extra if self._percent >= 0 else amount - extra

    def _make(
        self,
        engine: Engine,
        version: int,
        pending: tuple[Reservation, ...],
        old: _CachedNode | None,
        now: float,
    ) -> _CachedNode:
        containers = self._state.containers_on(engine.address)
        images = self._state.images_on(engine.address)
        placed, valid_until = _place(containers, old.placed if old else {}, engine, now)
        if old is not None and old.images is images:
            references = old.node.images
        else:
            references = _image_references(images)
        node = Node(
            id=engine.id,
            name=engine.name,
            addr=engine.address,
            labels=_labels(engine),
            memory_total=self.total(engine.memory),
            cpus_total=float(self.total(engine.cpus)),
            health=engine.health_indicator,
            containers=(
                *(there for _, there in placed.values()),
                *(r.placed for r in pending if r.placed is not None),
            ),
            images=references,
        )
        return _CachedNode(node, version, pending, valid_until, placed, images)


def _place(
    containers: tuple[Container, ...],
    known: dict[str, tuple[Container, PlacedContainer]],
    engine: Engine,
    now: float,
) -> tuple[dict[str, tuple[Container, PlacedContainer]], float]:
    """Return the containers as the scheduler sees them, and until when that is right."""
    placed: dict[str, tuple[Container, PlacedContainer]] = {}
    valid_until = _NEVER
    for container in containers:
        if container.state == "created":
            expires = container.created + engine.clock_skew_s + _CREATED_COUNTS_S
            if expires > now:
                valid_until = min(valid_until, expires)
            placed[container.id] = (container, _placed(container, is_pending=expires > now))
        elif (before := known.get(container.id)) is not None and before[0] is container:
            placed[container.id] = before
        else:
            placed[container.id] = (container, _placed(container, is_pending=False))
    return placed, valid_until


def _placed(container: Container, *, is_pending: bool) -> PlacedContainer:
    config = container.config
    is_host_mode = config.network_mode == "host"
    return PlacedContainer(
        id=container.id,
        name=container.name,
        image=container.image,
        image_id=container.image_id,
        labels=container.labels,
        swarm_id=container.swarm_id,
        memory=config.memory,
        cpus=config.cpus or cores_of(container.labels),
        ports=tuple(
            PortClaim(port, host_ip, protocol, is_host_mode)
            for port, host_ip, protocol in config.ports
        ),
        is_running=container.is_up,
        is_pending=is_pending,
    )


def _labels(engine: Engine) -> Mapping[str, str]:
    """Return the engine's labels and its ``architecture``, which ``--platform`` asks for."""
    machine = engine.info.get("Architecture")
    return {"architecture": machine, **engine.labels} if isinstance(machine, str) else engine.labels


def _image_references(images: tuple[Image, ...]) -> frozenset[str]:
    """Return every text that means one of *images*: what ``affinity:image`` is compared with."""
    references: set[str] = set()
    for image in images:
        digits = image.id.rpartition(":")[2]
        references.update((image.id, digits, digits[:_SHORT_ID]))
        for tag in image.tags:
            references.update((tag, _repository(tag)))
        for digest in image.digests:
            references.update((digest, digest.partition("@")[0]))
    references.discard("")
    return frozenset(references)


def _repository(tag: str) -> str:
    """Return ``host:5000/app:1`` as ``host:5000/app``."""
    head, colon, tail = tag.rpartition(":")
    return head if colon and "/" not in tail else tag
