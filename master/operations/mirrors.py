"""Bridges that are one network to clients: made on the engines that need them, when they do.

Containers of a mirrored network reach each other on one engine only, so they are kept together:
who joins a network that has containers goes to their engine, unless the network's label
``com.docker.swarm.network.spread=true`` says otherwise.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakValueDictionary

import orjson

from engine.errors import EngineStatusError
from master.cluster.model import ApiVersion, Engine, Network
from master.cluster.networks.edits import networks_joined, with_local_networks
from master.cluster.networks.index import (
    ID_LABEL,
    SPEC_LABEL,
    ClusterNetwork,
    network_from_row,
)
from master.cluster.networks.listing import belongs, family
from master.errors import PlacementError
from master.operations.bodies import JSON_BODY, answered_id, answered_object
from master.operations.patience import while_it_lives
from master.operations.swarm_mode import members
from master.supervisor.fleet import Fleet
from scheduler.errors import NoNodeFitsError
from scheduler.types import Node

_log = logging.getLogger(__name__)

_CONFLICT = 409


@dataclass(frozen=True)
class Joined:
    """The networks that a container to be created will join."""

    by_reference: Mapping[str, tuple[ClusterNetwork, ...]] = field(default_factory=dict)
    """What stands in the body; several where engines have had their own of that name before."""
    swarm_members: frozenset[str] = frozenset()
    """Engines in a swarm of Docker's own, if one of its networks is among them."""

    def mirrored(self) -> Iterator[ClusterNetwork]:
        """Yield those that can be made where they are needed."""
        for groups in self.by_reference.values():
            yield from (group for group in groups if group.is_mirrored)

    def is_in_swarm(self) -> bool:
        """Whether any of them is a network of Docker's own swarm."""
        return any(_is_swarms(group) for groups in self.by_reference.values() for group in groups)


