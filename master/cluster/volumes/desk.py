"""Homes of volumes, of those too that are about to be made.

A container (or a ``POST /volumes/create``) that names a new volume makes it where it lands. Until
the state shows that volume, its home is held here: two creates that name the same new volume at the
same time land on the same engine.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from master.cluster.node_object import node_name
from master.cluster.state import ClusterState
from master.cluster.volumes.listing import volume_filter
from scheduler.types import Filter

SETTLED_LIMIT_S = 60.0
"""A volume that was made and that the state never shows has been removed by somebody else."""


@dataclass(slots=True)
class Hold:
    """Names that belong to one engine until further notice."""

    token: int
    address: str
    names: frozenset[str]
    is_made: bool = False
    """The engine did it: they are about to show up in the state."""
    settled_at: float | None = None


class VolumeDesk:
    """Open holds; synchronous, used from the event loop only."""

    def __init__(self, state: ClusterState, clock: Callable[[], float] = time.monotonic) -> None:
        """*clock* gives monotonic seconds."""
        self._state = state
        self._clock = clock
        self._tokens = itertools.count(1)
        self._holds: dict[int, Hold] = {}

    def homes(self, name: str) -> frozenset[str]:
        """Return the addresses of the engines that have, or are getting, the local volume *name*.

        Empty: it is new, and may be made anywhere, or every engine can reach it.
        """
        self._expire()
        known = {v.engine for v in self._state.volumes_named(name) if v.is_local}
        held = {hold.address for hold in self._holds.values() if name in hold.names}
        return frozenset(known | held)

    def filter(self, names: Collection[str]) -> Filter:
        """Return the filter that sends a container that mounts *names* to their data."""
        homes = {name: found for name in sorted(names) if (found := self.homes(name))}
        nodes = {address: node_name(self._state, address) for f in homes.values() for address in f}
        return volume_filter(homes, nodes)

    @contextmanager
    def held(self, names: Collection[str], address: str) -> Iterator[Hold]:
        """Make the engine at *address* the home of *names* while the engine is asked.

        Whoever asked sets `Hold.is_made`; then they stay there until the state shows them.
        """
        hold = Hold(next(self._tokens), address, frozenset(names))
        if names:
            self._holds[hold.token] = hold
        try:
            yield hold
        finally:
            if hold.is_made:
                hold.settled_at = self._clock()
                self._expire()
            else:
                self._holds.pop(hold.token, None)

    def gone(self, name: str, address: str) -> None:
        """The volume was removed: nothing waits for it to show up any more."""
        for hold in list(self._holds.values()):
            if hold.settled_at is not None and hold.address == address and name in hold.names:
                hold.names -= {name}

    def __len__(self) -> int:
        """How many are open."""
        return len(self._holds)

    def _expire(self) -> None:
        now = self._clock()
        for token, hold in list(self._holds.items()):
            if hold.settled_at is not None and (
                now - hold.settled_at > SETTLED_LIMIT_S or self._is_shown(hold)
            ):
                del self._holds[token]

    def _is_shown(self, hold: Hold) -> bool:
        return all(
            any(volume.engine == hold.address for volume in self._state.volumes_named(name))
            for name in hold.names
        )
