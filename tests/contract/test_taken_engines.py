"""Which of the addresses in discovery become engines of the cluster."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.client import until
from tests.fakes.engine import Call, FakeEngine
from tests.fakes.manager import RunningManager, running_engines, running_manager

pytestmark = pytest.mark.contract


def test_one_daemon_under_two_addresses_is_taken_once_by_a_manager_that_starts() -> None:
    """Both have said who they are before one of them is an engine of the cluster."""
    twins = [FakeEngine("dockerhost01"), FakeEngine("dockerhost01")]

    have_told: set[str] = set()
    have_both_told = asyncio.Event()

    async def tell(call: Call) -> None:
        await call.json(call.engine._info())
        have_told.add(call.engine.address)
        if len(have_told) == len(twins):
            have_both_told.set()

    async def late(call: Call) -> None:
        await have_both_told.wait()
        await call.json([])

    for twin in twins:
        twin.on("GET /info", tell)
        twin.on("GET /containers/json.*", late)
    with running_engines(*twins), running_manager(*twins, healthy=False) as manager:
        until(lambda: len(_healthy(manager)) == 1, "one is taken")
        until(lambda: "ID duplicated" in _errors(manager), "the other one is refused")
        assert len(_healthy(manager)) == 1


def _errors(manager: RunningManager) -> str:
    found = manager.thread.call(manager.fleet.state.engines)
    return " ".join(engine.error for engine in found.values())


def _healthy(manager: RunningManager) -> list[str]:
    found = manager.thread.call(manager.fleet.state.engines)
    return [engine.address for engine in found.values() if engine.is_healthy]
