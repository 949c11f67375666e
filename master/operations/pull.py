"""``docker pull``: on the engines that need the image, their progress merged as it comes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from engine.errors import EngineError, EngineStatusError
from engine.lines import lines_of
from master.cluster.images.holders import full_name, image_holders, newer_source
from master.cluster.images.merge import failure
from master.cluster.images.reference import parse_reference
from master.cluster.model import ApiVersion, Engine
from master.errors import ManagerError, NoHealthyNodeError
from master.operations.hints import PlacementHints
from master.operations.image_copy import ImageCopier
from master.operations.progress import MergedProgress
from master.supervisor.fleet import Fleet

_log = logging.getLogger(__name__)


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

    def __init__(
        self, fleet: Fleet, copier: ImageCopier, hints: PlacementHints, scope: str
    ) -> None:
        """*scope*: ``placeable``, ``all`` or ``one`` (``--pull-scope``)."""
        self._fleet = fleet
        self._copier = copier
        self._hints = hints
        self._scope = scope

    def holders(self, image: str) -> set[str]:
        """Addresses of the healthy engines that have *image*."""
        return set(image_holders(self._fleet.state, image))

    def targets(self, call: PullCall) -> list[Engine]:
        """The engines that pull.

        Where the client's container is about to go, if it was refused for want of this image;
        else wherever a container may be placed, or on one.

        Raises:
            NoHealthyNodeError: no engine can be asked.
        """
        healthy = self._fleet.healthy_engines()
        if not healthy:
            raise NoHealthyNodeError
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
        """Bring an image to one engine, silently: from another engine, else from its registry.

        Another engine's copy is the same image, and may be in no registry at all. Where a
        platform is asked for, the registry is the one that can choose.

        Raises:
            EngineError: it can't be had; why it couldn't be copied, if an engine has it.
        """
        uncopied: EngineError | None = None
        if not platform:
            try:
                if await self._copier.bring(image, engine):
                    return
            except EngineError as exc:
                uncopied = exc
        try:
            await self._pull_on(engine, image, platform, headers)
        except EngineError as exc:
            raise uncopied or exc from exc
        self._fleet.touch_images(engine.address)

    async def _pull_on(
        self, engine: Engine, image: str, platform: str, headers: Mapping[str, str]
    ) -> None:
        reference = parse_reference(image)
        query = {"fromImage": reference.name, "tag": reference.digest or reference.tag}
        if platform:
            query["platform"] = platform
        client = self._fleet.client(engine.address)
        async with client.stream(
            "POST", "/images/create", query, headers=_passed(headers)
        ) as pieces:
            async for line in lines_of(pieces, engine.address):
                if (said := failure(line)) is not None:
                    raise EngineStatusError(engine.address, 500, said)

    async def freshen(self, image: str, engine: Engine) -> None:
        """Bring *image* to an engine that has it, but not the one that got this tag last.

        It was built, tagged or loaded anew on another engine. An image that can't be copied now
        stays what it is: the log says so.
        """
        await self._fleet.images_settled()
        source = newer_source(self._fleet.state, image, engine)
        if source is None:
            return
        newer = image_holders(self._fleet.state, image)[source.address]
        try:
            await self._copier.copy(full_name(image, newer), newer.id, source, engine)
        except (EngineError, ManagerError) as exc:
            _log.warning("%s keeps its older %s: %s", engine.name, image, exc)

    async def pull(self, call: PullCall) -> AsyncIterator[bytes]:
        """Pull; the answer's pieces, each one or more whole JSON lines.

        The first engine's answer is waited for, so that a refusal keeps its status.

        Raises:
            EngineStatusError: every engine refused before anything was sent.
        """
        headers = _passed(call.headers)

        def ask(engine: Engine) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
            version = engine.version_for(call.version)
            return self._fleet.client(engine.address).stream(
                "POST", "/images/create", call.query, headers=headers, version=version
            )

        targets = self.targets(call)
        merged = MergedProgress(f"pull of {call.reference}", targets, self._fleet, ask)
        try:
            await merged.start()
        except EngineError:
            # What the client asks for next, maybe with a password, is about no container.
            self._hints.forget_all(call.client, call.reference)
            raise
        return await merged.lines()


def _passed(headers: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key.lower() == "x-registry-auth"}
