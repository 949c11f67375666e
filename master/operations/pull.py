"""``docker pull``: on the engines that need the image, their progress merged as it comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import orjson

from engine.errors import EngineError, EngineStatusError
from master.cluster.image_reference import parse_reference
from master.cluster.images import resolve_image
from master.cluster.model import ApiVersion, Engine
from master.errors import BadRequestError, NotFoundError, UnavailableError
from master.operations.hints import PlacementHints
from master.supervisor.fleet import Fleet

_log = logging.getLogger(__name__)

_QUEUE_LIMIT = 256
"""Progress pieces that wait for a slow client; then the engines wait."""


@dataclass(frozen=True)
class PullCall:
    """One ``POST /images/create?fromImage=…`` as it came."""

    query: Mapping[str, str]
    version: ApiVersion
    client: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """What is pulled: name, and tag or digest."""
        image, tag = self.query.get("fromImage", ""), self.query.get("tag", "")
        if not tag:
            return image
        return f"{image}@{tag}" if ":" in tag else f"{image}:{tag}"


class Puller:
    """Pulls images where they are needed."""

    def __init__(self, fleet: Fleet, hints: PlacementHints, scope: str) -> None:
        """*scope*: ``placeable``, ``all`` or ``one`` (``--pull-scope``)."""
        self._fleet = fleet
        self._hints = hints
        self._scope = scope

    def holders(self, image: str) -> set[str]:
        """Addresses of the healthy engines that have *image*."""
        try:
            found = resolve_image(self._fleet.state, image)
        except (NotFoundError, BadRequestError):
            return set()
        healthy = {engine.address for engine in self._fleet.healthy_engines()}
        return {address for address, _ in found} & healthy

    def targets(self, call: PullCall) -> list[Engine]:
        """The engines that pull.

        Where the client's container is about to go, if it was refused for want of this image;
        else wherever a container may be placed, or on one.

        Raises:
            UnavailableError: no engine can be asked.
        """
        healthy = self._fleet.healthy_engines()
        if not healthy:
            raise UnavailableError("No healthy node available in the cluster")
        if self._scope == "all":
            return healthy
        hinted = self._hints.engines(call.client, call.reference)
        wanted = [engine for engine in healthy if engine.address in hinted]
        if wanted:
            return wanted
        if self._scope == "one":
            have = self.holders(call.reference)
            return [next((e for e in healthy if e.address in have), healthy[0])]
        return healthy

    async def fetch(
        self, image: str, platform: str, engine: Engine, headers: Mapping[str, str]
    ) -> None:
        """Pull on one engine, silently.

        Raises:
            EngineError: it can't.
        """
        reference = parse_reference(image)
        query = {"fromImage": reference.name, "tag": reference.digest or reference.tag}
        if platform:
            query["platform"] = platform
        call = PullCall(query, engine.api_version, "", headers)
        client = self._fleet.client(engine.address)
        async with client.stream(
            "POST", "/images/create", query, headers=_passed(call.headers)
        ) as pieces:
            async for line in _lines(pieces):
                if (failure := _failure(line)) is not None:
                    raise EngineStatusError(engine.address, 500, failure)
        self._fleet.touch_images(engine.address)

    async def pull(self, call: PullCall) -> AsyncIterator[bytes]:
        """Pull; the answer's pieces, each one or more whole JSON lines.

        The first engine's answer is waited for, so that a refusal keeps its status.

        Raises:
            EngineStatusError: every engine refused before anything was sent.
        """
        targets = self.targets(call)
        merged = _Merged(call, targets, self._fleet)
        await merged.start()
        return merged.lines()


class _Merged:
    """One pull on several engines."""

    def __init__(self, call: PullCall, targets: list[Engine], fleet: Fleet) -> None:
        self._call = call
        self._targets = targets
        self._fleet = fleet
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE_LIMIT)
        self._failures: dict[str, EngineError] = {}
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []
        self._ended_before = 0
        """How many engines had failed before the first one answered."""

    async def start(self) -> None:
        """Begin everywhere, and wait until one engine has begun to answer, or none will.

        Raises:
            EngineStatusError: none will: the first engine's words and status.
        """
        self._tasks = [
            asyncio.create_task(self._pull_on(engine), name=f"pull on {engine.name}")
            for engine in self._targets
        ]
        running: set[asyncio.Future[None]] = set(self._tasks)
        try:
            while running and not self._first.done():
                await asyncio.wait({*running, self._first}, return_when=asyncio.FIRST_COMPLETED)
                running = {task for task in running if not task.done()}
        except BaseException:
            self._cancel()
            raise
        if not self._first.done():
            await asyncio.gather(*self._tasks)
            raise next(iter(self._failures.values()))

    async def lines(self) -> AsyncIterator[bytes]:
        """The merged progress, then what failed."""
        left = len(self._tasks) - self._ended_before
        try:
            while left:
                piece = await self._queue.get()
                if piece is None:
                    left -= 1
                else:
                    yield piece
            await asyncio.gather(*self._tasks)
            if self._failures:
                yield self._error_line()
        finally:
            self._cancel()

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _pull_on(self, engine: Engine) -> None:
        call = self._call
        version = max(min(call.version, engine.api_version), engine.min_api_version)
        try:
            client = self._fleet.client(engine.address)
            async with client.stream(
                "POST", "/images/create", call.query, headers=_passed(call.headers), version=version
            ) as pieces:
                if not self._first.done():
                    self._first.set_result(None)
                async for line in _lines(pieces):
                    await self._pass(line, engine)
            self._fleet.touch_images(engine.address)
        except EngineError as exc:
            _log.info("pull of %s on %s: %s", call.reference, engine.name, exc)
            self._failures.setdefault(engine.name, exc)
        except asyncio.CancelledError:
            raise  # nobody reads any more: waiting for room in the queue would be for ever
        except BaseException:
            await self._end()
            raise
        await self._end()

    async def _end(self) -> None:
        if self._first.done():
            await self._queue.put(None)
        else:
            self._ended_before += 1

    async def _pass(self, line: bytes, engine: Engine) -> None:
        failure = _failure(line)
        if failure is not None:
            self._failures[engine.name] = EngineStatusError(engine.address, 500, failure)
            return
        await self._queue.put(line if len(self._targets) == 1 else _with_node(line, engine))

    def _error_line(self) -> bytes:
        if len(self._targets) == 1:
            text = next(iter(self._failures.values())).message
        else:
            text = "\n".join(f"{name}: {exc.message}" for name, exc in self._failures.items())
        return orjson.dumps({"errorDetail": {"message": text}, "error": text}) + b"\r\n"


def _passed(headers: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key.lower() == "x-registry-auth"}


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    held = b""
    async for piece in pieces:
        *lines, held = (held + piece).split(b"\n")
        for line in lines:
            if line.strip():
                yield line + b"\n"
    if held.strip():
        yield held + b"\r\n"


def _failure(line: bytes) -> str | None:
    """The error that a progress line tells of, if it does."""
    if b'"error"' not in line:
        return None
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    failed = isinstance(message, dict) and isinstance(message.get("error"), str)
    return str(message["error"]) if failed else None


def _with_node(line: bytes, engine: Engine) -> bytes:
    """A progress line whose ID names the node: the CLI keeps one line of screen for each ID."""
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    if not isinstance(message, dict):
        return line
    layer = message.get("id")
    message["id"] = f"{engine.name}:{layer}" if layer else engine.name
    return orjson.dumps(message) + b"\r\n"
