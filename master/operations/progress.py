"""One call on several engines whose answers are lines of progress: merged into one stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from engine.errors import EngineError, EngineStatusError, EngineUnreachableError
from engine.lines import lines_of
from master.cluster.images.merge import Progress, error_line, failure
from master.cluster.model import Engine
from master.supervisor.fleet import Fleet

_log = logging.getLogger(__name__)

_QUEUE_LIMIT = 256
"""Progress pieces that wait for a slow client; then the engines wait."""

Opener = Callable[[Engine], AbstractAsyncContextManager[AsyncIterator[bytes]]]
"""Sends the request to one engine; gives the answer as it comes."""


class MergedProgress:
    """The call, running on every target; `start` it, then take its `lines`."""

    def __init__(self, what: str, targets: Sequence[Engine], fleet: Fleet, opener: Opener) -> None:
        """*what* is for the log: ``pull of busybox``."""
        self._what = what
        self._targets = targets
        self._fleet = fleet
        self._opener = opener
        self._progress = Progress()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE_LIMIT)
        self._failures: dict[str, EngineError] = {}
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []
        self._ended_before = 0
        """How many engines had failed before the first one answered."""

    async def start(self) -> None:
        """Begin everywhere, and wait until one engine has begun to answer, or none will.

        Raises:
            EngineError: none will: the words and the status of the first one by name.
        """
        self._tasks = [
            asyncio.create_task(self._run_on(engine), name=f"{self._what} on {engine.name}")
            for engine in self._targets
        ]
        running: set[asyncio.Future[None]] = set(self._tasks)
        try:
            while running and not self._first.done():
                await asyncio.wait({*running, self._first}, return_when=asyncio.FIRST_COMPLETED)
                running = {task for task in running if not task.done()}
        except BaseException:
            await self.end()
            raise
        if not self._first.done():
            await asyncio.gather(*self._tasks)
            raise self._failures[min(self._failures)]

    async def ended(self) -> None:
        """Wait until every engine has said all it has to say."""
        await asyncio.wait(self._tasks)

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """The merged progress, then what failed. Who closes it ends the call on every engine."""
        return await begun(self._read())

    async def _read(self) -> AsyncGenerator[bytes, None]:
        left = len(self._tasks) - self._ended_before
        try:
            yield b""
            while left:
                piece = await self._queue.get()
                if piece is None:
                    left -= 1
                else:
                    yield piece
            await asyncio.gather(*self._tasks)
            if self._failures:
                # Engines of two generations have two ways to say it: always in the same order.
                said = {node: exc.message for node, exc in sorted(self._failures.items())}
                # A lost engine's words say nothing without its name, even if all are lost.
                lost = any(isinstance(e, EngineUnreachableError) for e in self._failures.values())
                yield error_line(said, len(self._targets), named=lost)
        finally:
            await self.end()

    async def end(self) -> None:
        """End it on every engine; then nothing more of the request is read for any of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run_on(self, engine: Engine) -> None:
        try:
            async with self._opener(engine) as pieces:
                if not self._first.done():
                    self._first.set_result(None)
                async for line in lines_of(pieces, engine.address):
                    await self._pass(line, engine)
            self._fleet.touch_images(engine.address)
        except EngineError as exc:
            _log.info("%s on %s: %s", self._what, engine.name, exc)
            self._failures.setdefault(engine.name, exc)
        except asyncio.CancelledError:
            raise  # nobody reads any more: waiting for room in the queue would be for ever
        except BaseException:
            await self._one_is_done()
            raise
        await self._one_is_done()

    async def _one_is_done(self) -> None:
        if self._first.done():
            await self._queue.put(None)
        else:
            self._ended_before += 1

    async def _pass(self, line: bytes, engine: Engine) -> None:
        if (said := failure(line)) is not None:
            self._failures[engine.name] = EngineStatusError(engine.address, 500, said)
            return
        shown = line if len(self._targets) == 1 else self._progress.line(line, engine.name)
        if shown is not None:
            await self._queue.put(shown)


async def begun(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Return *pieces* behind their first one, which is empty.

    What stands in a generator's ``finally`` happens only if it has begun: a client that leaves just
    before its answer begins would leave everything behind that was started for it.
    """
    first = await anext(pieces)
    assert first == b""
    return pieces
