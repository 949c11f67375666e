"""``docker network``: one network of the cluster, whatever bridges on whatever engines it is."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import orjson

from engine.client import EngineClient
from engine.errors import EngineStatusError, EngineUnreachableError
from master.cluster.model import ApiVersion, Engine
from master.cluster.networks.index import PREDEFINED, no_such_network
from master.cluster.networks.listing import list_networks, merged_inspect, read_filters
from master.cluster.placing.placement import Placement
from master.errors import ConflictError
from master.operations.bodies import JSON_BODY, answered_id, answered_object, sent_fields
from master.operations.fanout import Fanned, ask_all, partial_headers
from master.operations.mirrors import Mirrors
from master.operations.network_joins import NetworkJoins
from master.operations.network_leftovers import NetworkLeftovers
from master.operations.network_lookup import find, holders, lost_holders
from master.operations.swarm_mode import manager_among
from master.supervisor.fleet import Fleet
from scheduler.directives import read_labels
from scheduler.expr import parse_many
from scheduler.schedule import schedule
from scheduler.types import Node, Request

_log = logging.getLogger(__name__)

_DEADLINE_S = 10.0
"""For one engine's part of a read."""
_WRITE_DEADLINE_S = 30.0
_NOT_FOUND = 404
_MIRRORED_DRIVERS = frozenset({"", "default", "bridge"})
_FIELDS = (
    "Name",
    "CheckDuplicate",
    "Driver",
    "Scope",
    "EnableIPv4",
    "EnableIPv6",
    "IPAM",
    "Internal",
    "Attachable",
    "Ingress",
    "ConfigOnly",
    "ConfigFrom",
    "Options",
    "Labels",
)
_HOME_FILTERS = ("health", "constraint", "whitelist")


@dataclass(frozen=True)
class Told:
    """An answer's body, and headers beside it."""

    body: bytes
    headers: Mapping[str, str]


