"""``docker events``: what is remembered by every engine, then what happens, in one stream."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import orjson

from engine.errors import EngineError
from master.cluster.events.broker import (
    Deduplicator,
    Event,
    Subscription,
    encode_all,
    event_from_message,
    merge_past,
)
from master.cluster.events.filter import EventFilter, parse_window
from master.cluster.model import ApiVersion, Engine
from master.cluster.networks.edits import with_cluster_network
from master.errors import ManagerError
from master.supervisor.fleet import Fleet

_log = logging.getLogger(__name__)

_PAST_LIMIT_S = 5.0
"""An engine keeps 256 events in memory: it answers at once, or it does not answer."""
_NANO = 1_000_000_000


class EventStream:
    """One client's stream; the query is checked at once, the events come with `pieces`."""

    def __init__(
        self,
        fleet: Fleet,
        *,
        since: str | None,
        until: str | None,
        filters: str | None,
        version: ApiVersion,
    ) -> None:
        """Start to gather live events.

        Raises:
            BadRequestError: a time or a filter makes no sense.
        """
        self._fleet = fleet
        self._filter = EventFilter.parse(filters)
        self._since, self._until = parse_window(since, until, time.time())
        self._wants_past = bool(since) or bool(until)
        self._version = version
        matches = None if self._filter.is_empty else self._filter.matches
        self._subscription = fleet.broker.subscribe(matches)

    async def pieces(self) -> AsyncIterator[bytes]:
        """JSON lines; ends at ``until``, or never."""
        async with self._subscription:
            past = await self._past() if self._wants_past else []
            if past:
                yield encode_all(past, self._version)
            fresh = Deduplicator(past)
            async for batch in self._live(self._subscription):
                wanted = [event for event in batch if fresh.is_new(event)]
                if wanted:
                    yield encode_all(wanted, self._version)

    async def _live(self, subscription: Subscription) -> AsyncIterator[list[Event]]:
        if self._until is None:
            async for batch in subscription:
                yield batch
            return
        try:
            async with asyncio.timeout(max(0.0, self._until / _NANO - time.time())):
                async for batch in subscription:
                    yield [event for event in batch if event.time_nano <= self._until]
        except TimeoutError:
            return

    async def _past(self) -> list[Event]:
        now = time.time_ns()
        until = now if self._until is None else min(now, self._until)
        engines = self._fleet.healthy_engines()
        parts = await asyncio.gather(*(self._past_of(engine, until) for engine in engines))
        own = [
            event
            for event in self._fleet.broker.own_past()
            if self._since <= event.time_nano <= until and self._filter.matches(event)
        ]
        return merge_past([*parts, own])

    async def _past_of(self, engine: Engine, until: int) -> list[Event]:
        query = {"since": _seconds(self._since), "until": _seconds(until)}
        if wanted := self._filter.for_engines():
            query["filters"] = orjson.dumps(wanted).decode()
        try:
            response = await self._fleet.client(engine.address).request(
                "GET", "/events", query, timeout_s=_PAST_LIMIT_S
            )
        except (EngineError, ManagerError) as exc:
            _log.warning("past events of %s are missing: %s", engine.name, exc)
            return []
        messages = [orjson.loads(line) for line in response.content.splitlines() if line.strip()]
        ids = self._fleet.state.network_ids
        shown = [with_cluster_network(message, engine.address, ids) for message in messages]
        events = [event_from_message(dict(message), engine) for message in shown]
        return [event for event in events if self._filter.matches(event)]


def _seconds(nano: int) -> str:
    seconds, rest = divmod(nano, _NANO)
    return f"{seconds}.{rest:09d}"
