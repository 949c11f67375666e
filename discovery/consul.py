"""``consul://``: addresses in a Consul server's key/value store, followed by blocking queries."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Mapping

import httpx

from common.backoff import Backoff
from common.durations import format_duration
from discovery.base import Address
from discovery.consul_http import ConsulHTTP
from discovery.consul_keys import Entry, Folder
from discovery.consul_register import Registrations
from discovery.errors import DiscoveryUnavailableError
from discovery.guard import LossGuard, Verdict
from discovery.uri import ConsulTarget

_log = logging.getLogger(__name__)

_WAIT_S = 30.0
_MIN_INTERVAL_S = 0.1
"""Between two queries: a busy prefix must not turn blocking queries into a busy loop."""
_BACKOFF = Backoff(first_s=0.5, cap_s=15.0)
_REMINDER_EVERY = 20
"""A lasting failure is told of again after so many tries, about five minutes."""


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

    async def deregister(self, address: Address) -> None:
        """Take back; see `discovery.base.Discovery.deregister`."""
        await self._registrations.deregister(address)

    async def aclose(self) -> None:
        """Close the connections to Consul."""
        await self._http.aclose()


class _Watcher:
    """Turns blocking queries into verdicts: paces them, survives failures, logs once."""

    def __init__(self, http: ConsulHTTP, folder: Folder, guard: LossGuard) -> None:
        self._http = http
        self._folder = folder
        self._guard = guard
        self._index = 0
        self._wait_s = _WAIT_S
        self._asked_at = -_MIN_INTERVAL_S
        self._failures = 0
        self._engines: Mapping[Address, Entry] = {}
        self._complaints: frozenset[str] = frozenset()
        self._held: frozenset[Address] = frozenset()

    async def next(self) -> Verdict:
        """Return what the next good answer means, however long Consul takes to give one."""
        while True:
            await asyncio.sleep(self._asked_at + _MIN_INTERVAL_S - time.monotonic())
            self._asked_at = time.monotonic()
            try:
                return await self._ask()
            except DiscoveryUnavailableError as exc:
                await self._fail(exc)

    async def _ask(self) -> Verdict:
        listing = await self._http.listing(
            self._folder.watched, index=self._index, wait_s=self._wait_s
        )
        engines, complaints = self._folder.engines(listing.entries)
        has_left = await self._has_left(engines)
        if listing.index < self._index:
            # The store went back in time: restored, or started anew. Waiting on the old index
            # could miss changes for as long as the new one is below it.
            self._guard.trouble()
            self._index = 0
        else:
            self._index = listing.index
        marks = {address: entry.mark for address, entry in engines.items()}
        verdict = self._guard.observe(marks, time.monotonic(), has_left=has_left)
        if not verdict.held:
            self._engines = engines
        self._wait_s = min(_WAIT_S, verdict.hold_left_s) if verdict.held else _WAIT_S
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

    async def _fail(self, exc: DiscoveryUnavailableError) -> None:
        if self._failures % _REMINDER_EVERY == 0:
            _log.error("%s; what is known stays as it is, trying again", exc)
        self._failures += 1
        self._index = 0
        self._guard.trouble()
        await asyncio.sleep(_BACKOFF.delay_s(self._failures, random.random))

    def _tell(self, verdict: Verdict, complaints: frozenset[str]) -> None:
        if self._failures:
            _log.info("Consul answers again")
            self._failures = 0
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
