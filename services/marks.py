"""Writing drain marks: see `services.drain` for what they say, and to whom."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
    async def mark(self, container_id: str, seconds: float) -> AsyncIterator[bool]:
        """Keep the mark while the block runs, which takes *seconds* and the time of a stop.

        Yields:
            Whether it stands. Without Consul nobody could hear of it: a stop goes on at once.
        """
        session = await self._written(container_id, seconds)
        try:
            yield session is not None
        finally:
            if session is not None:
                await self._taken_back(session, container_id)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _written(self, container_id: str, seconds: float) -> str | None:
        try:
            session = await self._http.create_session(
                f"swarm drain {container_id[:12]}", ttl_s=seconds + _SPARE_TTL_S
            )
            key = f"{self._prefix}/{key_of(container_id)}".lstrip("/")
            if await self._http.acquire(key, f"{seconds:g}s", flags=0, session=session):
                return session
            await self._http.destroy_session(session)  # another manager is stopping it
        except DiscoveryUnavailableError as exc:
            _log.warning("%s is stopped without draining: %s", container_id[:12], exc)
        return None

    async def _taken_back(self, session: str, container_id: str) -> None:
        try:
            await self._http.destroy_session(session)
        except DiscoveryUnavailableError as exc:
            _log.warning("the drain mark of %s stays a little: %s", container_id[:12], exc)
