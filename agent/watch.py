"""Follows one engine: knows its running containers, and which of them were asked to stop.

Events are hints: what has changed is read from the engine. The exception is what must not wait: a
container that is asked to stop, or has ended, counts as gone before anything is asked.
"""

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Iterable
from typing import Any

from agent.figures import Figures
from agent.rules.container import Container, read_container
from agent.rules.events import FILTERS, Hint, Kind, is_stopping, read_event
from common.backoff import Backoff
from common.durations import format_duration
from engine.client import EngineClient, Version
from engine.errors import EngineError, EngineStatusError, EngineUnreachableError
from engine.lines import lines_of
from services.stopping import asks_to_stop

_log = logging.getLogger(__name__)

_NEWEST_API: Version = (1, 56)
"""The newest Engine API whose answers this reads."""
_BACKOFF = Backoff(first_s=0.3, cap_s=5.0)
_REMINDER_EVERY = 60
_TIMEOUT_S = 5.0
_PULSE_S = 10.0
"""A stream to a hung engine stays open and silent: it is asked for a sign of life so often."""
_DEBOUNCE_S = 0.02
"""Events come in bursts: ``docker restart`` alone makes five."""
_AT_ONCE = 8
_BEGINNING = "1"
"""Engines keep their last 256 events: whom a stop was asked for before we came is among them."""
_NOT_FOUND = 404


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
            on_change: called in the loop whenever `serving` may have changed, from the first
                time on that it is known.
            patience_s: seconds without the engine after which nothing is taken to run on it.
        """
        self._client = client
        self._figures = figures
        figures.engine_up = False
        self._on_change = on_change
        self._patience_s = patience_s
        self._containers: dict[str, Container] = {}
        self._asked_to_stop: dict[str, int] = {}
        self._touched: set[str] = set()
        self._news = asyncio.Event()
        self._heard_at = time.monotonic()
        self._since = _BEGINNING
        self._failures = 0

    @property
    def is_following(self) -> bool:
        """Whether `serving` is what runs."""
        return self._figures.engine_up

    def serving(self) -> list[Container]:
        """Return what runs and has not been asked to stop, by name."""
        return sorted(
            (
                one
                for one in self._containers.values()
                if not is_stopping(one, self._asked_to_stop.get(one.id))
            ),
            key=lambda one: (one.name, one.id),
        )

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
        return str(info.get("Name", "")), str(info.get("ID", ""))

    async def run(self) -> None:
        """Follow the engine, whatever becomes of it."""
        while True:
            try:
                await self._follow()
            except* EngineError as group:
                self._fail(_first(group))
            self._failures += 1
            await asyncio.sleep(_BACKOFF.delay_s(self._failures, random.random))

    def _fail(self, exc: BaseException) -> None:
        was_following, self._figures.engine_up = self.is_following, False
        if was_following or self._failures % _REMINDER_EVERY == 0:
            _log.error("The engine at %s does not answer: %s", self._client.address, exc)
        gone_s = time.monotonic() - self._heard_at
        if self._containers and gone_s > self._patience_s:
            _log.warning(
                "The engine has been away for %s: its containers are taken to be gone",
                format_duration(round(gone_s)),
            )
            self._containers.clear()
            self._on_change()

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
                await self._load()
                group.create_task(self._refresh(), name="refresh of touched containers")
                group.create_task(self._pulse(), name="pulse of the engine")
                async for line in lines_of(pieces, self._client.address):
                    self._hear(line)
            raise EngineUnreachableError(self._client.address, "its event stream ended")

    async def resync(self) -> None:
        """Have everything read again: what is known, and what the engine lists.

        Raises:
            EngineError: the engine does not answer.
        """
        # Not read here: one reader at a time, or an older answer could replace a newer one.
        self._touched |= self._containers.keys() | await self._running()
        self._news.set()

    async def _running(self) -> set[str]:
        rows = await self._client.list_containers()
        return {str(row.get("Id")) for row in rows if row.get("State") in {"running", "paused"}}

    async def _load(self) -> None:
        running = await self._running()
        for gone in (self._containers.keys() | self._asked_to_stop.keys()) - running:
            self._drop(gone)
        await self._inspect(running)
        self._heard_at = time.monotonic()
        if not self.is_following:
            _log.info("Following the engine at %s", self._client.address)
        self._figures.engine_up, self._failures = True, 0
        self._on_change()

    async def _refresh(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(_DEBOUNCE_S)
            self._news.clear()
            touched, self._touched = self._touched, set()
            await self._inspect(touched)
            self._on_change()

    async def _pulse(self) -> None:
        while True:
            await asyncio.sleep(_PULSE_S)
            await self._client.ping(_TIMEOUT_S)
            self._heard_at = time.monotonic()

    async def _inspect(self, ids: Iterable[str]) -> None:
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(container_id: str) -> None:
            async with limit:
                await self._inspect_one(container_id)

        async with asyncio.TaskGroup() as group:
            for container_id in sorted(ids):
                group.create_task(one(container_id), name=f"inspect of {container_id[:12]}")

    async def _inspect_one(self, container_id: str) -> None:
        try:
            body = await self._client.inspect_container(container_id)
        except EngineStatusError as exc:
            if exc.status != _NOT_FOUND:
                raise
            self._drop(container_id)
            return
        if not (body.get("State") or {}).get("Running"):
            self._drop(container_id)
        else:
            self._containers[container_id] = read_container(body)

    def _drop(self, container_id: str) -> None:
        self._containers.pop(container_id, None)
        self._asked_to_stop.pop(container_id, None)

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

    def _apply(self, hint: Hint) -> None:
        self._figures.events += 1
        container_id = hint.container_id
        known = self._containers.get(container_id)
        if hint.kind is Kind.STARTED:
            if known and is_stopping(known, self._asked_to_stop.get(container_id)):
                self._drop(container_id)  # its ports were those of its life before
        elif hint.kind is Kind.ENDED or (
            hint.kind is Kind.SIGNALLED and known and asks_to_stop(hint.signal, known.stop_signal)
        ):
            # The engine's clock decides, since an answer on the way may be older than this.
            self._asked_to_stop[container_id] = hint.time_ns
        self._touched.add(container_id)
        self._news.set()
        self._on_change()


def _first(group: BaseExceptionGroup[EngineError]) -> BaseException:
    """Return the first error in *group* that is no group itself."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def _api_version(version: dict[str, Any]) -> Version:
    major, _, minor = str(version.get("ApiVersion", "")).partition(".")
    if not (major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
        raise EngineUnreachableError("", "this is no Docker Engine: it has no API version")
    return int(major), int(minor)


def _just_after(time_ns: int) -> str:
    """Return the moment from which on nothing is told twice, as ``since`` takes it."""
    seconds, rest = divmod(time_ns + 1, 1_000_000_000)
    return f"{seconds}.{rest:09d}"
