"""Events: decorated with their node, handed to every subscriber, merged with the past.

A publisher never waits: an event goes into each subscriber's bounded list, and the subscriber
takes all that has gathered once in a turn of the event loop. An event is serialised once for each
flavour (older clients get three more fields), however many subscribers there are.

What is added to an engine's event is classic Swarm's (docker/swarm 1.2.9, cluster/api_events.go).
Own events (``engine_connect`` …) are kept here for ``since``, as no engine has them; what engines
tell is in the engines' own memory.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import orjson

from master.cluster import shims
from master.cluster.model import ApiVersion, Engine
from master.errors import UnavailableError

Matches = Callable[["Event"], bool]

SUBSCRIBER_LIMIT = 10_000
"""Events that one subscriber may be behind (classic's queue): 10 s at 1,000 events a second."""
_OWN_EVENTS_KEPT = 256
"""As many as an engine remembers."""
_NANO = 1_000_000_000
_DISORDER_NS = _NANO
"""An engine stamps an event before it queues for the stream: two may change places."""

EventKey = tuple[str, int, str, str, str]
"""Engine, its time in nanoseconds, type, action, actor's ID: what makes two events the same."""


class SubscriberTooSlowError(UnavailableError):
    """A subscriber didn't take its events: it was cut off rather than waited for."""


@dataclass(frozen=True, slots=True)
class Event:
    """One decorated event of one engine, or of the cluster itself."""

    raw: Mapping[str, Any]
    """The engine's message with our additions; unknown fields are in it."""
    time_nano: int
    """Nanoseconds since the epoch, by this machine's clock."""
    engine: str
    """The engine's address."""
    skew_ns: int = 0
    """What the engine's clock is behind this machine's."""
    _encoded: dict[bool, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def stamp(self) -> int:
        """Its time by the engine's own clock, which does not depend on when somebody compared."""
        return self.time_nano - self.skew_ns

    @property
    def type(self) -> str:
        """Such as ``container``, ``image``, ``network``, ``swarm``."""
        return _text(self.raw, "Type")

    @property
    def action(self) -> str:
        """Such as ``start``, ``exec_create: sh``, ``engine_connect``."""
        return _text(self.raw, "Action")

    @property
    def scope(self) -> str:
        """``local`` or ``swarm``; empty in events of very old engines."""
        return _text(self.raw, "scope")

    @property
    def actor_id(self) -> str:
        """ID of the container, image, network … it is about."""
        actor = self.raw.get("Actor")
        return _text(actor, "ID") if isinstance(actor, dict) else ""

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Labels and name of the actor, and our ``node.*``."""
        actor = self.raw.get("Actor")
        attributes = actor.get("Attributes") if isinstance(actor, dict) else None
        return attributes if isinstance(attributes, dict) else {}

    @property
    def key(self) -> EventKey:
        """What makes it the same event when it is heard twice."""
        return self.engine, self.stamp, self.type, self.action, self.actor_id

    def encode(self, api_version: ApiVersion) -> bytes:
        """Return it as one JSON line for a client of *api_version*; made once for each flavour."""
        is_modern = shims.event_flavour(api_version)
        line = self._encoded.get(is_modern)
        if line is None:
            shaped = shims.event(self.raw, is_modern=is_modern)
            line = self._encoded[is_modern] = orjson.dumps(shaped) + b"\n"
        return line


def encode_all(events: Iterable[Event], api_version: ApiVersion, before: bytes = b"") -> bytes:
    """Return *events* as JSON lines, for one write; *before* stands before each of them."""
    return before.join([b"", *[event.encode(api_version) for event in events]])


def event_from_message(message: dict[str, Any], engine: Engine) -> Event:
    """Return the decorated event of one message from *engine*; *message* isn't changed.

    Like the age of a container, its time is told by this machine's clock: engines' clocks that
    differ could neither be put in order nor be asked for "the last ten minutes".
    """
    stamp, skew_ns = _stamp(message), skew_of(engine)
    decorated = decorate(message, engine)
    if skew_ns and stamp:
        decorated["time"] = (stamp + skew_ns) // _NANO
        decorated["timeNano"] = stamp + skew_ns
    return Event(decorated, stamp + skew_ns, engine.address, skew_ns)


def skew_of(engine: Engine) -> int:
    """Return how many nanoseconds the engine's clock is behind this machine's; 0 if it is not."""
    return int(engine.clock_skew_s * _NANO)


def _stamp(message: Mapping[str, Any]) -> int:
    return _integer(message.get("timeNano")) or _integer(message.get("time")) * _NANO


def decorate(message: dict[str, Any], engine: Engine) -> dict[str, Any]:
    """Return *message* with its node, as classic Swarm sends it; nothing in it gets lost.

    Added are ``Actor.Attributes["node.name" | "node.id" | "node.addr" | "node.ip"]``, ``node``
    {Name, Id, Addr, Ip}, and `` node:<name>`` behind ``from``.
    """
    decorated = dict(message)
    actor = message.get("Actor")
    if actor is None or isinstance(actor, dict):
        attributes = (actor or {}).get("Attributes")
        if attributes is None or isinstance(attributes, dict):
            decorated["Actor"] = {
                **(actor or {}),
                "Attributes": {**(attributes or {}), **_node_attributes(engine)},
            }
    decorated["from"] = f"{_origin(message)} node:{engine.name}".lstrip()
    decorated["node"] = {
        "Name": engine.name,
        "Id": engine.id,
        "Addr": engine.address,
        "Ip": engine.ip,
    }
    return decorated


def engine_event(action: str, engine: Engine, now: float) -> Event:
    """Return the cluster's own event about *engine*.

    Args:
        action: ``engine_connect``, ``engine_disconnect`` or ``engine_reconnect``.
        engine: whom it is about.
        now: seconds since the epoch.
    """
    nano = int(now * _NANO)
    message = {
        "status": action,
        "from": "swarm",
        "Type": "swarm",
        "Action": action,
        "Actor": {"ID": engine.id, "Attributes": {"name": engine.name}},
        "scope": "swarm",
        "time": nano // _NANO,
        "timeNano": nano,
    }
    return Event(decorate(message, engine), nano, engine.address)


class EventBroker:
    """Fan-out of events to subscribers, from and to tasks of one event loop."""

    def __init__(self, limit: int = SUBSCRIBER_LIMIT) -> None:
        """Start without subscribers.

        Args:
            limit: events that a subscriber may be behind before it is cut off.
        """
        self._limit = limit
        self._subscriptions: set[Subscription] = set()
        self._own: deque[Event] = deque(maxlen=_OWN_EVENTS_KEPT)
        self._newest: dict[str, int] = {}

    @property
    def subscriber_count(self) -> int:
        """How many are listening: ``NEventsListener`` of ``docker info``."""
        return len(self._subscriptions)

    def publish(self, event: Event) -> None:
        """Hand *event* to every subscriber that wants it. Never waits, never raises."""
        if event.type == "swarm":
            self._own.append(event)
        else:
            self._newest[event.engine] = max(self.newest_stamp(event.engine), event.stamp)
        for subscription in tuple(self._subscriptions):
            if not subscription.offer(event):
                self._subscriptions.discard(subscription)

    def newest_stamp(self, engine: str) -> int:
        """Return the latest time, by its own clock, that this engine has told of; 0 if of none."""
        return self._newest.get(engine, 0)

    def own_past(self) -> list[Event]:
        """Return the cluster's own latest events, oldest first: a part for `merge_past`."""
        return list(self._own)

    def subscribe(self, matches: Matches | None = None) -> Subscription:
        """Return a subscription: ``async with`` it, then iterate it for batches of events.

        It gathers from now on, so the past can be asked for before the first batch is taken.
        """
        subscription = Subscription(self._limit, matches, self._subscriptions.discard)
        self._subscriptions.add(subscription)
        return subscription

    def close(self) -> None:
        """End every subscription: what it has gathered is still delivered."""
        for subscription in tuple(self._subscriptions):
            subscription.close()


class Subscription:
    """One subscriber's events: an async iterator of batches, each a list of at least one."""

    def __init__(
        self, limit: int, matches: Matches | None, leave: Callable[[Subscription], None]
    ) -> None:
        """Made by `EventBroker.subscribe`."""
        self._limit = limit
        self._matches = matches
        self._leave = leave
        self._pending: list[Event] = []
        self._waiter: asyncio.Future[None] | None = None
        self._is_closed = False
        self.was_cut_off = False
        """It fell too far behind: events are missing from here on."""

    def offer(self, event: Event) -> bool:
        """Take *event* if it is wanted; return False once this subscriber is cut off."""
        if self._matches is not None and not self._matches(event):
            return True
        if len(self._pending) >= self._limit:
            self.was_cut_off = True
            self._wake()
            return False
        self._pending.append(event)
        self._wake()
        return True

    def close(self) -> None:
        """Stop listening; an iteration under way gets what has gathered and then ends."""
        self._is_closed = True
        self._leave(self)
        self._wake()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[list[Event]]:
        return self

    async def __anext__(self) -> list[Event]:
        """Wait for events and return all there are.

        Raises:
            SubscriberTooSlowError: it was cut off, and has got all from before.
        """
        while not self._pending:
            if self.was_cut_off:
                raise SubscriberTooSlowError(
                    f"events are missing: this client was more than {self._limit} events behind"
                )
            if self._is_closed:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        # Waking takes a turn of the loop: whatever was published in it goes out in one write.
        batch, self._pending = self._pending, []
        return batch

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Deduplicator:
    """Tells which live events were in the past already, per engine; forgets what it can.

    Subscribe first, then ask for the past: what happens between is in both, and comes once.
    """

    def __init__(self, past: Iterable[Event]) -> None:
        """Remember *past*, what has been sent already."""
        self._keys: dict[str, set[EventKey]] = {}
        self._newest: dict[str, int] = {}
        for event in past:
            self._keys.setdefault(event.engine, set()).add(event.key)
            self._newest[event.engine] = max(self._newest.get(event.engine, 0), event.stamp)

    def is_new(self, event: Event) -> bool:
        """Whether *event* was not in the past."""
        keys = self._keys.get(event.engine)
        if keys is None:
            return True
        if event.stamp > self._newest[event.engine] + _DISORDER_NS:
            # An engine tells in order of time, almost: nothing of its past comes again.
            del self._keys[event.engine]
            return True
        return event.key not in keys


def merge_past(parts: Sequence[Sequence[Event]]) -> list[Event]:
    """Return the engines' past events in one list: by time, each engine's own order kept."""
    return list(heapq.merge(*parts, key=lambda event: event.time_nano))


def _origin(message: Mapping[str, Any]) -> str:
    """Return ``from``: the container's image; engines from 1.52 on say it in the attributes."""
    origin = message.get("from")
    if isinstance(origin, str):
        return origin
    actor = message.get("Actor")
    attributes = actor.get("Attributes") if isinstance(actor, dict) else None
    if message.get("Type") == "container" and isinstance(attributes, dict):
        return _text(attributes, "image")
    return ""


def _node_attributes(engine: Engine) -> dict[str, str]:
    return {
        "node.name": engine.name,
        "node.id": engine.id,
        "node.addr": engine.address,
        "node.ip": engine.ip,
    }


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""


def _integer(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
