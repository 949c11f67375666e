"""``docker create``: placed by the scheduler, made on the engine it chose.

Reserve, call, settle: the place and the name are taken in one step of the event loop, before
anything waits, so that two creates never break a filter or take one name twice.
"""

from __future__ import annotations

import logging
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import orjson

from engine.errors import EngineError, EngineStatusError, EngineUnreachableError
from master.cluster import shims
from master.cluster.groups import group_of, nearest_first
from master.cluster.images.missing import lacks_image
from master.cluster.model import SWARM_ID_LABEL, ApiVersion, Engine
from master.cluster.placing.body import (
    Creation,
    read_creation,
    with_references,
    with_scaled_shares,
)
from master.cluster.placing.mounts import named_volumes
from master.cluster.placing.placement import Placement
from master.cluster.placing.provisional import provisional
from master.cluster.placing.reservations import Reservation
from master.cluster.placing.settings import PlacingSettings
from master.cluster.placing.wanted import request_from_body
from master.cluster.resolve import resolve
from master.cluster.volumes.desk import VolumeDesk
from master.errors import ConflictError, ManagerError, PlacementError
from master.operations.attempt import Attempt, Lack
from master.operations.bodies import JSON_BODY, answered_id, sent_json
from master.operations.drawing import PortDrawer
from master.operations.hints import PlacementHints
from master.operations.mirrors import Joined, Mirrors
from master.operations.names import is_really_taken
from master.operations.orphans import Orphans
from master.operations.patience import while_it_lives
from master.operations.pull import Puller
from master.supervisor.fleet import Fleet
from scheduler.errors import NoNodeFitsError
from scheduler.schedule import schedule
from scheduler.types import Node, Request

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CreateCall:
    """One ``POST /containers/create`` as it came."""

    body: bytes
    name: str
    platform: str
    version: ApiVersion
    """The API version that the client speaks."""
    client: str
    """The client's address: whose pull follows when the image is missing."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """X-Registry-Auth, if it was sent."""


class ContainerCreator:
    """Creates containers somewhere in the cluster."""

    def __init__(
        self,
        fleet: Fleet,
        placement: Placement,
        puller: Puller,
        hints: PlacementHints,
        settings: PlacingSettings,
        rng: random.Random,
        mirrors: Mirrors,
        volumes: VolumeDesk,
        ports: PortDrawer,
    ) -> None:
        """*rng* is the random strategy's."""
        self._fleet = fleet
        self._state = fleet.state
        self._placement = placement
        self._puller = puller
        self._hints = hints
        self._settings = settings
        self._rng = rng
        self._mirrors = mirrors
        self._volumes = volumes
        self._ports = ports
        self._orphans = Orphans(fleet)
        fleet.on_destroy.append(placement.gone)

    async def create(self, call: CreateCall) -> bytes:
        """Create a container; returns the engine's answer, ``{"Id": …, "Warnings": …}``.

        Raises:
            ManagerError: the request makes no sense, or the name is taken.
            SchedulingError: no engine fits, or an expression makes no sense.
            EngineStatusError: the engine that fits refuses.
        """
        creation = read_creation(
            sent_json(call.body),
            name=call.name,
            swarm_id=secrets.token_hex(32),
            find_node=self._state.engine_by_name,
            cpu_shares_are_cores=self._settings.cpu_shares_are_cores,
        )
        async with self._ports.drawn(creation.body) as body:
            return await self._create(call, replace(creation, body=body))

    async def _create(self, call: CreateCall, creation: Creation) -> bytes:
        request = request_from_body(creation.body, creation.name, platform=call.platform)
        joined = await self._mirrors.joined(creation.body)
        attempt = Attempt(self._settings.retries, joined, named_volumes(creation.body))
        if attempt.volumes or any(claim.host_port for claim in request.ports):
            await self._fleet.settled()  # one may have been made, or drawn by an engine, just now
        while True:
            answer = await self._try(call, creation, request, attempt)
            if answer is not None:
                return answer

    async def _try(
        self, call: CreateCall, creation: Creation, request: Request, attempt: Attempt
    ) -> bytes | None:
        """One engine: its answer, or None if another one is to be tried."""
        engine, reservation = await self._reserve(call, creation, request, attempt)
        with (
            self._mirrors.joining(attempt.joined, engine.address),
            self._volumes.held(attempt.volumes, engine.address) as hold,
        ):
            try:
                answer = await self._ask(engine, call, creation, attempt.joined)
                container_id = answered_id(engine, answer)
            except EngineUnreachableError as exc:
                self._placement.cancel(reservation)
                self._give_up(engine, creation, exc)
                attempt.exclude(engine, exc)
                return None
            except EngineStatusError as exc:
                self._placement.cancel(reservation)
                await self._after_refusal(exc, engine, call, request, attempt)
                return None
            except BaseException:
                self._placement.cancel(reservation)
                raise
            self._settle(container_id, engine, request, creation, reservation)
            hold.is_made = True
        if attempt.volumes:
            self._fleet.touch_volumes(engine.address)
        self._hints.forget(call.client, request.image, engine.address)
        return answer

    async def _reserve(
        self, call: CreateCall, creation: Creation, request: Request, attempt: Attempt
    ) -> tuple[Engine, Reservation]:
        while True:
            node = self._choose(call, request, attempt)
            try:
                reservation = self._placement.reserve(
                    request,
                    node,
                    creation.body["Labels"][SWARM_ID_LABEL],
                    is_node_name=creation.is_node_name,
                )
            except ConflictError:
                if await is_really_taken(self._fleet, request.name):
                    raise
                continue
            engine = self._state.engine(node.addr)
            assert engine is not None
            return engine, reservation

    def _choose(self, call: CreateCall, request: Request, attempt: Attempt) -> Node:
        """The best engine; the one that the client has just pulled for, if it still fits."""
        nodes = attempt.left(self._placement.nodes())
        within = self._mirrors.fitting(attempt.joined, nodes)
        try:
            fitting = schedule(
                request,
                within,
                filters=(*self._settings.filters, self._volumes.filter(attempt.volumes)),
                strategy=self._settings.strategy,
                rng=self._rng,
            )
        except NoNodeFitsError as exc:
            if attempt.lack is not None:
                raise self._told(attempt.lack, call, request) from exc
            raise self._mirrors.explained(exc, attempt.joined, nodes, within) from exc
        # A group's data draws its containers: one without a volume would go elsewhere, and take
        # the group's network with it.
        fitting = nearest_first(
            self._state, fitting, group_of(request.labels), with_containers=False
        )
        hinted = self._hints.engines(call.client, request.image)
        return next((node for node in fitting if node.addr in hinted), fitting[0])

    def _told(self, lack: Lack, call: CreateCall, request: Request) -> Exception:
        """What a client is told whose container can't go where an image can't be had.

        If the registry said no, it said it to nobody in particular: the client may have its
        user's credentials, and pulls only when it is told that there is no such image.
        """
        if not lack.is_registrys_no:
            return PlacementError(f"node {lack.node} can't get the image: {lack.why.message}")
        self._hints.remember(call.client, request.image, lack.address)
        return lack.missing

    async def _ask(
        self, engine: Engine, call: CreateCall, creation: Creation, joined: Joined
    ) -> bytes:
        image = str(creation.body.get("Image") or "")  # engines do take a container without one
        if image and not call.platform:
            await self._puller.freshen(image, engine)
        body = with_references(creation.body, lambda text: self._local(text, engine))
        body = await self._mirrors.localise(body, joined, engine)
        if self._settings.cpu_shares_are_cores:
            body = with_scaled_shares(body, engine.cpus)
        version = engine.version_for(call.version)
        query = {"name": creation.name, "platform": call.platform}
        request = self._fleet.client(engine.address).request(
            "POST",
            "/containers/create",
            {key: value for key, value in query.items() if value},
            content=orjson.dumps(shims.create_body(body, call.version, version)),
            headers={**JSON_BODY, **call.headers},
            version=version,
            timeout_s=None,
        )
        return (await while_it_lives(self._fleet, engine, request)).content

    def _local(self, reference: str, engine: Engine) -> str:
        """A reference to another container, as *engine* understands it."""
        try:
            found = resolve(self._state, reference)
        except ManagerError:
            return reference  # the engine says that it knows no such container
        if found.as_typed or found.container.engine != engine.address:
            return reference
        return found.container.id

    def _give_up(self, engine: Engine, creation: Creation, error: EngineUnreachableError) -> None:
        _log.warning("create on %s failed: %s", engine.name, error)
        self._fleet.suspect(engine.address)
        if error.sent:
            self._orphans.give_up(engine.address, creation.body["Labels"][SWARM_ID_LABEL])

    async def _after_refusal(
        self,
        error: EngineStatusError,
        engine: Engine,
        call: CreateCall,
        request: Request,
        attempt: Attempt,
    ) -> None:
        """Prepare another try, or raise what the client shall see."""
        if lacks_image(error.status, error.message):
            await self._fetch_image(error, engine, call, request, attempt)
        elif error.status >= 500 and attempt.retries > 0:  # noqa: PLR2004
            attempt.retries -= 1
            attempt.exclude(engine, error)
        else:
            raise error

    async def _fetch_image(
        self,
        error: EngineStatusError,
        engine: Engine,
        call: CreateCall,
        request: Request,
        attempt: Attempt,
    ) -> None:
        """An image that the cluster has must not be missing, wherever a container lands.

        One that no engine has is the client's to pull, as with a single engine: only the client
        knows its user's credentials.
        """
        await self._fleet.settled()  # it may have been built, loaded or tagged just now
        holders = self._puller.holders(request.image)
        if engine.address in attempt.fetched or not holders - {engine.address}:
            self._hints.remember(call.client, request.image, engine.address)
            raise error
        attempt.fetched.add(engine.address)
        try:
            await self._puller.fetch(request.image, call.platform, engine, call.headers)
        except EngineError as exc:
            _log.info("%s can't pull %s: %s", engine.name, request.image, exc)
            attempt.lacks_image(holders, Lack(engine.address, engine.name, error, exc))

    def _settle(
        self,
        container_id: str,
        engine: Engine,
        request: Request,
        creation: Creation,
        reservation: Reservation,
    ) -> None:
        if self._state.container(engine.address, container_id) is None:
            self._state.put_container(provisional(container_id, engine, request, creation))
        # Settled after it is shown, the reservation ends here: one that waited to be shown would
        # keep the name of a container that has come and gone meanwhile.
        self._placement.settle(reservation, container_id)
        self._fleet.touch(engine.address, container_id)
