"""Reservations: places and names that are given away before the engine has the container.

A place is chosen and reserved within one event-loop step; the engine is called afterwards. What
is reserved counts like a container that is there, so two concurrent creates can't take the same
port or name, and it stops counting in the very step in which the state shows the real container:
nothing is counted twice, and there is no moment in which nothing counts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from master.cluster.model import Container
from master.cluster.state import ClusterState
from scheduler.types import PlacedContainer, Request

SETTLED_LIMIT_S = 60.0
"""A created container that the state never shows is given up after this: it was removed by
somebody else before it was seen. An engine's own refresh comes sooner."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place or a name that is given away; keep it to `settle` or `cancel` it."""

    token: int
    engine: str
    """The engine's address."""
    name: str = ""
    """The container's name to be; empty if the engine chooses one."""
    swarm_id: str = ""
    placed: PlacedContainer | None = None
    """What counts on the node; None if only a name is reserved."""
    renamed_id: str = ""
    """The container that is to get the name; empty if it is to be created."""


@dataclass(slots=True)
class _Entry:
    reservation: Reservation
    settled_at: float | None = None
    container_id: str = ""


@dataclass(slots=True)
class _Desk:
    """The open reservations on one engine."""

    entries: dict[int, _Entry] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    """IDs destroyed while a create was under way: its answer may come after its end."""


class Reservations:
    """All open reservations; synchronous, used from the event loop only."""

    def __init__(self, state: ClusterState, clock: Callable[[], float]) -> None:
        """Start empty.

        Args:
            state: tells whether the real container has shown up.
            clock: monotonic seconds.
        """
        self._state = state
        self._clock = clock
        self._tokens = itertools.count(1)
        self._desks: dict[str, _Desk] = {}
        self._names: dict[str, dict[int, _Entry]] = {}

    def reserve(self, request: Request, engine: str, swarm_id: str) -> Reservation:
        """Give a place on the engine at *engine*, and the request's name, to *request*."""
        placed = PlacedContainer(
            id="",
            name=request.name,
            image=request.image,
            labels=request.labels,
            swarm_id=swarm_id,
            memory=request.memory,
            cpus=request.cpus,
            ports=request.ports,
            is_running=False,
            is_pending=True,
        )
        return self._open(Reservation(next(self._tokens), engine, request.name, swarm_id, placed))

    def reserve_name(self, name: str, container: Container) -> Reservation:
        """Give *name* to *container*, which is to be renamed."""
        return self._open(
            Reservation(next(self._tokens), container.engine, name, renamed_id=container.id)
        )

    def settle(self, reservation: Reservation, container_id: str) -> None:
        """The engine did it: the reservation ends as soon as the state shows the container."""
        entry = self._entry(reservation)
        if entry is None:
            return
        entry.settled_at = self._clock()
        entry.container_id = container_id
        if container_id in self._desks[reservation.engine].gone or self._is_shown(entry):
            self._close(entry)
        else:
            self._tidy(reservation.engine)

    def cancel(self, reservation: Reservation) -> None:
        """The engine didn't do it: the place and the name are free again, at once."""
        entry = self._entry(reservation)
        if entry is not None:
            self._close(entry)

    def gone(self, engine: str, container_id: str) -> None:
        """A container was destroyed: nothing waits for it to show up any more."""
        desk = self._desks.get(engine)
        if desk is None:
            return
        for entry in list(desk.entries.values()):
            if container_id and container_id in {entry.container_id, entry.reservation.renamed_id}:
                self._close(entry)
        if engine in self._desks:
            desk.gone.add(container_id)
            self._tidy(engine)

    def pending_on(self, engine: str) -> tuple[Reservation, ...]:
        """Return what counts on this engine beside the containers that the state shows."""
        if engine not in self._desks:
            return ()
        return tuple(
            entry.reservation
            for entry in self._alive(self._desks[engine].entries)
            if entry.reservation.placed is not None and not self._is_shown(entry)
        )

    def engines(self) -> Collection[str]:
        """Return the engines that anything is reserved on."""
        return self._desks.keys()

    def holds_name(self, name: str, engine: str = "") -> bool:
        """Whether *name* is given away: on any engine, or on *engine* if one is given."""
        return any(
            engine in {"", entry.reservation.engine}
            for entry in self._alive(self._names.get(name, {}))
        )

    def __len__(self) -> int:
        """How many are open."""
        return sum(len(desk.entries) for desk in self._desks.values())

    def _open(self, reservation: Reservation) -> Reservation:
        entry = _Entry(reservation)
        self._desks.setdefault(reservation.engine, _Desk()).entries[reservation.token] = entry
        if reservation.name:
            self._names.setdefault(reservation.name, {})[reservation.token] = entry
        return reservation

    def _entry(self, reservation: Reservation) -> _Entry | None:
        desk = self._desks.get(reservation.engine)
        return desk.entries.get(reservation.token) if desk else None

    def _close(self, entry: _Entry) -> None:
        token, name = entry.reservation.token, entry.reservation.name
        self._desks[entry.reservation.engine].entries.pop(token, None)
        self._tidy(entry.reservation.engine)
        named = self._names.get(name, {})
        named.pop(token, None)
        if not named:
            self._names.pop(name, None)

    def _tidy(self, engine: str) -> None:
        """Forget the destroyed IDs that no create can answer with any more, and empty desks."""
        desk = self._desks[engine]
        if all(entry.settled_at is not None for entry in desk.entries.values()):
            desk.gone.clear()
        if not desk.entries:
            del self._desks[engine]

    def _alive(self, entries: dict[int, _Entry]) -> Iterator[_Entry]:
        """Yield the open ones, and close those whose time is over."""
        for entry in list(entries.values()):
            if entry.settled_at is None:
                yield entry
            elif self._is_shown(entry) or self._clock() - entry.settled_at > SETTLED_LIMIT_S:
                self._close(entry)
            else:
                yield entry

    def _is_shown(self, entry: _Entry) -> bool:
        reservation = entry.reservation
        if reservation.renamed_id:
            renamed = self._state.container(reservation.engine, reservation.renamed_id)
            return renamed is None or renamed.name == reservation.name
        if entry.container_id and self._state.container(reservation.engine, entry.container_id):
            return True
        keys = self._state.swarm_ids.exact(reservation.swarm_id)
        return any(engine == reservation.engine for engine, _ in keys)
