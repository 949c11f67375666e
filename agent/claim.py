"""Which agent keeps the entries of a host: the one whose name stands in ``.agents/<host>``.

The key is held by the session that holds the entries too. An agent that starts takes both over
from the one before it, so a restart changes nothing that others see; an agent that finds another
one of the same engine in its place stands back. Every write checks the key's index, so two can
never write in turns.
"""

import json
import logging
from dataclasses import dataclass
from typing import Any

from common.durations import parse_duration
from discovery.consul_http import ConsulHTTP
from discovery.consul_keys import Entry
from discovery.consul_txn import Operation, check_absent, check_index, delete, lock, transact
from discovery.errors import DiscoveryUnavailableError

_log = logging.getLogger(__name__)

FOLDER = ".agents/"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who claims."""

    host: str
    engine: str
    """The engine's own ID: two hosts may have one name."""
    instance: str
    """Of this process, never used twice."""

    def value(self) -> bytes:
        """Return what the key says."""
        return json.dumps({"engine": self.engine, "instance": self.instance}).encode()


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write this host's entries."""

    session: str
    key: str
    index: int
    """Of the key, when it was claimed: still the same means still ours."""
    former: str = ""
    """A session that held the entries before and could not be kept on; to be ended once they
    have moved."""

    def demand(self) -> Operation:
        """Return what each transaction has to begin with."""
        return check_index(self.key, self.index)


class NotOursError(DiscoveryUnavailableError):
    """Somebody else keeps this host's entries; the text says who."""


class Claims:
    """Takes and renews the claim of one agent."""

    def __init__(self, http: ConsulHTTP, prefix: str, who: Identity, ttl_s: float) -> None:
        """*prefix* ends in a slash; *ttl_s* seconds after the last renewal the entries go."""
        self._http = http
        self._key = f"{prefix}{FOLDER}{who.host}"
        self._who = who
        # Consul ends a session between one and two of its TTLs.
        self._session_ttl_s = ttl_s / 2
        self._had_it = False

    async def take(self) -> Claim:
        """Claim the host, keeping the session that its entries already have where possible.

        Raises:
            NotOursError: another engine of this name is there, or another agent took over.
            DiscoveryUnavailableError: Consul did not do it.
        """
        entry = await self._http.entry(self._key)
        if entry is None or not entry.session:
            return await self._anew(entry)
        self._check_holder(_parsed(entry.value))
        if await self._is_kept(entry.session):
            written = (lock(self._key, self._who.value(), entry.session),)
            return await self._written(entry, written, entry.session)
        return await self._anew(entry)

    async def renew(self, claim: Claim) -> bool:
        """Extend the session's life; False if it has ended."""
        return await self._http.renew_session(claim.session)

    async def is_ours(self) -> bool:
        """Whether the key still names this agent."""
        entry = await self._http.entry(self._key)
        return entry is not None and entry.value == self._who.value()

    async def give_up(self, claim: Claim) -> bool:
        """Withdraw all entries at once; False if another agent has taken them over."""
        outcome = await transact(self._http, [claim.demand(), delete(self._key)])
        if outcome.is_done:
            await self._http.destroy_session(claim.session)
        return outcome.is_done

    def _check_holder(self, holder: dict[str, Any]) -> None:
        if holder.get("engine", self._who.engine) != self._who.engine:
            raise NotOursError(
                f"another engine with the name {self._who.host} keeps its entries here:"
                " give one of them another --host-name"
            )
        if self._had_it and holder.get("instance") != self._who.instance:
            raise NotOursError("another agent of this engine has taken its entries over")

    async def _is_kept(self, session: str) -> bool:
        """Whether the session that was found will do; it is renewed."""
        found = await self._http.session(session)
        try:
            fits = (
                found is not None
                and found.behavior == "delete"
                and parse_duration(found.ttl) == self._session_ttl_s
            )
        except ValueError:
            fits = False
        return fits and await self._http.renew_session(session)

    async def _anew(self, entry: Entry | None) -> Claim:
        """Claim with a new session; *entry* is the key as it was found."""
        name = f"swarm registrator {self._who.host}"
        session = await self._http.create_session(name, ttl_s=self._session_ttl_s)
        parts: tuple[Operation, ...] = (lock(self._key, self._who.value(), session),)
        if entry is not None and entry.session:
            parts = (delete(self._key), *parts)
        try:
            return await self._written(entry, parts, session)
        except NotOursError:
            await self._http.destroy_session(session)
            raise

    async def _written(
        self, entry: Entry | None, parts: tuple[Operation, ...], session: str
    ) -> Claim:
        unchanged = (
            check_absent(self._key) if entry is None else check_index(self._key, entry.modify_index)
        )
        outcome = await transact(self._http, [unchanged, *parts])
        if not outcome.is_done:
            raise NotOursError(f"another agent came first: {'; '.join(outcome.errors)}")
        self._had_it = True
        former = entry.session if entry is not None and entry.session != session else ""
        return Claim(session, self._key, outcome.modify_indexes[self._key], former)


def _parsed(value: bytes) -> dict[str, Any]:
    try:
        holder = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return holder if isinstance(holder, dict) else {}