class Networks:
    """Creates, shows and removes networks."""

    def __init__(
        self, fleet: Fleet, placement: Placement, mirrors: Mirrors, rng: random.Random
    ) -> None:
        """*rng* chooses between engines that fit equally well."""
        self._fleet = fleet
        self._state = fleet.state
        self._placement = placement
        self._mirrors = mirrors
        self.joins = NetworkJoins(fleet, mirrors)
        """Connect and disconnect."""
        self._rng = rng
        self._names: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Who makes a network of that name now: engines of API < 1.44 would make two of a name."""
        self._leftovers = NetworkLeftovers(fleet)

    # To look at

    async def all(self, filters: str | None) -> Told:
        """``GET /networks``: each network once.

        Raises:
            BadRequestError: a filter makes no sense.
        """
        read = read_filters(filters)
        await self._fleet.settled()
        rows = list_networks(self._state, read)
        lost = [e for e in self._state.engines().values() if e.name and not e.is_healthy]
        return Told(orjson.dumps(rows), partial_headers(lost))

    async def inspect(self, reference: str, query: Mapping[str, str]) -> Told:
        """``GET /networks/{id}``: merged over the engines that have it.

        Raises:
            NotFoundError: there is no such network.
            EngineError: no engine could tell.
        """
        await self._fleet.settled()
        group = await find(self._fleet, reference)
        passed = {key: query[key] for key in ("verbose", "scope") if query.get(key)}

        async def ask(engine: Engine, client: EngineClient) -> dict[str, Any]:
            copy = group.copy_on(engine.address)
            assert copy is not None
            answer = await client.request("GET", f"/networks/{copy.id}", passed)
            return answered_object(engine, answer.content)

        told = await ask_all(
            self._fleet, ask, deadline_s=_DEADLINE_S, engines=holders(self._state, group)
        )
        told.raise_if_all_failed()
        lost = [engine for engine, _ in told.failures] + lost_holders(self._state, group)
        return Told(orjson.dumps(merged_inspect(group, told.answers)), partial_headers(lost))

    # To make

    async def create(self, raw: bytes, version: ApiVersion) -> bytes:
        """``POST /networks/create``: returns the answer, ``{"Id": …, "Warning": …}``.

        Raises:
            BadRequestError: the body makes no sense.
            ConflictError: a network of that name exists.
            SchedulingError: no node fits the constraints in the network's labels.
            EngineError: the engine refuses, or does not answer.
        """
        body = sent_fields(raw, *_FIELDS)
        name = body.get("Name")
        engine, bare = self._split(name) if isinstance(name, str) else (None, name)
        if not bare or not isinstance(bare, str) or not _is_well_formed(body):
            return await self._passed(self._home(body), raw, version)  # it says what is wrong
        if engine is not None:
            own = orjson.dumps({**body, "Name": bare})
            return await self._passed(self._fleet.healthy_engine(engine.address), own, version)
        lock = self._names.setdefault(bare, asyncio.Lock())
        async with lock:
            await self._fleet.settled()
            if bare not in PREDEFINED and self._state.network_index().named(bare):
                raise ConflictError(f"network with name {bare} already exists")
            return await self._made(body, raw, version)

    async def _made(self, body: dict[str, Any], raw: bytes, version: ApiVersion) -> bytes:
        driver = body.get("Driver") or ""
        if body.get("Scope") == "swarm" or driver == "overlay":
            # Without a swarm the engine has the words.
            manager = await manager_among(self._fleet, self._fleet.healthy_engines())
            return await self._passed(manager or self._home(body), raw, version)
        is_own = body.get("ConfigOnly") or body.get("ConfigFrom") or body["Name"] in PREDEFINED
        if is_own or driver not in _MIRRORED_DRIVERS:
            return await self._passed(self._home(body), raw, version)
        cluster_id = await self._mirrored(body, version)
        return orjson.dumps({"Id": cluster_id, "Warning": ""}) + b"\n"

    async def _mirrored(self, body: dict[str, Any], version: ApiVersion) -> str:
        """Make the first bridge; where an engine does not answer, the next one is asked."""
        *others, last = self._homes(body)
        for home in others:
            cluster_id = secrets.token_hex(32)
            try:
                await self._mirrors.make(home, cluster_id, body, home.version_for(version))
            except EngineUnreachableError as exc:
                _log.warning("network %s can't be made on %s: %s", body["Name"], home.name, exc)
                self._fleet.suspect(home.address)
                self._leftovers.give_up(cluster_id)
            else:
                return cluster_id
        cluster_id = secrets.token_hex(32)
        await self._mirrors.make(last, cluster_id, body, last.version_for(version))
        return cluster_id

    async def _passed(self, engine: Engine, raw: bytes, version: ApiVersion) -> bytes:
        """One engine's own network, made there as it was asked for."""
        client = self._fleet.client(engine.address)
        try:
            answer = await client.request(
                "POST",
                "/networks/create",
                content=raw,
                headers=JSON_BODY,
                version=engine.version_for(version),
            )
            await self._mirrors.learn(engine, answered_id(engine, answer.content))
        finally:
            self._fleet.touch_networks(engine.address)
        return answer.content

    def _home(self, body: Mapping[str, Any]) -> Engine:
        return self._homes(body)[0]

    def _homes(self, body: Mapping[str, Any]) -> list[Engine]:
        """Where it may be made at once, so that it exists: by the constraints in its labels."""
        source = body.get("ConfigFrom")
        sources = self._config_holders(source.get("Network")) if isinstance(source, dict) else None
        labels = body.get("Labels")
        texts = (
            {k: v for k, v in labels.items() if isinstance(v, str)}
            if isinstance(labels, dict)
            else {}
        )
        given = read_labels(texts)
        request = Request(
            constraints=parse_many(given.constraints, "constraint"),
            whitelists=parse_many(given.whitelists, "whitelist"),
        )
        nodes: list[Node] = [
            node for node in self._placement.nodes() if sources is None or node.addr in sources
        ]
        best = schedule(request, nodes, filters=_HOME_FILTERS, rng=self._rng)
        return [self._fleet.healthy_engine(node.addr) for node in best]

    def _config_holders(self, name: object) -> set[str] | None:
        groups = self._state.network_index().named(name) if isinstance(name, str) else []
        return {copy.engine for group in groups for copy in group.copies} or None

    def _split(self, name: str) -> tuple[Engine | None, str]:
        node, slash, bare = name.rpartition("/")
        engine = self._state.engine_by_name(node) if slash and bare else None
        return (engine, bare) if engine is not None else (None, name)

    # To end

    async def remove(self, reference: str) -> None:
        """``DELETE /networks/{id}``: on every engine that has it.

        Raises:
            NotFoundError: there is no such network.
            EngineError: an engine refuses: it has containers in it.
        """
        group = await find(self._fleet, reference)
        found = holders(self._state, group)
        if group.copies[0].is_swarm_scoped:
            found = [await manager_among(self._fleet, found) or found[0]]
        elif group.is_predefined:
            found = found[:1]

        gone: list[Engine] = []

        async def ask(engine: Engine, client: EngineClient) -> None:
            copy = group.copy_on(engine.address)
            assert copy is not None
            try:
                await client.request("DELETE", f"/networks/{copy.id}")
            except EngineStatusError as exc:
                if exc.status != _NOT_FOUND:
                    text = exc.message.replace(copy.id, group.id)
                    raise EngineStatusError(exc.address, exc.status, text) from exc
                gone.append(engine)
            finally:
                self._fleet.touch_networks(engine.address)
            self._state.remove_network(engine.address, copy.id)

        told = await ask_all(self._fleet, ask, deadline_s=_WRITE_DEADLINE_S, engines=found)
        if told.failures:
            raise told.failures[0][1]
        if len(gone) == len(found):
            raise no_such_network(reference)
        for engine in lost_holders(self._state, group):
            self._leftovers.forget(engine, group)

    async def prune(self, query: Mapping[str, str]) -> bytes:
        """``POST /networks/prune``: on every engine; told are those that are gone altogether.

        Raises:
            EngineError: an engine failed.
        """
        await self._fleet.settled()
        before = {group.id: group.name for group in self._state.network_index().all()}
        passed = {key: query[key] for key in ("filters",) if query.get(key)}

        async def ask(engine: Engine, client: EngineClient) -> list[str]:
            answer = await client.request("POST", "/networks/prune", passed, timeout_s=None)
            self._fleet.touch_networks(engine.address)
            return answered_object(engine, answer.content).get("NetworksDeleted") or []

        told: Fanned[list[str]] = await ask_all(self._fleet, ask, deadline_s=_WRITE_DEADLINE_S)
        told.raise_failure()
        await self._fleet.settled()
        left = self._state.network_index()
        reported = {name for _, names in told.answers for name in names}
        deleted = [n for i, n in before.items() if n in reported and left.by_id(i) is None]
        return orjson.dumps({"NetworksDeleted": deleted or None}) + b"\n"


def _is_well_formed(body: Mapping[str, Any]) -> bool:
    """Whether the driver is a text, and what we write over is of the type that it has to be."""
    labels = {} if body.get("Labels") is None else body["Labels"]
    if not isinstance(labels, dict) or not isinstance(body.get("CheckDuplicate"), bool | None):
        return False
    return all(isinstance(text, str) for text in (body.get("Driver") or "", *labels.values()))
