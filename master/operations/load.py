"""``docker load`` and ``docker import``: images out of a request's body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass

import orjson

from engine.errors import EngineError
from master.cluster.filters import first_values
from master.cluster.images.holders import image_holders
from master.cluster.images.merge import failure, told_as_progress
from master.cluster.images.reference import given_name
from master.cluster.model import ApiVersion, Engine
from master.errors import ManagerError
from master.operations.images import Images
from master.operations.progress import MergedProgress, begun
from master.operations.spool import Spool
from master.supervisor.fleet import Fleet

_HEADERS = {"Content-Type": "application/x-tar"}


@dataclass(frozen=True)
class LoadCall:
    """One request with an image as its body."""

    body: AsyncIterator[bytes]
    query: Sequence[tuple[str, str]]
    version: ApiVersion

    def parameter(self, name: str) -> str:
        """A parameter of the query, the first if there are several; empty if it is not there."""
        return first_values(self.query).get(name, "")

    def version_for(self, engine: Engine) -> ApiVersion:
        """The API version that *engine* is asked in."""
        return engine.version_for(self.version)


class Loader:
    """Loads and imports images."""

    def __init__(self, fleet: Fleet, images: Images, scope: str) -> None:
        """*scope*: ``placeable``, ``all`` or ``one`` (``--pull-scope``)."""
        self._fleet = fleet
        self._images = images
        self._scope = scope

    async def load(self, call: LoadCall) -> AsyncIterator[bytes]:
        """``POST /images/load``: on every engine, or on one; the merged progress.

        Raises:
            UnavailableError: no engine can be asked.
            EngineError: every engine refused before anything was sent.
            Exception: what reading the body raises; then no engine has loaded anything.
        """
        self._fleet.any_healthy()
        targets = [self._emptiest()] if self._scope == "one" else self._fleet.healthy_engines()
        if len(targets) == 1:
            merged = self._merged(call, targets, lambda: call.body)
            await merged.start()
            return await merged.lines()
        return await self._load_spooled(call, targets)

    async def _load_spooled(
        self, call: LoadCall, targets: Sequence[Engine]
    ) -> AsyncIterator[bytes]:
        """Load on several engines, each of which takes the body at its own pace."""
        spool = Spool()
        merged = self._merged(call, targets, spool.read)
        filling = asyncio.create_task(spool.fill(call.body), name="body of a load")
        try:
            await _ready(filling, merged)
        except BaseException:
            filling.cancel()
            await asyncio.gather(merged.end(), filling, return_exceptions=True)
            spool.close()
            raise
        return await begun(_and_close(await merged.lines(), spool))

    def _merged(
        self, call: LoadCall, targets: Sequence[Engine], body: Callable[[], AsyncIterator[bytes]]
    ) -> MergedProgress:
        def ask(engine: Engine) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
            return self._fleet.client(engine.address).stream(
                "POST",
                "/images/load",
                call.query,
                content=body(),
                headers=_HEADERS,
                version=call.version_for(engine),
            )

        return MergedProgress("load", targets, self._fleet, ask)

    async def import_image(self, call: LoadCall) -> AsyncIterator[bytes]:
        """``POST /images/create?fromSrc=…``: on one engine, since each would make its own image.

        Containers on other engines get it by copy. Those that have its tag get it at once.

        Raises:
            UnavailableError: no engine can be asked.
            EngineError: the engine refused before anything was sent.
            Exception: what reading the body raises.
        """
        await self._fleet.settled()
        repository = call.parameter("repo")
        name = given_name(repository, call.parameter("tag")) if repository else ""
        engine = self._importer(name)

        def ask(engine: Engine) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
            return self._fleet.client(engine.address).stream(
                "POST",
                "/images/create",
                call.query,
                content=call.body if call.parameter("fromSrc") == "-" else None,
                headers=_HEADERS,
                version=call.version_for(engine),
            )

        merged = MergedProgress("import", [engine], self._fleet, ask)
        await merged.start()
        lines = await merged.lines()
        return await begun(self._and_follow(lines, engine, name))

    async def _and_follow(
        self, lines: AsyncGenerator[bytes, None], engine: Engine, name: str
    ) -> AsyncGenerator[bytes, None]:
        image_id = ""
        async with aclosing(lines):
            yield b""
            async for line in lines:
                yield line
                if failure(line) is not None:
                    return
                image_id = _told_id(line) or image_id
        if not (name and image_id):
            return
        try:
            await self._images.move_tag(name, engine, image_id)
        except EngineError as exc:
            failed = self._fleet.state.engine(exc.address)
            node = failed.name if failed is not None else exc.address
            yield told_as_progress(f"{node}: {exc.message}")
        except ManagerError as exc:
            yield told_as_progress(str(exc))

    def _importer(self, name: str) -> Engine:
        """Who has the tag already; else the engine with the fewest containers."""
        self._fleet.any_healthy()
        holders = image_holders(self._fleet.state, name) if name else {}
        first = next(iter(holders), None)
        return self._emptiest() if first is None else self._fleet.healthy_engine(first)

    def _emptiest(self) -> Engine:
        count = self._fleet.state.containers_on
        return min(self._fleet.healthy_engines(), key=lambda engine: len(count(engine.address)))


async def _ready(filling: asyncio.Task[None], merged: MergedProgress) -> None:
    """Wait until the body is here and an engine has begun to answer, or all of them have ended.

    An engine that says early what is wrong with an image reads no more of it: who has it sent to
    the end would only fill the disk.
    """
    try:
        await merged.start()
    except EngineError:
        raise
    except Exception:
        # The engines' requests broke off with the body: its own error is the cause.
        await filling
        raise
    ended = asyncio.create_task(merged.ended(), name="end of a load")
    try:
        await asyncio.wait([filling, ended], return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended.cancel()
    if filling.done():
        filling.result()
    else:
        # A piece that is just being written is written before anybody closes the file.
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)


async def _and_close(
    lines: AsyncGenerator[bytes, None], spool: Spool
) -> AsyncGenerator[bytes, None]:
    """Pass *lines* on; the spool is closed when nobody reads it any more."""
    try:
        async with aclosing(lines):
            yield b""
            async for line in lines:
                yield line
    finally:
        spool.close()


def _told_id(line: bytes) -> str:
    """The new image's ID, if this line of an import tells it."""
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return ""
    status = message.get("status") if isinstance(message, dict) else None
    return status if isinstance(status, str) and status.startswith("sha256:") else ""
