"""``docker tag``, ``rmi``, ``image prune``, ``save``: about an image that several engines have.

A tag means one image, wherever it is asked for: when it is moved, engines that have another image
under it get the new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from engine.client import EngineClient
from engine.errors import EngineError, EngineStatusError
from engine.paths import in_path
from master.cluster.filters import boolean, first_values
from master.cluster.images import merge as image_merge
from master.cluster.images.holders import (
    best_collector,
    current_holders,
    full_name,
    has_tag,
    image_holders,
    others_with_tag,
    repository_holders,
    repository_tags,
)
from master.cluster.images.listing import resolve_image
from master.cluster.images.reference import given_name, no_such_image, parse_reference
from master.cluster.images.removal import removal_order
from master.cluster.model import ApiVersion, Engine
from master.errors import ManagerError
from master.operations.bodies import answered_json
from master.operations.fanout import Fanned, ask_all, partial_headers
from master.operations.image_copy import ImageCopier
from master.supervisor.fleet import Fleet

Pairs = Sequence[tuple[str, str]]
"""A query's parameters as they came."""


class Images:
    """Changes and collects images."""

    def __init__(self, fleet: Fleet, copier: ImageCopier) -> None:
        self._fleet = fleet
        self._copier = copier

    async def tag(self, reference: str, query: Pairs, version: ApiVersion) -> None:
        """``POST /images/(name)/tag``: on every engine that has the image.

        Raises:
            NotFoundError: no engine has it.
            EngineStatusError: an engine refused.
        """
        await self._holders(reference)
        # An engine that has an older image under this name gives that one no other name.
        found = current_holders(self._fleet.state, reference)
        holders = [self._fleet.state.engines()[address] for address in found]
        fanned = await ask_all(
            self._fleet,
            lambda engine, client: self._tag_on(engine, client, reference, query, version),
            deadline_s=None,
            engines=holders,
        )
        fanned.raise_failure()
        given = first_values(query)
        new = given_name(given.get("repo", ""), given.get("tag", ""))
        for source in holders:
            await self.move_tag(new, source, found[source.address].id, skip=holders)

    async def move_tag(
        self, tag: str, source: Engine, image_id: str, *, skip: Sequence[Engine] = ()
    ) -> None:
        """*source* has given *tag* to another image: engines that have the tag get that image.

        What they called so before stays there without a name, as with one engine.

        Raises:
            EngineError: an engine could not get it.
        """
        skipped = {engine.address for engine in skip}
        for engine in others_with_tag(self._fleet.state, tag, source, image_id):
            if engine.address not in skipped:
                await self._copier.copy(tag, image_id, source, engine)

    async def remove(
        self, reference: str, query: Pairs, version: ApiVersion
    ) -> tuple[bytes, Mapping[str, str]]:
        """``DELETE /images/(name)``: from every engine that has it.

        Engines that are going to refuse are asked first, and the others only if those agree: an
        image in use stays where it is, all of it, as with one engine.

        Returns:
            What was done, each thing once, and the headers that name engines that can't be asked.

        Raises:
            NotFoundError: no engine has it.
            EngineStatusError: an engine refused: it is in use there, say.
        """
        holders = await self._holders(reference)
        unasked = self._unhealthy_holders(reference)
        is_forced = boolean(first_values(query).get("force"))
        answers: list[Any] = []
        gone: Fanned[Any] | None = None
        for engines in removal_order(self._fleet.state, reference, holders, is_forced=is_forced):
            fanned = await ask_all(
                self._fleet,
                lambda engine, client: self._remove_on(engine, client, reference, query, version),
                deadline_s=None,
                engines=engines,
            )
            if not all(_is_gone(exc) for _, exc in fanned.failures):
                fanned.raise_failure()
            answers += [answer for _, answer in fanned.answers]
            gone = fanned if fanned.failures else gone
        if gone is not None and not answers:
            gone.raise_failure()
        return orjson.dumps(image_merge.removed(answers)), partial_headers(unasked)

    async def prune(self, query: Pairs, version: ApiVersion) -> bytes:
        """``POST /images/prune``: on every engine.

        Raises:
            EngineStatusError: an engine refused.
        """

        async def on(engine: Engine, client: EngineClient) -> Any:
            response = await client.request(
                "POST", "/images/prune", query, version=engine.version_for(version), timeout_s=None
            )
            self._fleet.touch_images(engine.address)
            return answered_json(engine, response.content)

        fanned = await ask_all(self._fleet, on, deadline_s=None)
        fanned.raise_failure()
        return orjson.dumps(image_merge.pruned(answer for _, answer in fanned.answers))

    async def collect(self, references: Sequence[str]) -> str:
        """Return the address of an engine that has all these images; what it lacks is copied.

        If one of them is nowhere, or none is asked for, any engine says so in its own words.

        Raises:
            UnavailableError: no engine can be asked.
            ManagerError: they can't be brought together.
        """
        await self._fleet.settled()
        anyone = self._fleet.any_healthy()
        holders = {name: frozenset(self._any_holders(name)) for name in references}
        if not holders or not all(holders.values()):
            return anyone.address
        best, lacking = best_collector(holders)
        target = self._fleet.healthy_engine(best)
        for reference in lacking:
            await self._collect_one(reference, holders[reference], target)
        return best

    async def _collect_one(self, reference: str, holders: frozenset[str], target: Engine) -> None:
        source = self._fleet.healthy_engine(min(holders))
        state = self._fleet.state
        if (image := image_holders(state, reference).get(source.address)) is not None:
            wanted = {full_name(reference, image): image}
        else:
            # All tags of a repository: what the target calls by one of them keeps its name.
            has = repository_tags(state, target.address, reference)
            there = repository_tags(state, source.address, reference)
            wanted = {tag: image for tag, image in there.items() if tag not in has}
        try:
            for name, image in wanted.items():
                await self._copier.copy(name, image.id, source, target)
        except EngineError as exc:
            raise ManagerError(
                f"Unable to bring all images to one engine: {reference} from {source.name}"
                f" to {target.name}: {exc.message}"
            ) from exc

    async def pushable(self, reference: str, tag: str) -> str:
        """Return the address of an engine that has what is to be pushed; all tags if none is said.

        If no healthy engine has it, any of them says so in its own words.

        Raises:
            UnavailableError: no engine can be asked.
        """
        asked = f"{reference}:{tag}" if tag and not has_tag(reference) else reference
        await self._fleet.settled()
        found = self._any_holders(asked)
        return found[0] if found else self._fleet.any_healthy().address

    def _any_holders(self, reference: str) -> list[str]:
        state = self._fleet.state
        return list(current_holders(state, reference)) or repository_holders(state, reference)

    async def _holders(self, reference: str) -> list[Engine]:
        """The engines that are asked about an image: the healthy ones that have it.

        Raises:
            NotFoundError: none has it.
            ManagerError: those that have it are not healthy.
        """
        await self._fleet.settled()
        state = self._fleet.state
        found = image_holders(state, reference)
        if not found:
            address, _ = resolve_image(state, reference)[0]
            self._fleet.healthy_engine(address)
            raise no_such_image(parse_reference(reference))
        return [state.engines()[address] for address in found]

    def _unhealthy_holders(self, reference: str) -> list[Engine]:
        state = self._fleet.state
        engines = [state.engines()[address] for address, _ in resolve_image(state, reference)]
        return [engine for engine in engines if not engine.is_healthy]

    async def _tag_on(
        self,
        engine: Engine,
        client: EngineClient,
        reference: str,
        query: Pairs,
        version: ApiVersion,
    ) -> None:
        path = f"/images/{in_path(reference)}/tag"
        await client.request("POST", path, query, version=engine.version_for(version))
        self._fleet.touch_images(engine.address)

    async def _remove_on(
        self,
        engine: Engine,
        client: EngineClient,
        reference: str,
        query: Pairs,
        version: ApiVersion,
    ) -> Any:
        try:
            response = await client.request(
                "DELETE",
                f"/images/{in_path(reference)}",
                query,
                version=engine.version_for(version),
                timeout_s=None,
            )
        finally:
            self._fleet.touch_images(engine.address)
        return answered_json(engine, response.content)


def _is_gone(error: EngineError) -> bool:
    return isinstance(error, EngineStatusError) and error.status == 404  # noqa: PLR2004
