"""The backend that keeps entries in the service catalog of the Consul agent of this host."""

import logging
from typing import Any

from agent.claim import Identity, NotOursError
from agent.rules.catalog import (
    alive_check_of,
    container_of,
    definition_of,
    digest_of,
    is_of_host,
)
from agent.rules.desired import HostWanted
from discovery.consul_agent import deregister, pass_check, register, services
from discovery.consul_http import ConsulHTTP

_log = logging.getLogger(__name__)

_BEATS_PER_TTL = 3


class CatalogBackend:
    """Registers services by the agent's API; those of others are never touched."""

    name = "catalog"

    def __init__(self, http: ConsulHTTP, who: Identity, ttl_s: float) -> None:
        self._http = http
        self._who = who
        self._ttl_s = ttl_s
        self._found: dict[str, str] | None = None
        self._others: frozenset[str] = frozenset()
        self._kept: frozenset[str] = frozenset()
        self.heartbeat_s = ttl_s / _BEATS_PER_TTL

    async def sync(self, wanted: HostWanted, *, is_full: bool) -> int:
        """See `Backend`; what has the same digest is left alone, its checks' states with it."""
        found = self._found
        if is_full or found is None:
            found = self._found = await self._read()
        definitions = {
            one.entry.id: definition_of(one, self._who.engine, ttl_s=self._ttl_s)
            for one in wanted.registrations
        }
        if claimed := sorted(definitions.keys() & self._others):
            raise NotOursError(
                f"somebody else has the service {claimed[0]} here:"
                f" another engine with the name {self._who.host}? Give one another --host-name"
            )
        unread = {known for known in found if container_of(known) in wanted.unread}
        written = 0
        for service_id in [one for one in found if one not in definitions.keys() | unread]:
            await deregister(self._http, service_id)
            del found[service_id]
            written += 1
        self._kept = frozenset(definitions.keys() | unread)
        for service_id, definition in definitions.items():
            if found.get(service_id) != digest_of(definition):
                await self._register(definition)
                found[service_id] = digest_of(definition)
                written += 1
        return written

    async def beat(self) -> bool:
        """See `Backend`; an agent that was started anew without its data knows no check."""
        for service_id in sorted(self._kept):
            is_written = self._found is not None and service_id in self._found
            if is_written and not await pass_check(self._http, alive_check_of(service_id)):
                _log.warning("Consul's agent has lost services of %s: registering", self._who.host)
                self._found = None
                return False
        return True

    async def withdraw(self) -> None:
        """See `Backend`."""
        await self.sync(HostWanted(), is_full=True)

    async def _read(self) -> dict[str, str]:
        """Return the digests of this host's services, by ID."""
        there = await services(self._http)
        ours = {
            service_id: digest_of(service)
            for service_id, service in there.items()
            if is_of_host(service, self._who.host, self._who.engine)
        }
        self._others = frozenset(there.keys() - ours.keys())
        return ours

    async def _register(self, definition: dict[str, Any]) -> None:
        try:
            await register(self._http, definition)
        except BaseException:
            # It may have been carried out all the same.
            self._found = None
            raise
