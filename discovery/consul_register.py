"""How an agent keeps its engine's key in Consul: held by a session, deleted when that ends.

Source: what classic Swarm's agents write, so that both kinds can be mixed in one cluster.
"""

from dataclasses import dataclass

from common.durations import parse_duration
from discovery.base import Address
from discovery.blocking import BlockingQuery
from discovery.consul_http import ConsulHTTP, Session
from discovery.consul_keys import Entry, Folder
from discovery.errors import DiscoveryUnavailableError, NotSupportedError

_FLAGS = 0x2DDCCBC058A50C18
"""Marks keys held as locks, by the convention of Consul's own client libraries."""
_MIN_TTL_S = 20.0
_MAX_TTL_S = 2 * 86400.0
"""Consul takes session TTLs from 10 s to one day, and ends a session only after twice its TTL: so
half of ``--ttl`` is given to it."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A session of ours, and the TTL that it was made with."""

    session: str
    ttl_s: float


class Registrations:
    """The keys that this process keeps alive, one session each."""

    def __init__(self, http: ConsulHTTP, folder: Folder) -> None:
        self._http = http
        self._folder = folder
        self._held: dict[Address, _Held] = {}

    async def register(self, address: Address, ttl_s: float) -> None:
        """Write the key of *address*, or prove that its agent still lives.

        Raises:
            NotSupportedError: Consul cannot keep such a TTL, or *address* is a unix path.
            DiscoveryUnavailableError: Consul did not do it.
        """
        _check(address, ttl_s)
        key = self._folder.key_of(address)
        session = await self._living_session(address, ttl_s)
        entry = await self._http.entry(key)
        if session is None and entry is not None:
            session = await self._adopted(address, entry, ttl_s)
        if session is None:
            session = await self._http.create_session(f"swarm join {address}", ttl_s=ttl_s / 2)
        # Known before it is used: should we be stopped in between, deregister must find it.
        self._held[address] = _Held(session, ttl_s)
        if not _is_ours(entry, session, address):
            await self._take(key, address, entry, session)

    async def until_lost(self, address: Address) -> None:
        """Return when there is no key of *address*; ask until then, also through outages.

        A key that another session holds is not lost: an agent that takes over from this one has it.
        """
        key = self._folder.key_of(address)
        query = BlockingQuery(self._http, key)
        while True:
            answer = await query.next()
            if not any(entry.key == key for entry in answer.listing.entries):
                return

    async def deregister(self, address: Address) -> None:
        """End the session behind *address*: its key is gone at once.

        Raises:
            DiscoveryUnavailableError: Consul did not do it.
        """
        held = self._held.get(address)
        if held is None:
            return
        await self._http.destroy_session(held.session)
        self._held.pop(address, None)

    async def _living_session(self, address: Address, ttl_s: float) -> str | None:
        """Return our session after renewing it, None if there is none or Consul ended it."""
        held = self._held.get(address)
        if held is None:
            return None
        if held.ttl_s == ttl_s and await self._http.renew_session(held.session):
            return held.session
        del self._held[address]
        return None

    async def _adopted(self, address: Address, entry: Entry, ttl_s: float) -> str | None:
        """Return the session that a former run of this agent left on its key, if it will do.

        Without this, an agent that crashed and came back would have to wait for its own old
        session to end before it could have its key.
        """
        if not entry.session or entry.value.decode(errors="replace") != str(address):
            return None
        session = await self._http.session(entry.session)
        if session is None or not _fits(session, ttl_s):
            return None
        return entry.session if await self._http.renew_session(entry.session) else None

    async def _take(self, key: str, address: Address, entry: Entry | None, session: str) -> None:
        """Make *session* the holder of *key*; the key is there all the time.

        Raises:
            DiscoveryUnavailableError: somebody else took it in the meantime.
        """
        value = str(address)
        if entry is not None and entry.session and entry.session != session:
            # Released and taken over rather than destroyed, which would delete the key and so
            # take the engine out of the cluster for a moment.
            await self._http.release(key, value, flags=_FLAGS, session=entry.session)
        if not await self._http.acquire(key, value, flags=_FLAGS, session=session):
            raise DiscoveryUnavailableError(
                f"{address} could not be registered: another session holds the key {key}"
            )


def _check(address: Address, ttl_s: float) -> None:
    if str(address).startswith("unix://"):
        raise NotSupportedError(f"{address} cannot join: other machines cannot reach it")
    check_ttl(ttl_s)


def check_ttl(ttl_s: float) -> None:
    """Refuse what Consul cannot keep.

    Raises:
        NotSupportedError: *ttl_s* is too short or too long.
    """
    if not _MIN_TTL_S <= ttl_s <= _MAX_TTL_S:
        raise NotSupportedError(
            "--ttl must be from 20s to 48h with Consul, whose sessions last 10s at least"
            " and end after twice their TTL"
        )


def _is_ours(entry: Entry | None, session: str, address: Address) -> bool:
    return entry is not None and entry.session == session and entry.value == str(address).encode()


def _fits(session: Session, ttl_s: float) -> bool:
    try:
        return session.behavior == "delete" and parse_duration(session.ttl) == ttl_s / 2
    except ValueError:
        return False
