"""Reads containers from an engine, each at its own pace: one that hangs costs only itself."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.figures import Figures
from agent.rules.container import Container, read_container
from common.backoff import Backoff
from engine.client import EngineClient
from engine.errors import EngineError, EngineStatusError

_log = logging.getLogger(__name__)

_DEBOUNCE_S = 0.02
"""Events come in bursts: ``docker restart`` alone makes five."""
_AT_ONCE = 8
_TIMEOUT_S = 10.0
"""For one container; an engine under heavy load still answers in that."""
_BACKOFF = Backoff(first_s=5.0, cap_s=60.0)
"""For one that does not answer: those must not take all places from the others."""
_LOOK_S = 1.0
_NOT_FOUND = 404


@dataclass(slots=True)
class _Failure:
    """A container that could not be read last time."""

    count: int = 0
    """In a row."""
    retry_at: float = 0.0


class Reader:
    """Reads what has been touched; one reading of a container at a time, the newest last."""

    def __init__(
        self,
        client: EngineClient,
        figures: Figures,
        on_read: Callable[[str, Container | None], None],
        on_failure: Callable[[], None],
    ) -> None:
        """Ask nothing yet.

        Args:
            client: the engine; closed by its owner.
            figures: what is counted.
            on_read: is given the ID and what runs under it, None if nothing does.
            on_failure: called when `failing` has grown.
        """
        self._client = client
        self._figures = figures
        self._on_read = on_read
        self._on_failure = on_failure
        self._touched: set[str] = set()
        self._busy: set[str] = set()
        self._failures: dict[str, _Failure] = {}
        self._news = asyncio.Event()
        self._places = asyncio.Semaphore(_AT_ONCE)

    @property
    def touched(self) -> frozenset[str]:
        """What is going to be read."""
        return frozenset(self._touched)

    @property
    def failing(self) -> frozenset[str]:
        """What could not be read last time, for another reason than that it is gone."""
        return frozenset(self._failures)

    def touch(self, ids: Iterable[str]) -> None:
        """Have *ids* read (again), soon."""
        self._touched.update(ids)
        if self._touched:
            self._news.set()

    def forget(self, container_id: str) -> None:
        """Let go of the failure of a container, which is gone or well."""
        if self._failures.pop(container_id, None):
            self._figures.unread = len(self._failures)

    async def run(self, first: Iterable[str], on_first: Callable[[], None]) -> None:
        """Read *first* and whatever is touched, until cancelled.

        *on_first* is called once each of *first* has been read, or could not be.
        """
        async with asyncio.TaskGroup() as group:
            begun = [self._begin(group, one) for one in sorted(set(first))]
            group.create_task(_after(begun, on_first), name="first reading")
            group.create_task(self._retry(), name="retry of what does not answer")
            while True:
                await self._news.wait()
                await asyncio.sleep(_DEBOUNCE_S)
                self._news.clear()
                due, self._touched = self._touched - self._busy, self._touched & self._busy
                for container_id in sorted(due):
                    self._begin(group, container_id)

    def _begin(self, group: asyncio.TaskGroup, container_id: str) -> asyncio.Task[None]:
        self._busy.add(container_id)
        name = f"inspect of {container_id[:12]}"
        return group.create_task(self._one(container_id), name=name)

    async def _one(self, container_id: str) -> None:
        try:
            await self._read(container_id)
        finally:
            self._busy.discard(container_id)
            if container_id in self._touched:
                self._news.set()

    async def _read(self, container_id: str) -> None:
        try:
            async with self._places, asyncio.timeout(_TIMEOUT_S):
                body = await self._client.inspect_container(container_id)
        except (EngineError, TimeoutError) as exc:
            if isinstance(exc, EngineStatusError) and exc.status == _NOT_FOUND:
                self.forget(container_id)
                self._on_read(container_id, None)
            else:
                self._failed(container_id, str(exc) or "no answer in time")
            return
        if container_id in self._failures:
            _log.info("Container %s can be read again", container_id[:12])
            self.forget(container_id)
        runs = (body.get("State") or {}).get("Running")
        self._on_read(container_id, read_container(body) if runs else None)

    def _failed(self, container_id: str, reason: str) -> None:
        failure = self._failures.setdefault(container_id, _Failure())
        self._figures.unread = len(self._failures)
        failure.count += 1
        failure.retry_at = time.monotonic() + _BACKOFF.delay_s(failure.count, random.random)
        if failure.count == 1:
            _log.warning(
                "Container %s cannot be read and counts as it was: %s", container_id[:12], reason
            )
            self._on_failure()

    async def _retry(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            now = time.monotonic()
            self.touch(
                one
                for one, failure in self._failures.items()
                if failure.retry_at <= now and one not in self._busy
            )


async def _after(tasks: list[asyncio.Task[None]], then: Callable[[], None]) -> None:
    if tasks:
        await asyncio.wait(tasks)
    then()
