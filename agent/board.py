"""What this host should have registered, written by one and read by all backends."""

import asyncio

from agent.rules.desired import HostWanted


class Board:
    """What is wanted now; `None` until the engine has been read."""

    def __init__(self) -> None:
        self._wanted: HostWanted | None = None
        self._version = 0
        self._changed = asyncio.Event()

    @property
    def wanted(self) -> HostWanted | None:
        """What is wanted, or None while it is not known."""
        return self._wanted

    @property
    def version(self) -> int:
        """Grows with each change."""
        return self._version

    def put(self, wanted: HostWanted) -> None:
        """Say what is wanted; whoever waits wakes up if it is something else."""
        if wanted == self._wanted:
            return
        self._wanted = wanted
        self._version += 1
        event, self._changed = self._changed, asyncio.Event()
        event.set()

    async def newer_than(self, version: int) -> None:
        """Return once something newer than *version* is wanted."""
        while self._version <= version:
            await self._changed.wait()
