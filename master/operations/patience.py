"""Waiting for an engine that takes its time, as long as it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from engine.errors import EngineTimeoutError
from master.cluster.model import Engine
from master.supervisor.fleet import Fleet

_T = TypeVar("_T")

_PATIENCE_S = 1.0
"""A call that takes longer may be waiting on a dead engine: it is pinged."""
_PROBE_DEADLINE_S = 1.5
"""A live daemon answers a ping in milliseconds, whatever else it is doing."""


async def while_it_lives(fleet: Fleet, engine: Engine, call: Coroutine[Any, Any, _T]) -> _T:
    """Return what *call* does, however long it takes.

    Raises:
        EngineTimeoutError: the engine stopped answering pings; *call* is cancelled.
    """
    pending = asyncio.create_task(call, name=f"call on {engine.name}")
    try:
        while not (await asyncio.wait([pending], timeout=_PATIENCE_S))[0]:
            if not await fleet.answers(engine.address, _PROBE_DEADLINE_S):
                raise EngineTimeoutError(engine.address, "the engine stopped answering")
        return pending.result()
    finally:
        pending.cancel()
