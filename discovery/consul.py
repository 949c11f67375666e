"""``consul://``: addresses in a Consul server's key/value store, followed by blocking queries."""

import logging
import time
from collections.abc import AsyncGenerator, Mapping

import httpx

from common.durations import format_duration
from discovery.base import Address
from discovery.blocking import WAIT_S, BlockingQuery
from discovery.consul_http import ConsulHTTP
from discovery.consul_keys import Entry, Folder
from discovery.consul_register import Registrations
from discovery.errors import DiscoveryUnavailableError
from discovery.guard import LossGuard, Verdict
from discovery.uri import ConsulTarget

_log = logging.getLogger(__name__)


class ConsulDiscovery:
    """Engines that agents wrote down in Consul."""

    def __init__(
        self,
        target: ConsulTarget,
        *,
        grace_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            target: server, folder, credentials.
            grace_s: seconds for which doubtful losses are held back.
            transport: replaces the network (tests).

        Raises:
            BadDiscoveryError: a TLS file cannot be used.
        """
        self._target = target
        self._grace_s = grace_s
        self._folder = Folder(target.prefix, target.kv_path)
        self._http = ConsulHTTP(target, transport=transport)
        self._registrations = Registrations(self._http, self._folder)

    def describe(self) -> str:
        """Return server and prefix as a URI, without the token."""
        return str(self._target)

    async def watch(self) -> AsyncGenerator[frozenset[Address]]:
        """Yield the engines' addresses; see `discovery.base.Discovery.watch`."""
        watcher = _Watcher(self._http, self._folder, LossGuard(self._grace_s))
        known: frozenset[Address] | None = None
        while True:
            verdict = await watcher.next()
            if verdict.addresses != known:
                known = verdict.addresses
                yield known

    async def register(self, address: Address, ttl_s: float) -> None:
        """Write or renew; see `discovery.base.Discovery.register`."""
        await self._registrations.register(address, ttl_s)

    async def until_lost(self, address: Address) -> None:
        """Wait for the loss; see `discovery.base.Discovery.until_lost`."""
        await self._registrations.until_lost(address)

    async def deregister(self, address: Address) -> None:
        """Take back; see `discovery.base.Discovery.deregister`."""
        await self._registrations.deregister(address)

    async def aclose(self) -> None:
        """Close the connections to Consul."""
        await self._http.aclose()


class _Watcher:
    """Turns the store's answers into verdicts."""

    def __init__(self, http: ConsulHTTP, folder: Folder, guard: LossGuard) -> None:
        self._http = http
        self._folder = folder
        self._guard = guard
        self._query = BlockingQuery(http, folder.watched)
        self._wait_s = WAIT_S
        self._engines: Mapping[Address, Entry] = {}
        self._complaints: frozenset[str] = frozenset()
        self._held: frozenset[Address] = frozenset()

    async def next(self) -> Verdict:
        """Return what the next good answer means, however long Consul takes to give one."""
        answer = await self._query.next(self._wait_s)
        engines, complaints = self._folder.engines(answer.listing.entries)
        has_left = await self._has_left(engines)
        if answer.is_doubtful:
            self._guard.trouble()
        marks = {address: entry.mark for address, entry in engines.items()}
        verdict = self._guard.observe(marks, time.monotonic(), has_left=has_left)
        if not verdict.held:
            self._engines = engines
        self._wait_s = min(WAIT_S, verdict.hold_left_s) if verdict.held else WAIT_S
        self._tell(verdict, complaints)
        return verdict

    async def _has_left(self, engines: Mapping[Address, Entry]) -> bool:
        """Tell whether the cluster's only engine is gone because its agent's session is."""
        if len(self._engines) != 1 or not self._engines.keys().isdisjoint(engines):
            return False
        (entry,) = self._engines.values()
        try:
            return bool(entry.session) and await self._http.session(entry.session) is None
        except DiscoveryUnavailableError:
            return False  # not known to be gone, so the guard's grace decides

    def _tell(self, verdict: Verdict, complaints: frozenset[str]) -> None:
        for complaint in sorted(complaints - self._complaints):
            _log.warning("%s", complaint)
        self._complaints = complaints
        if verdict.held and not self._held:
            _log.warning(
                "Consul does not list %s any more, and not in the way in which agents leave:"
                " the cluster keeps them for up to %s",
                ", ".join(sorted(str(address) for address in verdict.held)),
                format_duration(round(verdict.hold_left_s)),
            )
        self._held = verdict.held
