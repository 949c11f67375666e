"""``docker network connect`` and ``disconnect``: on the container's engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from engine.client import EngineClient
from engine.errors import EngineStatusError
from master.cluster.model import ApiVersion, Container, Engine
from master.cluster.networks.edits import endpoint_on
from master.cluster.networks.index import ClusterNetwork
from master.errors import BadRequestError, ManagerError, NotFoundError
from master.operations.bodies import JSON_BODY, sent_fields
from master.operations.fanout import ask_all
from master.operations.mirrors import Joined, Mirrors
from master.operations.network_lookup import find, holders
from master.supervisor.fleet import Fleet

_DEADLINE_S = 30.0


class NetworkJoins:
    """Connects containers to networks, and takes them out again."""

    def __init__(self, fleet: Fleet, mirrors: Mirrors) -> None:
        self._fleet = fleet
        self._state = fleet.state
        self._mirrors = mirrors

    async def connect(self, reference: str, raw: bytes, version: ApiVersion) -> None:
        """``POST /networks/{id}/connect``: the bridge is made on the container's engine first.

        Raises:
            NotFoundError: there is no such network, or container.
            EngineError: the engine refuses.
        """
        body = sent_fields(raw, "Container", "EndpointConfig")
        container = (await self._fleet.find_container(_container_in(body))).container
        group = await find(self._fleet, reference)
        engine = self._fleet.healthy_engine(container.engine, container)
        local = await self._local_id(group, engine)
        with self._mirrors.joining(Joined({group.name: (group,)}), engine.address):
            await self._passed_on(engine, f"/networks/{local}/connect", body, container, version)

    async def disconnect(self, reference: str, raw: bytes, version: ApiVersion) -> None:
        """``POST /networks/{id}/disconnect``, on the container's engine.

        Raises:
            NotFoundError: there is no such network, or container.
            EngineError: the engine refuses.
        """
        body = sent_fields(raw, "Container", "Force")
        try:
            container = (await self._fleet.find_container(_container_in(body))).container
        except NotFoundError:
            if not body.get("Force"):
                raise
            await self._cut_off(await find(self._fleet, reference), body)
            return
        group = await find(self._fleet, reference)
        engine = self._fleet.healthy_engine(container.engine, container)
        copy = group.copy_on(engine.address)
        if copy is None:
            # The engine's words for a container that isn't in a network; it has no such network.
            raise ManagerError(f"container {container.id} is not connected to network {group.name}")
        await self._passed_on(engine, f"/networks/{copy.id}/disconnect", body, container, version)

    async def _cut_off(self, group: ClusterNetwork, body: Mapping[str, Any]) -> None:
        """An end that a container left behind: one of the engines has it, nobody knows which."""

        async def ask(engine: Engine, client: EngineClient) -> None:
            copy = group.copy_on(engine.address)
            assert copy is not None
            await client.request(
                "POST",
                f"/networks/{copy.id}/disconnect",
                content=orjson.dumps(body),
                headers=JSON_BODY,
            )

        told = await ask_all(
            self._fleet, ask, deadline_s=_DEADLINE_S, engines=holders(self._state, group)
        )
        told.raise_if_all_failed()

    async def _passed_on(
        self,
        engine: Engine,
        path: str,
        body: dict[str, Any],
        container: Container,
        version: ApiVersion,
    ) -> None:
        edited = {**body, "Container": container.id}
        if "EndpointConfig" in body:
            edited["EndpointConfig"] = endpoint_on(
                body["EndpointConfig"], lambda text: self._engines_own(text, engine)
            )
        try:
            await self._fleet.client(engine.address).request(
                "POST",
                path,
                content=orjson.dumps(edited),
                headers=JSON_BODY,
                version=engine.version_for(version),
            )
        except EngineStatusError as exc:
            raise self._reworded(exc, engine) from exc
        finally:
            self._fleet.touch_networks(engine.address)
            self._fleet.touch(engine.address, container.id)

    def _reworded(self, error: EngineStatusError, engine: Engine) -> EngineStatusError:
        """The engine's words, with the cluster's IDs of networks."""
        text = error.message
        for copy in self._state.networks_on(engine.address).values():
            text = text.replace(copy.id, copy.cluster_id)
        return EngineStatusError(error.address, error.status, text)

    def _engines_own(self, network_id: str, engine: Engine) -> str:
        group = self._state.network_index().by_id(network_id)
        copy = group.copy_on(engine.address) if group is not None else None
        return copy.id if copy is not None else network_id

    async def _local_id(self, group: ClusterNetwork, engine: Engine) -> str:
        if (copy := group.copy_on(engine.address)) is not None:
            return copy.id
        if group.is_mirrored:
            return (await self._mirrors.ensure(group, engine)).id
        if group.copies[0].is_swarm_scoped:
            return group.id
        where = self._state.engine(group.copies[0].engine)
        raise NotFoundError(
            f"network {group.name} not found on {engine.name}: it is on "
            f"{where.name if where is not None else 'another node'} alone"
        )


def _container_in(body: Mapping[str, Any]) -> str:
    found = body.get("Container")
    if found is not None and not isinstance(found, str):
        raise BadRequestError("invalid JSON: Container is not a string")
    return found or ""
