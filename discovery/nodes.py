"""``nodes://``: a fixed list of addresses."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from typing_extensions import override

from discovery.base import Address, Discovery
from discovery.errors import NotSupportedError


class NodesDiscovery(Discovery):
    """Yields the list that it was given, once."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = tuple(dict.fromkeys(addresses))

    def describe(self) -> str:
        """Return the list as a URI."""
        return "nodes://" + ",".join(str(address) for address in self._addresses)

    async def watch(self) -> AsyncGenerator[frozenset[Address]]:
        """Yield the list, then wait for ever: it never changes."""
        yield frozenset(self._addresses)
        await asyncio.Event().wait()

    @override
    async def register(self, address: Address, ttl_s: float) -> None:
        """Refuse: a list in the manager's flags cannot be written to."""
        raise NotSupportedError(f"{address} cannot join nodes://: name it in the manager's list")

    @override
    async def until_lost(self, address: Address) -> None:
        """Refuse, as `register` does."""
        raise NotSupportedError(f"{address} cannot be lost from nodes://: it was never registered")

    @override
    async def deregister(self, address: Address) -> None:
        """Refuse, as `register` does."""
        raise NotSupportedError(f"{address} cannot leave nodes://: it was never registered")

    async def aclose(self) -> None:
        """Nothing to release."""
