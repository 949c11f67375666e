"""Follows one engine: knows its running containers, and which of them were asked to stop.

Events are hints: what has changed is read from the engine. The exception is what must not wait: a
container that is asked to stop, or has ended, counts as gone before anything is asked.
"""

import asyncio
import json
import logging
import math
import random
import time
from collections.abc import Callable
from typing import Any

from agent.clock import EngineClock
from agent.figures import Figures
from agent.reader import Reader
from agent.rules.container import Container
from agent.rules.events import FILTERS, Hint, Kind, read_event
from agent.rules.stopping import END, is_stopping, may_be_stopping
from common.backoff import Backoff
from common.durations import format_duration
from engine.client import EngineClient, Version
from engine.errors import EngineError, EngineUnreachableError
from engine.lines import lines_of

_log = logging.getLogger(__name__)

_NEWEST_API: Version = (1, 56)
"""The newest Engine API whose answers this reads."""
_BACKOFF = Backoff(first_s=0.3, cap_s=5.0)
_STEADY_S = 10.0
"""An engine that was followed for less has not proved that it can be: waits go on growing."""
_REMINDER_EVERY = 60
_TIMEOUT_S = 5.0
_PULSE_S = 10.0
"""A stream to a hung engine stays open and silent: it is asked for a sign of life so often."""
_BEGINNING = "1"
"""Engines keep their last 256 events: whom a stop was asked for before we came is among them."""
_RUNNING = frozenset({"running", "paused"})


