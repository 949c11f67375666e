"""A place where registrations are written, as the loop that keeps it up sees it."""

from typing import Protocol

from agent.rules.desired import HostWanted


class Backend(Protocol):
    """Consul's key/value store, or its catalog."""

    @property
    def name(self) -> str:
        """For logs and figures."""
        ...

    @property
    def heartbeat_s(self) -> float:
        """Seconds between two proofs of life."""
        ...

    async def sync(self, wanted: HostWanted, *, is_full: bool) -> int:
        """Make it hold what is *wanted* of this host, no more; return how much was written.

        With *is_full* it looks at what is there instead of relying on what it wrote last.

        Raises:
            DiscoveryUnavailableError: Consul did not do it, or not all.
        """
        ...

    async def beat(self) -> bool:
        """Prove that this host lives; False if what it wrote is gone.

        Raises:
            DiscoveryUnavailableError: Consul does not answer.
        """
        ...

    async def withdraw(self) -> None:
        """Take everything back.

        Raises:
            DiscoveryUnavailableError: Consul did not do it.
        """
        ...
