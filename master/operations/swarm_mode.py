"""Engines in a swarm of Docker's own: which of them are in it, and which of those manage it.

Engines say nothing when they join or are promoted, so what is remembered of them may be minutes
old: whoever has to know asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.client import EngineClient
from master.cluster.model import Engine
from master.cluster.networks.swarm_mode import is_manager, is_member
from master.operations.fanout import ask_all
from master.supervisor.fleet import Fleet

_DEADLINE_S = 10.0


async def members(fleet: Fleet) -> frozenset[str]:
    """Addresses of the engines in a swarm; only those are asked that are not known to be."""
    healthy = fleet.healthy_engines()
    known = {engine.address for engine in healthy if is_member(engine.info)}
    others = [engine for engine in healthy if engine.address not in known]
    told = await _infos(fleet, others)
    return frozenset(known.union(engine.address for engine, info in told if is_member(info)))


async def manager_among(fleet: Fleet, engines: Iterable[Engine]) -> Engine | None:
    """Return the first of *engines* that manages a swarm."""
    told = await _infos(fleet, engines)
    return next((engine for engine, info in told if is_manager(info)), None)


async def _infos(fleet: Fleet, engines: Iterable[Engine]) -> list[tuple[Engine, dict[str, Any]]]:
    async def ask(_: Engine, client: EngineClient) -> dict[str, Any]:
        info: dict[str, Any] = await client.info(_DEADLINE_S)
        return info

    asked = list(engines)
    if not asked:
        return []
    return (await ask_all(fleet, ask, deadline_s=_DEADLINE_S, engines=asked)).answers
