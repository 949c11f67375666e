"""Writing drain marks: see `services.drain` for what they say, and to whom."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from discovery.blocking import BlockingQuery
from discovery.consul_http import ConsulHTTP
from discovery.errors import DiscoveryUnavailableError
from services.drain import key_of

_log = logging.getLogger(__name__)

_SPARE_TTL_S = 30.0
"""A mark outlives a writer that died by this at most (Consul may double it)."""


class DrainMarks:
    """Marks containers that are about to be stopped."""

    def __init__(self, http: ConsulHTTP, prefix: str) -> None:
        """*prefix* is the services' folder, without slashes at its ends."""
        self._http = http
        self._prefix = prefix

    @asynccontextmanager
    async def drained(self, container_id: str, seconds: float) -> AsyncIterator[None]:
        """Begin the block when routers have had *seconds*; the mark stands until it ends.

        While another stop's mark is there this one waits with it, *seconds* at most: it must not
        cut short what the first one waits for. Without Consul nobody could hear of a mark, and
        the block begins at once.
        """
        session = await self._session(container_id, seconds)
        if session is None:
            yield
            return
        # Whatever becomes of the rest, the mark ends with its session.
        try:
            await self._hold_back(container_id, seconds, session)
            yield
        finally:
            await self._end(session, container_id)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _session(self, container_id: str, seconds: float) -> str | None:
        name = f"swarm drain {container_id[:12]}"
        try:
            return await self._http.create_session(name, ttl_s=seconds + _SPARE_TTL_S)
        except DiscoveryUnavailableError as exc:
            _log.warning("%s is stopped without draining: %s", container_id[:12], exc)
            return None

    async def _hold_back(self, container_id: str, seconds: float, session: str) -> None:
        key = f"{self._prefix}/{key_of(container_id)}".lstrip("/")
        try:
            is_ours = await self._http.acquire(key, f"{seconds:g}s", flags=0, session=session)
        except DiscoveryUnavailableError as exc:
            _log.warning("%s is stopped without draining: %s", container_id[:12], exc)
            return
        if is_ours:
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._gone(key)

    async def _gone(self, key: str) -> None:
        """Return once nobody holds *key* any more."""
        query = BlockingQuery(self._http, key)
        while (await query.next()).listing.entries:
            _log.debug("another stop waits already: %s", key)

    async def _end(self, session: str, container_id: str) -> None:
        try:
            await self._http.destroy_session(session)
        except DiscoveryUnavailableError as exc:
            _log.warning("the drain mark of %s stays a little: %s", container_id[:12], exc)
