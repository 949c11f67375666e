"""The backend that keeps entries as keys, held by a session that ends with the host."""

import logging
from collections.abc import Sequence

from agent.claim import Claim, Claims, Identity
from agent.rules.desired import HostWanted
from agent.rules.plan import Change, Held, batches, changes, kept_keys, wanted_keys
from discovery.consul_http import ConsulHTTP
from discovery.consul_txn import transact
from discovery.errors import DiscoveryUnavailableError
from services.entry import host_of

_log = logging.getLogger(__name__)

_BEATS_PER_TTL = 6
"""Three in the life of a session, which is half of ``--ttl``."""


class KeyBackend:
    """Writes ``<prefix>/<service>-<port>/<host>:<container>:<port>``; see `services.entry`.

    Keys of other hosts, and keys that are no entries, are never touched.
    """

    name = "kv"

    def __init__(self, http: ConsulHTTP, prefix: str, who: Identity, ttl_s: float) -> None:
        """*prefix* ends in a slash."""
        self._http = http
        self._prefix = prefix
        self._host = who.host
        self._claims = Claims(http, prefix, who, ttl_s)
        self._claim: Claim | None = None
        self._found: dict[str, Held] | None = None
        self.heartbeat_s = ttl_s / _BEATS_PER_TTL

    async def sync(self, wanted: HostWanted, *, is_full: bool) -> int:
        """See `Backend`; what is the same already is not written."""
        claim = self._claim
        if claim is None or (is_full and not await self._claims.is_ours()):
            self._forget()
            claim = self._claim = await self._claims.take()
        if is_full or self._found is None:
            self._found = await self._read()
        keys = {
            **kept_keys(self._found, self._prefix, wanted.unread),
            **wanted_keys(wanted.registrations, self._prefix),
        }
        todo = changes(keys, self._found, claim.session)
        for batch in batches(todo, reserved=1):
            await self._write(claim, batch, self._found)
        if claim.former:
            # Nothing is held by it any more: its end takes nothing along.
            await self._http.destroy_session(claim.former)
            self._claim = Claim(claim.session, claim.key, claim.index)
        return len(todo)

    async def beat(self) -> bool:
        """See `Backend`; a session that has ended took the keys with it."""
        if self._claim is None:
            return True
        if await self._claims.renew(self._claim):
            return True
        _log.warning("Consul has ended the session of %s: writing its entries anew", self._host)
        self._forget()
        return False

    async def withdraw(self) -> None:
        """See `Backend`; what another agent has taken over stays."""
        claim = self._claim
        self._forget()
        if claim is not None and await self._claims.give_up(claim):
            _log.info("Withdrew all entries of %s", self._host)

    def _forget(self) -> None:
        self._claim = self._found = None

    async def _read(self) -> dict[str, Held]:
        """Return the keys of this host as they are, whoever wrote them."""
        listing = await self._http.listing(self._prefix)
        return {
            entry.key: Held(entry.value, entry.session)
            for entry in listing.entries
            if host_of(entry.key.removeprefix(self._prefix)) == self._host
        }

    async def _write(self, claim: Claim, batch: Sequence[Change], found: dict[str, Held]) -> None:
        operations = [part for change in batch for part in change.operations(claim.session)]
        try:
            outcome = await transact(self._http, [claim.demand(), *operations])
        except BaseException:
            # It may have been carried out all the same.
            self._found = None
            raise
        if not outcome.is_done:
            self._forget()
            raise DiscoveryUnavailableError(
                f"entries could not be written: {'; '.join(outcome.errors)}"
            )
        for change in batch:
            if change.value is None:
                found.pop(change.key, None)
            else:
                found[change.key] = Held(change.value, claim.session)
