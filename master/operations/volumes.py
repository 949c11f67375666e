"""``docker volume``: a local volume is made on one node and found there again."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

import orjson

from engine.errors import EngineStatusError, EngineUnreachableError
from engine.paths import in_path
from master.cluster.filters import boolean
from master.cluster.groups import group_of, nearest_first, waiting_first
from master.cluster.model import ApiVersion, Engine, Volume
from master.cluster.node_object import node_object
from master.cluster.placing.placement import Placement
from master.cluster.placing.settings import PlacingSettings
from master.cluster.volumes.desk import VolumeDesk
from master.cluster.volumes.listing import (
    VolumeQuery,
    find_volume,
    find_volume_to_change,
    is_volume_name,
    shown_name,
    split_volume,
    volume_rows,
)
from master.errors import BadRequestError, NotFoundError, PlacementError
from master.operations.bodies import JSON_BODY, sent_fields
from master.operations.fanout import ask_all, partial_headers
from master.supervisor.fleet import Fleet
from scheduler.directives import read_labels
from scheduler.expr import parse_many
from scheduler.schedule import schedule
from scheduler.types import Node, Request

_REMOVE_LIMIT_S = 120.0
"""An engine deletes a volume's files while it answers."""
_NOT_FOUND = 404


class Volumes:
    """Volumes of the cluster."""

    def __init__(
        self,
        fleet: Fleet,
        placement: Placement,
        desk: VolumeDesk,
        settings: PlacingSettings,
        rng: random.Random,
    ) -> None:
        """*rng* is the random strategy's."""
        self._fleet = fleet
        self._state = fleet.state
        self._placement = placement
        self._desk = desk
        self._settings = settings
        self._rng = rng

    async def list(self, query: VolumeQuery) -> tuple[bytes, Mapping[str, str]]:
        """``GET /volumes``: the body, and headers that name the nodes that don't answer now.

        Raises:
            BadRequestError: a filter makes no sense.
        """
        await self._fleet.settled()
        rows = volume_rows(self._state, query)
        silent = [e for e in self._state.engines().values() if not e.is_healthy]
        return orjson.dumps({"Volumes": rows, "Warnings": None}), partial_headers(silent)

    async def inspect(self, reference: str, version: ApiVersion) -> bytes:
        """``GET /volumes/{name}``: as its home tells it, with the name that lists show.

        Raises:
            NotFoundError: there is none, or several.
            EngineStatusError: the engine refuses.
        """
        try:
            found = find_volume(self._state, reference)
        except NotFoundError:
            await self._fleet.settled()
            found = find_volume(self._state, reference)
        volume, engine = self._reachable(found)
        response = await self._fleet.client(engine.address).request(
            "GET", f"/volumes/{in_path(volume.name)}", version=engine.version_for(version)
        )
        return self._shown(response.content, volume, engine)

    async def create(self, body: bytes, version: ApiVersion) -> bytes:
        """``POST /volumes/create``: the existing volume, or a new one where it fits.

        Raises:
            BadRequestError: the body is no JSON object.
            ConflictError: several nodes have a volume of that name.
            SchedulingError: no node fits.
            EngineStatusError: the engine refuses.
        """
        wanted = _parse(body)
        name, node = split_volume(_text(wanted.get("Name")), self._state.engine_by_name)
        if node is not None:
            wanted["Name"] = name
        await self._fleet.settled()
        tried: set[str] = set()
        while True:
            engine = self._home_for(wanted, name, node, tried)
            try:
                return await self._create_on(engine, wanted, version)
            except EngineUnreachableError as exc:
                self._fleet.suspect(engine.address)
                if exc.sent or node is not None:
                    raise
                tried.add(engine.address)

    async def remove(self, reference: str, query: Mapping[str, str], version: ApiVersion) -> None:
        """``DELETE /volumes/{name}``: on its home; a global one on every node that lists it.

        Raises:
            NotFoundError: there is none, and ``force`` isn't given.
            ConflictError: several nodes have one.
            EngineStatusError: the engine refuses: it is in use.
        """
        await self._fleet.settled()
        try:
            found = find_volume_to_change(self._state, reference)
        except NotFoundError:
            if not boolean(query.get("force")):
                raise
            return
        engines = [self._fleet.healthy_engine(volume.engine) for volume in found]
        name = found[0].name

        async def ask(engine: Engine, client: Any) -> None:
            try:
                await client.request(
                    "DELETE",
                    f"/volumes/{in_path(name)}",
                    query,
                    version=engine.version_for(version),
                    timeout_s=_REMOVE_LIMIT_S,
                )
            except EngineStatusError as exc:
                # A global volume is gone everywhere once one engine has removed it.
                if exc.status != _NOT_FOUND or len(engines) == 1:
                    raise
            finally:
                self._fleet.touch_volumes(engine.address)
            self._desk.gone(name, engine.address)

        done = await ask_all(self._fleet, ask, deadline_s=_REMOVE_LIMIT_S, engines=engines)
        if len(engines) == 1 and done.failures:
            raise done.failures[0][1]
        done.raise_failure()

    def _reachable(self, volumes: tuple[Volume, ...]) -> tuple[Volume, Engine]:
        for volume in volumes:
            engine = self._state.engine(volume.engine)
            if engine is not None and engine.is_healthy:
                return volume, engine
        return volumes[0], self._fleet.healthy_engine(volumes[0].engine)

    def _home_for(
        self, wanted: Mapping[str, Any], name: str, node: Engine | None, tried: set[str]
    ) -> Engine:
        """Where it is, or shall be."""
        if node is not None:
            return self._fleet.healthy_engine(node.address)
        if is_volume_name(name):
            if self._state.volumes_named(name):
                return self._reachable(find_volume_to_change(self._state, name))[1]
            if homes := self._desk.homes(name):
                return self._fleet.healthy_engine(min(homes))
        best = self._choose(wanted, tried)
        return self._fleet.healthy_engine(best.addr)

    def _choose(self, wanted: Mapping[str, Any], tried: set[str]) -> Node:
        labels = wanted.get("Labels")
        texts = {k: v for k, v in labels.items() if isinstance(v, str)} if labels else {}
        given = read_labels(texts)
        request = Request(
            labels=texts,
            constraints=parse_many(given.constraints, "constraint"),
            affinities=parse_many(given.affinities, "affinity"),
            whitelists=parse_many(given.whitelists, "whitelist"),
        )
        nodes = [node for node in self._placement.nodes() if node.addr not in tried]
        if not nodes and tried:
            raise PlacementError("no node answers")
        fitting = schedule(
            request,
            nodes,
            filters=self._settings.filters,
            strategy=self._settings.strategy,
            rng=self._rng,
        )
        if (group := group_of(texts)) is None:
            return waiting_first(self._state, fitting, time.time())[0]
        return nearest_first(self._state, fitting, group, with_containers=True)[0]

    async def _create_on(
        self, engine: Engine, wanted: Mapping[str, Any], version: ApiVersion
    ) -> bytes:
        name = _text(wanted.get("Name"))
        with self._desk.held((name,) if name else (), engine.address) as hold:
            response = await self._fleet.client(engine.address).request(
                "POST",
                "/volumes/create",
                content=orjson.dumps(wanted),
                headers=JSON_BODY,
                version=engine.version_for(version),
                timeout_s=None,  # it looks for an unknown driver for a quarter of a minute
            )
            hold.is_made = True
        self._fleet.touch_volumes(engine.address)
        await self._fleet.settled()
        known = [v for v in self._state.volumes_named(name) if v.engine == engine.address]
        return self._shown(response.content, known[0], engine) if known else response.content

    def _shown(self, body: bytes, volume: Volume, engine: Engine) -> bytes:
        """The engine's answer with the name that lists show, and its node."""
        try:
            told = orjson.loads(body)
        except orjson.JSONDecodeError:
            return body
        if not isinstance(told, dict):
            return body
        told["Name"] = shown_name(self._state, volume)
        if volume.is_local:
            told["Node"] = node_object(engine)
        return orjson.dumps(told) + b"\n"


def _parse(body: bytes) -> dict[str, Any]:
    """The body with our fields spelled as documented.

    Raises:
        BadRequestError: it is no object, or a field that decides where it goes has a wrong type.
    """
    wanted = sent_fields(body, "Name", "Driver", "Labels", "DriverOpts")
    for key, kind in (("Name", str), ("Labels", dict)):
        if not isinstance(wanted.get(key), kind | None):
            raise BadRequestError(
                f"invalid JSON: json: cannot unmarshal into Go struct field "
                f"CreateOptions.{key} of type {'string' if kind is str else 'map[string]string'}"
            )
    return wanted


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
