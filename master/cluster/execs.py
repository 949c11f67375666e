"""Which engine an exec lives on: an exec's ID alone says nothing.

The engine forgets an exec some minutes after its end; we forget the oldest ones beyond a limit, and
what is not known is looked for at the engines.
"""

from __future__ import annotations

from collections import OrderedDict

from master.cluster.model import Container

_LIMIT = 20_000
"""Execs remembered; a health check every second for an hour on five containers makes as many."""


class ExecIndex:
    """Exec ID to engine and container, the newest ones."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def add(self, exec_id: str, container: Container) -> None:
        """Remember a new exec of *container*."""
        self.add_at(exec_id, container.engine, container.id)

    def add_at(self, exec_id: str, engine: str, container_id: str) -> None:
        """Remember an exec by its engine's address and its container's ID."""
        if not exec_id:
            return
        self._known[exec_id] = (engine, container_id)
        while len(self._known) > _LIMIT:
            self._known.popitem(last=False)

    def find(self, exec_id: str) -> tuple[str, str] | None:
        """Engine address and container ID, if known."""
        return self._known.get(exec_id)

    def forget_engine(self, engine: str) -> None:
        """An engine has left: its execs are out of reach."""
        for exec_id in [key for key, (address, _) in self._known.items() if address == engine]:
            del self._known[exec_id]
