"""The small interface that every discovery has, and the addresses that it speaks of."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol, Self

from common.hostport import TcpEndpoint, UnixEndpoint, join_hostport, parse_endpoint
from discovery.errors import BadDiscoveryError


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where one engine is reached: ``host:port``, or ``unix:///path`` on this machine."""

    text: str
    """Canonical: no ``tcp://``, brackets around IPv6, no zeros in front of the port."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address written as ``[tcp://]host:port`` or ``unix:///path``.

        Raises:
            BadDiscoveryError: not such an address.
        """
        try:
            endpoint = parse_endpoint(text)
        except ValueError as exc:
            raise BadDiscoveryError(str(exc)) from exc
        if isinstance(endpoint, UnixEndpoint):
            return cls(str(endpoint))
        if not endpoint.host or not endpoint.port:
            raise BadDiscoveryError(f"{text!r} needs a host and a port from 1 to 65535")
        return cls(join_hostport(endpoint.host, endpoint.port))

    @property
    def endpoint(self) -> TcpEndpoint | UnixEndpoint:
        """The address in parts, ready to be dialled."""
        return parse_endpoint(self.text)

    def __str__(self) -> str:
        return self.text


class Discovery(Protocol):
    """A place that knows the cluster's engines."""

    def describe(self) -> str:
        """Return the discovery as a person would name it; holds no secret."""
        ...

    def watch(self) -> AsyncGenerator[frozenset[Address]]:
        """Yield all addresses: first as soon as they are known, then after each change.

        Never ends and never raises because the discovery is out of reach: it keeps what it
        said last and goes on trying. What it yields is confirmed: a sudden empty answer, or one
        from a store that came back without its data, is held back for a grace time.
        """
        ...

    async def register(self, address: Address, ttl_s: float) -> None:
        """Write *address* down, or renew it; it vanishes *ttl_s* seconds after the last call.

        Raises:
            NotSupportedError: this discovery cannot be written to, or not with this TTL.
            DiscoveryUnavailableError: not written; worth another try.
        """
        ...

    async def until_lost(self, address: Address) -> None:
        """Return when what `register` of this object wrote is not there any more.

        Somebody else may have removed it, or the discovery has lost it. May take for ever; while
        the discovery is out of reach nothing is known to be lost.

        Raises:
            NotSupportedError: this discovery cannot be written to.
        """
        ...

    async def deregister(self, address: Address) -> None:
        """Take back what `register` of this object wrote; others see it at once.

        Raises:
            NotSupportedError: this discovery cannot be written to.
            DiscoveryUnavailableError: not taken back; it goes when its TTL ends.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...