class Mirrors:
    """Keeps mirrored networks together, and makes their bridges."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._state = fleet.state
        self._joining: defaultdict[str, Counter[str]] = defaultdict(Counter)
        """Cluster ID to engines that a create for it is under way on."""
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        """(cluster ID, engine) to who makes that bridge now: others wait for it, and use it."""

    # Where a container may go

    async def joined(self, body: Mapping[str, Any]) -> Joined:
        """Look up a create's networks; those that nobody knows are the engine's to refuse."""
        references = networks_joined(body)
        if references:
            # A container that was connected a moment ago decides where this one goes.
            await self._fleet.settled()
        index = self._state.network_index()
        found: dict[str, tuple[ClusterNetwork, ...]] = {}
        for reference in references:
            groups = index.fitting(reference)
            # The beginning of several IDs is the engine's to refuse as well.
            if groups and (len(groups) == 1 or groups[0].name == reference):
                found[reference] = tuple(groups)
        joined = Joined(found)
        if joined.is_in_swarm():
            return replace(joined, swarm_members=await members(self._fleet))
        return joined

    def fitting(self, joined: Joined, nodes: list[Node]) -> list[Node]:
        """Return the nodes that a container with these networks may be on.

        Raises:
            PlacementError: there is none.
        """
        left = nodes
        if not nodes:
            return left  # the scheduler has words for that
        for reference, groups in joined.by_reference.items():
            wanted = self._engines_for(groups, joined.swarm_members)
            if wanted is None:
                continue
            fitting = [node for node in left if node.addr in wanted]
            if not fitting:
                raise PlacementError(self._why_not(reference, groups, wanted, nodes))
            left = fitting
        return left

    def explained(
        self, error: NoNodeFitsError, joined: Joined, nodes: list[Node], left: list[Node]
    ) -> Exception:
        """Return *error*, with what networks had to do with it if they left out any node."""
        if len(left) == len(nodes):
            return error
        names = ", ".join(joined.by_reference)
        kept = self._names({node.addr for node in left})
        return PlacementError(f"{error}; only {kept} fits the container's networks ({names})")

    @contextmanager
    def joining(self, joined: Joined, address: str) -> Iterator[None]:
        """While a create is under way, who joins the same networks goes to the same engine."""
        ids = [group.id for group in joined.mirrored()]
        for network_id in ids:
            self._joining[network_id][address] += 1
        try:
            yield
        finally:
            for network_id in ids:
                counts = self._joining[network_id]
                counts[address] -= 1
                if not +counts:
                    del self._joining[network_id]

    def _engines_for(
        self, groups: tuple[ClusterNetwork, ...], swarm: frozenset[str]
    ) -> set[str] | None:
        """Return the engines that one of *groups* may be used on; None: all."""
        wanted: set[str] = set()
        for group in groups:
            engines = self._engines_of(group, swarm)
            if engines is None:
                return None
            wanted |= engines
        return wanted

    def _engines_of(self, group: ClusterNetwork, swarm: frozenset[str]) -> set[str] | None:
        if group.is_predefined:
            return None
        if _is_swarms(group):
            # Managers list it at once, workers when they have a part in it.
            return {*swarm, *(copy.engine for copy in group.copies)}
        if not group.is_mirrored:
            return {copy.engine for copy in group.copies}
        return None if group.is_spread else self._homes(group) or None

    def _homes(self, group: ClusterNetwork) -> set[str]:
        """Return the engines that containers of a mirrored network are on, or about to be.

        A lost engine's containers hold nobody: nothing could be created in their network.
        """
        groups = family(self._state, group)
        homes = {
            container.engine
            for container in self._state.containers()
            if any(belongs(container, one) for one in groups)
        }
        homes.update(a for one in groups for a in self._joining.get(one.id, ()))
        return {a for a in homes if (e := self._state.engine(a)) is not None and e.is_healthy}

    def _why_not(
        self,
        reference: str,
        groups: tuple[ClusterNetwork, ...],
        wanted: set[str],
        nodes: list[Node],
    ) -> str:
        if not any(node.addr in wanted for node in nodes):
            return f"network {reference} is on {self._names(wanted)}, which can't be used now"
        text = f"network {reference} has its containers on {self._names(wanted)}, other networks "
        text += "of this container have theirs elsewhere"
        if groups[0].is_mirrored:
            text += "; the label com.docker.swarm.network.spread=true on a network lifts that"
        return text

    def _names(self, addresses: set[str]) -> str:
        engines = [e for a in sorted(addresses) if (e := self._state.engine(a)) is not None]
        return ", ".join(engine.name or engine.address for engine in engines) or "no node"

    # On the engine that was chosen

    async def localise(
        self, body: dict[str, Any], joined: Joined, engine: Engine
    ) -> dict[str, Any]:
        """Make what is missing on *engine*; return the body as that engine understands it.

        Raises:
            EngineError: the engine can't make a bridge, or does not answer.
        """
        if not joined.by_reference:
            return body
        local: dict[str, str] = {}
        for reference, groups in joined.by_reference.items():
            copy = await self._copy_on(engine, groups)
            if copy is not None:
                local[reference] = reference if reference == copy.name else copy.id
                local[copy.cluster_id] = copy.id
        return with_local_networks(body, lambda text: local.get(text, text))

    async def _copy_on(self, engine: Engine, groups: tuple[ClusterNetwork, ...]) -> Network | None:
        for group in groups:
            if (copy := group.copy_on(engine.address)) is not None:
                return copy
        mirrored = next((group for group in groups if group.is_mirrored), None)
        return None if mirrored is None else await self.ensure(mirrored, engine)

    async def ensure(self, group: ClusterNetwork, engine: Engine) -> Network:
        """Return the bridge of a mirrored network on *engine*, made now if it has none.

        Raises:
            EngineError: the engine can't make it, or does not answer.
        """
        key = (group.id, engine.address)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            current = self._state.network_index().by_id(group.id) or group
            if (copy := current.copy_on(engine.address)) is not None:
                return copy
            try:
                return await self.make(engine, group.id, spec_of(group))
            except EngineStatusError as exc:
                if exc.status != _CONFLICT:
                    raise
                return await self._made_by_another(engine, group, exc)

    async def make(
        self,
        engine: Engine,
        cluster_id: str,
        spec: dict[str, Any],
        version: ApiVersion | None = None,
    ) -> Network:
        """Make one bridge of a mirrored network on *engine*.

        Raises:
            EngineError: the engine refuses, or does not answer.
        """
        name = str(spec.get("Name", ""))
        labels = {ID_LABEL: cluster_id, SPEC_LABEL: orjson.dumps(spec).decode()}
        # Engines before API 1.44 make two of a name unless they are told not to.
        body = {**spec, "Labels": {**(spec.get("Labels") or {}), **labels}, "CheckDuplicate": True}
        ids = self._state.network_ids
        ids.expect(engine.address, name, cluster_id)
        try:
            # A driver that is nowhere is looked for by the engine for 15 s.
            call = self._fleet.client(engine.address).request(
                "POST",
                "/networks/create",
                content=orjson.dumps(body),
                headers=JSON_BODY,
                version=version,
                timeout_s=None,
            )
            answer = await while_it_lives(self._fleet, engine, call)
            network = await self.learn(engine, answered_id(engine, answer.content))
        finally:
            ids.unexpect(engine.address, name)
            self._fleet.touch_networks(engine.address)
        _log.info("made network %s on %s", name, engine.name)
        return network

    async def learn(self, engine: Engine, network_id: str) -> Network:
        """Read one network of an engine into the state.

        Raises:
            EngineError: it is gone, or the engine does not answer.
        """
        client = self._fleet.client(engine.address)
        answer = await client.request("GET", f"/networks/{network_id}")
        row = {**answered_object(engine, answer.content), "Containers": {}}
        network = network_from_row(engine.address, row)
        self._state.put_network(network)
        return network

    async def _made_by_another(
        self, engine: Engine, group: ClusterNetwork, error: EngineStatusError
    ) -> Network:
        """Another manager may have been quicker; or the engine has a network of its own there."""
        rows = await self._fleet.client(engine.address).list_networks()
        self._state.replace_networks(
            engine.address, [network_from_row(engine.address, row) for row in rows]
        )
        current = self._state.network_index().by_id(group.id) or group
        if (copy := current.copy_on(engine.address)) is None:
            raise error
        return copy


def spec_of(group: ClusterNetwork) -> dict[str, Any]:
    """Return the body that a mirrored network was created with."""
    labels = group.copies[0].row.get("Labels") or {}
    try:
        spec = orjson.loads(labels.get(SPEC_LABEL, ""))
    except orjson.JSONDecodeError:
        spec = None
    if isinstance(spec, dict) and spec.get("Name") == group.name:
        return spec
    # Somebody made a bridge with our ID by hand: what its row says has to do.
    row = group.copies[0].row
    kept = {key: row[key] for key in ("Options", "Internal", "EnableIPv6") if row.get(key)}
    return {"Name": group.name, "Labels": dict(group.labels), **kept}


def _is_swarms(group: ClusterNetwork) -> bool:
    return group.copies[0].is_swarm_scoped and not group.is_predefined