class Watch:
    """One engine's containers. `run` ends only by cancellation."""

    def __init__(
        self,
        client: EngineClient,
        figures: Figures,
        on_change: Callable[[], None],
        *,
        patience_s: float,
    ) -> None:
        """Ask nothing yet.

        Args:
            client: the engine; closed by its owner.
            figures: what is counted.
            on_change: called in the loop whenever `serving` or `unread` may have changed, from
                the first time on that they are known.
            patience_s: seconds without the engine after which nothing is taken to run on it.
        """
        self._client = client
        self._figures = figures
        figures.engine_up = False
        self._on_change = on_change
        self._patience_s = patience_s
        self._reader = Reader(client, figures, self._take, self._changed)
        self._clock = EngineClock()
        self._containers: dict[str, Container] = {}
        self._names: dict[str, str] = {}
        """What ran when the engine was last asked, by ID."""
        self._sent: dict[str, dict[str, int]] = {}
        """To whom it sent which signal when, since their last start that we know of."""
        self._is_known = False
        self._has_missed = False
        self._heard_at = time.monotonic()
        self._followed_since = math.inf
        self._since = _BEGINNING
        self._failures = 0

    @property
    def is_following(self) -> bool:
        """Whether `serving` is what runs."""
        return self._figures.engine_up

    def serving(self) -> list[Container]:
        """Return what runs and has not been asked to stop, by name."""
        now_ns = self._clock.now_ns()
        return sorted(
            (
                one
                for one in self._containers.values()
                if not is_stopping(one, self._sent.get(one.id, {}), now_ns)
            ),
            key=lambda one: (one.name, one.id),
        )

    def unread(self) -> dict[str, str]:
        """Return ID and name of what runs, but has never been described by the engine."""
        return {
            one: self._names[one]
            for one in self._reader.failing & self._names.keys()
            if one not in self._containers and not may_be_stopping(self._sent.get(one, {}))
        }

    async def identify(self) -> tuple[str, str]:
        """Return the engine's name and ID.

        Raises:
            EngineError: it does not answer, or is none.
        """
        info = await self._client.info(_TIMEOUT_S)
        version = await self._client.version(_TIMEOUT_S)
        if not isinstance(info, dict) or not isinstance(version, dict):
            raise EngineUnreachableError(self._client.address, "this is no Docker Engine")
        self._client.api_version = min(_api_version(version), _NEWEST_API)
        self._clock.set(str(info.get("SystemTime", "")))
        return str(info.get("Name", "")), str(info.get("ID", ""))

    async def run(self) -> None:
        """Follow the engine, whatever becomes of it."""
        while True:
            self._followed_since = math.inf
            try:
                await self._follow()
            except* EngineError as group:
                self._fail(_first(group))
            if time.monotonic() - self._followed_since > _STEADY_S:
                self._failures = 0
            self._failures += 1
            await asyncio.sleep(_BACKOFF.delay_s(self._failures, random.random))

    def _fail(self, exc: BaseException) -> None:
        was_following, self._figures.engine_up = self.is_following, False
        if was_following or self._failures % _REMINDER_EVERY == 0:
            _log.error("The engine at %s does not answer: %s", self._client.address, exc)
        gone_s = time.monotonic() - self._heard_at
        if (self._containers or self._names) and gone_s > self._patience_s:
            _log.warning(
                "The engine has been away for %s: its containers are taken to be gone",
                format_duration(round(gone_s)),
            )
            self._containers.clear()
            self._names.clear()
            self._changed()

    async def _follow(self) -> None:
        """Read everything, then keep up by events until the stream ends.

        Raises:
            ExceptionGroup: of an EngineError.
        """
        async with asyncio.TaskGroup() as group:
            await self.identify()
            query = {"since": self._since, "filters": json.dumps(FILTERS)}
            async with self._client.stream("GET", "/events", query) as pieces:
                # The stream stands before anything is read: nothing falls in between.
                group.create_task(self._pulse(), name="pulse of the engine")
                group.create_task(self._keep_up(), name="reading of containers")
                async for line in lines_of(pieces, self._client.address, self._miss):
                    self._hear(line)
            raise EngineUnreachableError(self._client.address, "its event stream ended")

    async def _keep_up(self) -> None:
        await self._list()
        known = self._containers.keys() | self._sent.keys() | self._reader.failing
        # What has been touched meanwhile may have started after the list was made.
        for gone in known - self._names.keys() - self._reader.touched:
            self._reader.forget(gone)
            self._drop(gone)
        await self._reader.run(self._names, self._loaded)

    def _loaded(self) -> None:
        self._heard_at = self._followed_since = time.monotonic()
        if not self.is_following:
            _log.info("Following the engine at %s", self._client.address)
        self._figures.engine_up = self._is_known = True
        self._changed()

    async def resync(self) -> None:
        """Have everything read again: what is known, and what the engine lists.

        Raises:
            EngineError: the engine does not answer.
        """
        await self._list()
        self._reader.touch(self._containers.keys() | self._reader.failing | self._names.keys())

    async def _list(self) -> None:
        rows = await self._client.list_containers()
        self._names = {
            str(row.get("Id")): _own_name(row) for row in rows if row.get("State") in _RUNNING
        }

    async def _pulse(self) -> None:
        while True:
            await asyncio.sleep(_PULSE_S)
            await self._client.ping(_TIMEOUT_S)
            self._heard_at = time.monotonic()
            self._changed()  # somebody may have survived what was sent to it
            if self._has_missed:
                self._has_missed = False
                await self.resync()

    def _take(self, container_id: str, container: Container | None) -> None:
        """Take over what the engine said of a container."""
        if container is None:
            self._drop(container_id)
        elif container == self._containers.get(container_id):
            return
        else:
            self._containers[container_id] = container
        self._changed()

    def _drop(self, container_id: str) -> None:
        self._containers.pop(container_id, None)
        self._names.pop(container_id, None)
        self._sent.pop(container_id, None)

    def _changed(self) -> None:
        # Half of the containers would be an order to withdraw the other half.
        if self._is_known:
            self._on_change()

    def _hear(self, line: bytes) -> None:
        self._heard_at = time.monotonic()
        try:
            message = json.loads(line)
        except ValueError:
            _log.warning("The engine sent an event that is not JSON")
            return
        hint = read_event(message) if isinstance(message, dict) else None
        if hint is not None:
            self._since = _just_after(hint.time_ns)
            self._apply(hint)

    def _miss(self) -> None:
        """Take note of an event that cannot be taken in: whom it was about is not known."""
        self._heard_at = time.monotonic()
        _log.warning("The engine sent an event that is too long: everything is looked at instead")
        self._has_missed = True

    def _apply(self, hint: Hint) -> None:
        self._figures.events += 1
        container_id = hint.container_id
        if hint.kind is Kind.STARTED:
            sent = self._sent.pop(container_id, {})
            known = self._containers.get(container_id)
            if known and is_stopping(known, sent, self._clock.now_ns()):
                self._drop(container_id)  # its ports were those of its life before
        elif hint.kind in {Kind.SIGNALLED, Kind.ENDED}:
            # The engine's clock decides, since an answer on the way may be older than this.
            name = END if hint.kind is Kind.ENDED else hint.signal
            self._sent.setdefault(container_id, {})[name] = hint.time_ns
        self._reader.touch({container_id})
        self._changed()


def _first(group: BaseExceptionGroup[EngineError]) -> BaseException:
    """Return the first error in *group* that is no group itself."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def _own_name(row: dict[str, Any]) -> str:
    """Return a container's name; further ones, with a slash in them, are links to it."""
    names = (str(name).removeprefix("/") for name in row.get("Names") or ())
    return next((name for name in names if "/" not in name), "")


def _api_version(version: dict[str, Any]) -> Version:
    major, _, minor = str(version.get("ApiVersion", "")).partition(".")
    if not (major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
        raise EngineUnreachableError("", "this is no Docker Engine: it has no API version")
    return int(major), int(minor)


def _just_after(time_ns: int) -> str:
    """Return the moment from which on nothing is told twice, as ``since`` takes it."""
    seconds, rest = divmod(time_ns + 1, 1_000_000_000)
    return f"{seconds}.{rest:09d}"
