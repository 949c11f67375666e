"""``docker events``: what is remembered by every engine, then what happens, in one stream."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson

from engine.errors import EngineError
from engine.lines import lines_of
from master.cluster import shims
from master.cluster.events.broker import (
    Deduplicator,
    Event,
    Subscription,
    encode_all,
    event_from_message,
    merge_past,
)
from master.cluster.events.filter import EventFilter, parse_window
from master.cluster.events.past import past_window
from master.cluster.model import ApiVersion, Engine
from master.cluster.networks.edits import with_cluster_network
from master.errors import ManagerError
from master.supervisor.fleet import Fleet

_log = logging.getLogger(__name__)

_PAST_LIMIT_S = 5.0
"""An engine keeps 256 events in memory: it sends them at once, or it does not answer."""
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
        before: bytes = b"",
    ) -> None:
        """*before* stands in front of each event.

        Raises:
            BadRequestError: a time or a filter makes no sense.
        """
        self._fleet = fleet
        self._filter = EventFilter.parse(filters)
        self._since, self._until = parse_window(since, until, time.time())
        self._wants_past = bool(since) or bool(until)
        self._version = version
        self._before = before

    async def pieces(self, input_ended: asyncio.Future[None]) -> AsyncIterator[bytes]:
        """JSON lines; ends at ``until``, when the client has ended its input, or never.

        What an engine does, too: the past is sent in any case. Whoever does not begin to read has
        not begun to listen.
        """
        async with self._fleet.broker.subscribe(self._wants) as subscription:
            past = await self._past() if self._wants_past else []
            if past:
                yield self._encoded(past)
            fresh = Deduplicator(past)
            with _ended_by(input_ended, subscription):
                async for batch in self._live(subscription):
                    wanted = [event for event in batch if fresh.is_new(event)]
                    if wanted:
                        yield self._encoded(wanted)

    def _wants(self, event: Event) -> bool:
        told = shims.is_event_told(event.type, event.action, self._version)
        return told and self._filter.matches(event)

    def _encoded(self, events: list[Event]) -> bytes:
        return encode_all(events, self._version, self._before)

    async def _live(self, subscription: Subscription) -> AsyncIterator[list[Event]]:
        if self._until is None:
            async for batch in subscription:
                yield batch
            return
        while True:
            left_s = max(0.0, self._until / _NANO - time.time())
            try:
                # Each wait by itself: what a slow client makes of an event must not be cut short.
                async with asyncio.timeout(left_s):
                    batch = await anext(subscription)
            except (TimeoutError, StopAsyncIteration):
                return
            yield [event for event in batch if event.time_nano <= self._until]

    async def _past(self) -> list[Event]:
        now = time.time_ns()
        engines = self._fleet.healthy_engines()
        parts = await asyncio.gather(*(self._past_of(engine, now) for engine in engines))
        until = now if self._until is None else min(now, self._until)
        own = [
            event
            for event in self._fleet.broker.own_past()
            if self._since <= event.time_nano <= until and self._wants(event)
        ]
        return merge_past([*parts, own])

    async def _past_of(self, engine: Engine, now: int) -> list[Event]:
        newest = self._fleet.broker.newest_stamp(engine.address)
        window = past_window(engine, self._since, self._until, now=now, newest=newest)
        if window is None:
            return []
        since, until = window
        query = {"since": _seconds(since), "until": _seconds(until)}
        if wanted := self._filter.for_engines():
            query["filters"] = orjson.dumps(wanted).decode()
        ids = self._fleet.state.network_ids
        events = [
            event_from_message(dict(with_cluster_network(message, engine.address, ids)), engine)
            for message in await self._ask(engine, query)
        ]
        return [event for event in events if self._wants(event)]

    async def _ask(self, engine: Engine, query: dict[str, str]) -> list[dict[str, Any]]:
        """What *engine* says; if it does not come to an end, what it has said so far."""
        said: list[dict[str, Any]] = []
        try:
            async with (
                asyncio.timeout(_PAST_LIMIT_S),
                self._fleet.client(engine.address).stream("GET", "/events", query) as pieces,
            ):
                async for line in lines_of(pieces, engine.address):
                    said.append(orjson.loads(line))  # noqa: PERF401 - an error leaves what came
        except (EngineError, ManagerError, TimeoutError, orjson.JSONDecodeError) as exc:
            _log.warning(
                "past events of %s may be missing: %s",
                engine.name,
                str(exc) or f"no end within {_PAST_LIMIT_S:g} s",
            )
        return said


@contextlib.contextmanager
def _ended_by(input_ended: asyncio.Future[None], subscription: Subscription) -> Iterator[None]:
    """What has been gathered when *input_ended* is done is the last that is delivered."""

    def end(_: asyncio.Future[None]) -> None:
        subscription.close()

    input_ended.add_done_callback(end)
    try:
        yield
    finally:
        input_ended.remove_done_callback(end)


def _seconds(nano: int) -> str:
    seconds, rest = divmod(nano, _NANO)
    return f"{seconds}.{rest:09d}"
