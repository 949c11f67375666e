"""Keeps one engine: validates it, follows its events, pings it when it is quiet.

What an observation means is decided in `master.cluster.health`; this carries it out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from engine.client import EngineClient
from engine.errors import EngineError, EngineTimeoutError, EngineUnreachableError
from engine.lines import lines_of
from master.cluster import health
from master.cluster.events.changes import (
    Change,
    Changed,
    ContainerChanged,
    ContainerGone,
    ContainerMade,
    after,
    changes,
)
from master.cluster.health import Effect
from master.cluster.model import Engine, Health
from master.cluster.state import ClusterState
from master.supervisor.refresher import Refresher
from master.supervisor.silence import Silence
from master.supervisor.validation import RefusedError, check_again, validate

_log = logging.getLogger(__name__)

_SPECS_INTERVAL_S = 300.0
"""CPUs, memory, labels and version are read again so often (classic: five minutes)."""


class Hooks(Protocol):
    """Who hears of an engine; none of it waits."""

    def publish(self, message: Mapping[str, Any], engine: Engine) -> None:
        """An event, as the engine sent it."""

    def announce(self, action: str, engine: Engine) -> None:
        """The cluster's own event about an engine."""

    def connected(self, engine: Engine) -> None:
        """It is good (again), and the state shows its containers."""

    def created(self, address: str, container_id: str, swarm_id: str) -> None:
        """A container has been created on it."""

    def destroyed(self, address: str, container_id: str) -> None:
        """A container is gone for good."""


