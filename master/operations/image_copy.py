"""Image follow: an image that another engine has is copied from it, saved there and loaded here.

Nothing is kept in between: what the source sends goes on to the target, no faster than that takes
it. Whoever wants a copy that is on its way waits for that one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from weakref import WeakValueDictionary

from engine.errors import EngineError, EngineStatusError, EngineTimeoutError
from engine.lines import lines_of
from engine.paths import in_path
from master.cluster.images.holders import full_name, image_holders, is_digest, sources_for
from master.cluster.images.merge import failure
from master.cluster.model import Engine
from master.errors import ManagerError
from master.supervisor.fleet import Fleet

_log = logging.getLogger(__name__)

_STALL_LIMIT_S = 60.0
"""A source that has begun to send sends on; its disk may be slow, but not that slow."""

_Key = tuple[str, str, str]
"""(target, name, image ID)."""


@dataclass
class _Job:
    """One copy that is on its way, and how many wait for it."""

    task: asyncio.Task[None]
    waiting: int = 0


class ImageCopier:
    """Copies images between engines: each one once at a time, one at a time between two engines."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._jobs: dict[_Key, _Job] = {}
        """The copies that are on their way."""
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        """(source, target): who may send now; (target, name): who may give that name now."""

    async def bring(self, reference: str, target: Engine) -> bool:
        """Copy an image to *target* from whoever has it.

        Returns:
            Whether it is there now; False if nobody had it.

        Raises:
            EngineError: nobody who had it could bring it here: the last one's error.
        """
        if is_digest(reference):
            return False
        failed: EngineError | None = None
        holders = image_holders(self._fleet.state, reference)
        for source in sources_for(self._fleet.state, reference, target):
            try:
                image = holders[source.address]
                await self.copy(full_name(reference, image), image.id, source, target)
            except (EngineError, ManagerError) as exc:
                failed = EngineError(target.address, f"no copy from {source.name}: {exc}")
                _log.warning("%s has %s of %s", target.name, failed, reference)
            else:
                return True
        if failed is not None:
            raise failed
        return False

    async def copy(self, name: str, image_id: str, source: Engine, target: Engine) -> None:
        """Copy an image, or wait for the copy of this very image that is on its way.

        A tag may be given to another image while the first one is copied: the two go one after the
        other, and the name is that one's which was asked for last.

        Args:
            name: what it is called, there as here: a name with its tag (without one it would be all
                tags of the repository), or its ID.
            image_id: which one that is now, as *source* has it.
            source: has it.
            target: shall have it.

        Raises:
            EngineError: one of the two failed; nothing of it stays on the target.
            ManagerError: one of the two has left the cluster.
        """
        key = (target.address, name, image_id)
        if (job := self._jobs.get(key)) is None:
            task = asyncio.create_task(
                self._in_turn(name, image_id, source, target),
                name=f"copy of {name} to {target.name}",
            )
            job = self._jobs[key] = _Job(task)
        job.waiting += 1
        try:
            await asyncio.shield(job.task)
        finally:
            job.waiting -= 1
            if not job.waiting or job.task.done():
                # The last one who wanted it is gone, or it is here.
                job.task.cancel()
                if self._jobs.get(key) is job:
                    del self._jobs[key]

    async def _in_turn(self, name: str, image_id: str, source: Engine, target: Engine) -> None:
        # In this order: who may send waits for nobody.
        naming = self._turns.setdefault((target.address, name), asyncio.Lock())
        async with naming:
            sending = self._turns.setdefault((source.address, target.address), asyncio.Lock())
            async with sending:
                tag_log = self._fleet.state.tag_log
                tag_log.copying(target.address, name, image_id)
                try:
                    await self._transfer(name, source, target)
                except BaseException:
                    tag_log.not_copied(target.address, name)
                    raise

    async def _transfer(self, name: str, source: Engine, target: Engine) -> None:
        path = f"/images/{in_path(name)}/get"
        saving = self._fleet.client(source.address).stream("GET", path)
        async with saving as pieces:
            loading = self._fleet.client(target.address).stream(
                "POST",
                "/images/load",
                {"quiet": "1"},
                content=_without_stalls(pieces, source),
                headers={"Content-Type": "application/x-tar"},
            )
            async with loading as answer:
                async for line in lines_of(answer, target.address):
                    if (said := failure(line)) is not None:
                        raise EngineStatusError(target.address, 500, said)
        _log.info("copied %s from %s to %s", name, source.name, target.name)
        self._fleet.touch_images(target.address)


async def _without_stalls(pieces: AsyncIterator[bytes], source: Engine) -> AsyncIterator[bytes]:
    """The pieces as they come; how long the target takes for each of them does not count."""
    while True:
        try:
            async with asyncio.timeout(_STALL_LIMIT_S):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError as exc:
            raise EngineTimeoutError(source.address, "it stopped sending the image") from exc
        yield piece