class Keeper:
    """One engine's task. `run` ends only by cancellation, when the engine leaves discovery."""

    def __init__(
        self,
        address: str,
        client: EngineClient,
        state: ClusterState,
        *,
        hooks: Hooks,
        refresh_s: tuple[float, float],
        failure_limit: int,
    ) -> None:
        """*refresh_s* are the least and most seconds between two full refreshes."""
        self.address = address
        self.client = client
        self.refresher = Refresher(address, client, state)
        self._silence = Silence(client.pool)
        self._state = state
        self._hooks = hooks
        self._refresh_s = refresh_s
        self._rng = random.Random(address)  # noqa: S311 - spreads timers, nothing secret
        self._wake = asyncio.Event()
        self._follow_now = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._pinging: asyncio.Task[None] | None = None
        self._loading = False
        self._streaming = False
        self._heard_at = 0.0
        self._specs_due = 0.0
        self._warned: set[str] = set()
        self._since = ""
        state.put_engine(Engine(address=address, failure_limit=failure_limit))

    @property
    def engine(self) -> Engine:
        """The engine as it stands in the state."""
        found = self._state.engine(self.address)
        assert found is not None
        return found

    async def run(self) -> None:
        """Keep the engine until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name=f"events of {self.address}")
            group.create_task(self._heartbeat(), name=f"heartbeat of {self.address}")
            group.create_task(self.refresher.run(), name=f"refresh of {self.address}")
            group.create_task(self._periodically(), name=f"timer of {self.address}")

    async def probe(self, deadline_s: float) -> bool:
        """Ping it now, or wait so long for the ping that is on the way; whether it answers."""
        is_over = await self._ping(deadline_s)
        found = self._state.engine(self.address)
        return is_over and found is not None and found.is_healthy and not found.failures

    def suspect(self) -> None:
        """Somebody failed to reach it: look now, not at the next heartbeat."""
        self._observe(health.StreamBroken())

    def forget(self) -> None:
        """It has left discovery."""
        if self._pinging is not None:
            self._pinging.cancel()
        self._observe(health.RemovedFromDiscovery())

    # Observations and what follows

    def _observe(self, observation: health.Observation) -> None:
        outcome = health.observe(self.engine, observation, time.time())
        self._state.put_engine(outcome.engine)
        for effect in outcome.effects:
            self._carry_out(effect, outcome.engine)

    def _carry_out(self, effect: Effect, engine: Engine) -> None:
        if effect is Effect.PROBE:
            self._wake.set()
        elif effect is Effect.RESYNC:
            # A stream that outlived the silence may be a dead one: begin anew. While `_load` runs
            # this is just what is being done.
            if self._listening is not None and not self._loading:
                self._listening.cancel()
        elif effect is Effect.FORGET:
            self._silence.give_up(EngineUnreachableError(self.address, "it left the cluster"))
            self._state.remove_engine(self.address)
        elif effect is Effect.ANNOUNCE_DISCONNECT:
            error = EngineUnreachableError(self.address, engine.error or "it left the cluster")
            self.client.pool.fail_unanswered(error)
            if engine.health is not Health.DISCONNECTED:
                _log.warning("Engine %s (%s) is lost: %s", engine.name, self.address, engine.error)
                self._silence.begin(error)
            self._hooks.announce(effect.event, engine)
        else:
            self._silence.end()
            self._wake.set()  # the pause until the next ping was reckoned for one that was away
            _log.info("Registered Engine %s at %s", engine.name, self.address)
            self._hooks.announce(effect.event, engine)

    def _failed(self, error: EngineError) -> None:
        text = f"{error.message}"
        if isinstance(error, EngineTimeoutError):
            self._observe(health.TimedOut(text))
        else:
            self._observe(health.ConnectFailed(text))

    # Is it there?

    async def _heartbeat(self) -> None:
        took_s = 0.0
        while True:
            delay = health.next_probe_s(self.engine, self._rng, quiet_s=self._quiet_s())
            if self.engine.failures:
                # Counted from the last ping's start: one that timed out was the pause already.
                delay -= took_s
            is_told = await self._pause_until(self._wake, max(0.0, delay))
            engine = self.engine
            if engine.health is Health.PENDING:
                continue  # `_follow` validates it
            is_lively = self._streaming and self._quiet_s() < health.PING_INTERVAL_S
            if is_told or engine.failures or not is_lively:
                started = time.monotonic()
                await self._ping(health.PING_DEADLINE_S)
                took_s = time.monotonic() - started

    def _quiet_s(self) -> float:
        """Seconds since it was last heard; 0 without a stream, over which it could be."""
        return time.monotonic() - self._heard_at if self._streaming else 0.0

    async def _ping(self, deadline_s: float) -> bool:
        """Ping it, or wait for the ping that is on the way; whether that is over now.

        Many calls may wait at once when an engine hesitates: one unanswered ping is one failure,
        however many of them wanted to know. Another one's ping may have more time than there is.
        """
        pinging = self._pinging
        if pinging is None or pinging.done():
            pinging = self._pinging = asyncio.create_task(
                self._ping_once(deadline_s), name=f"ping of {self.address}"
            )
            await asyncio.wait([pinging])
        elif not (await asyncio.wait([pinging], timeout=deadline_s))[0]:
            return False
        if not pinging.cancelled():
            pinging.result()
        return True

    async def _ping_once(self, deadline_s: float) -> None:
        try:
            # The client's own limit begins when it is connected; packets may be lost before.
            async with asyncio.timeout(deadline_s):
                await self.client.ping(deadline_s)
        except TimeoutError:
            self._failed(EngineTimeoutError(self.address, "the engine did not answer in time"))
        except EngineUnreachableError as exc:
            self._failed(exc)
        except EngineError as exc:
            _log.debug("ping of %s: %s", self.address, exc)  # it answered, if not kindly
            self._alive()
        else:
            self._alive()

    def _alive(self) -> None:
        self._heard_at = time.monotonic()
        if self.engine.health is Health.UNHEALTHY and not self._streaming:
            # It may be another daemon at the same address: it has to be validated.
            self._follow_now.set()
        else:
            self._observe(health.Answered())

    @staticmethod
    async def _pause_until(event: asyncio.Event, seconds: float) -> bool:
        """Sleep, but wake when *event* is set; whether it was."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
        was_set = event.is_set()
        event.clear()
        return was_set

    # What is it, and what happens on it?

    async def _follow(self) -> None:
        while True:
            self._follow_now.clear()
            self._listening = asyncio.create_task(
                self._listen(), name=f"event stream of {self.address}"
            )
            try:
                await asyncio.wait([self._listening])
            finally:
                self._listening.cancel()
            if self._listening.cancelled():
                continue  # told to begin anew
            self._listening.result()
            await self._pause_until(self._follow_now, self._retry_s())

    def _retry_s(self) -> float:
        if self.engine.is_healthy:
            return health.PROBE_GAP_S  # the heartbeat judges; events must not be missed meanwhile
        return health.next_probe_s(self.engine, self._rng)

    async def _listen(self) -> None:
        try:
            await self._connect_and_listen()
        except EngineError as exc:
            if self.engine.health is Health.PENDING:
                self._failed(exc)
            else:
                _log.debug("event stream of %s: %s", self.address, exc)
                self._observe(health.StreamBroken())
        except RefusedError as exc:
            self._observe(health.Refused(str(exc)))
        else:
            self._observe(health.StreamBroken())
        finally:
            self._streaming = False

    async def _connect_and_listen(self) -> None:
        specs = await self._validate()
        query = {"since": self._since} if self._since else None
        # The heartbeat judges the engine; a daemon that was paused goes on with its events.
        events = self.client.stream("GET", "/events", query, outlasts_outages=True)
        async with events as pieces:
            # The stream stands before the lists are read: nothing falls in between.
            await self._load(specs)
            self._streaming = True
            async for line in lines_of(pieces, self.address, self._miss):
                self._hear(line)

    async def _validate(self) -> Engine:
        specs, warnings = await validate(self.client, self._state)
        for warning in warnings:
            self._warn_once(warning)
        return specs

    def _warn_once(self, warning: str) -> None:
        if warning not in self._warned:
            self._warned.add(warning)
            _log.warning("%s", warning)

    async def _load(self, specs: Engine) -> None:
        self.refresher.mark_images()
        self.refresher.mark_volumes()
        await self.refresher.refresh_networks()
        containers = await self.refresher.load()
        self._loading = True
        try:
            # No wait between these: an engine under two addresses is taken once, and placement
            # must not see a healthy engine that looks empty.
            check_again(specs, self._state)
            self._observe(health.Validated(specs))
            self._state.replace_containers(self.address, containers)
        finally:
            self._loading = False
        self._heard_at = time.monotonic()
        self._hooks.connected(self.engine)

    def _miss(self) -> None:
        self._heard_at = time.monotonic()
        _log.warning("Engine %s sent an event that is too long to be passed on", self.address)
        self.refresher.mark_all()  # whatever it was about

    def _hear(self, line: bytes) -> None:
        self._heard_at = time.monotonic()
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError:
            _log.warning("Engine %s sent an event that is not JSON", self.address)
            return
        if not isinstance(message, dict):
            return
        self._since = after(message) or self._since
        for change in changes(message):
            self._act_upon(change)
        self._hooks.publish(message, self.engine)

    def _act_upon(self, change: Change) -> None:
        match change:
            case ContainerMade(container_id, swarm_id):
                self._hooks.created(self.address, container_id, swarm_id)
            case ContainerChanged(container_id):
                self.refresher.mark(container_id)
            case ContainerGone(container_id):
                self.refresher.drop(container_id)
                self._hooks.destroyed(self.address, container_id)
            case Changed.IMAGES:
                self.refresher.mark_images()
            case Changed.NETWORKS:
                self.refresher.mark_networks()
            case Changed.VOLUMES:
                self.refresher.mark_volumes()
            case Changed.SPECS:
                self._specs_due = 0.0

    # Now and then

    async def _periodically(self) -> None:
        low, high = self._refresh_s
        self._specs_due = time.monotonic() + _SPECS_INTERVAL_S
        while True:
            await asyncio.sleep(self._rng.uniform(low, max(low, high)))
            if not self.engine.is_healthy:
                continue
            self.refresher.mark_all()
            await self.refresher.flush()
            if self.refresher.is_current:
                self._observe(health.Answered(is_refresh=True))
            if time.monotonic() >= self._specs_due:
                await self._reread_specs()

    async def _reread_specs(self) -> None:
        self._specs_due = time.monotonic() + _SPECS_INTERVAL_S
        try:
            self._observe(health.Validated(await self._validate()))
        except RefusedError as exc:
            self._observe(health.Refused(str(exc)))
            if self._listening is not None:
                self._listening.cancel()  # to be validated again, as one that has just come
        except EngineError as exc:
            _log.debug("specs of %s: %s", self.address, exc)  # the heartbeat judges
