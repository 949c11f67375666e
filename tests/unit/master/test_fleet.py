"""The fleet: a keeper that fails is started again, one that was stopped never."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from master.cluster.events.broker import EventBroker
from master.cluster.model import ContainerConfig
from master.cluster.rows import container_from_row
from master.cluster.state import ClusterState
from master.supervisor import fleet as fleet_module
from master.supervisor.fleet import Fleet

ADDRESS = "10.0.0.1:2375"


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.setattr(fleet_module, "_RESTART_DELAY_S", 0)
    return Fleet(ClusterState(), EventBroker(), tls=None, refresh_s=(30, 60), failure_limit=3)


async def test_a_stopped_keeper_ends_even_if_it_fails_at_its_end(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = 0

    async def run(_: Any) -> None:
        nonlocal runs
        runs += 1
        try:
            await asyncio.sleep(60)
        finally:
            raise RuntimeError("my engine is gone")

    monkeypatch.setattr(fleet_module.Keeper, "run", run)
    fleet._follow({ADDRESS})
    task = fleet._tasks[ADDRESS]
    await asyncio.sleep(0)
    fleet._follow(set())
    await asyncio.wait_for(task, 1)
    assert runs == 1
    assert fleet.state.engine(ADDRESS) is None


async def test_a_keeper_that_fails_is_started_again(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runs = 0
    third = asyncio.Event()

    async def run(_: Any) -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise RuntimeError("a mistake")
        third.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(fleet_module.Keeper, "run", run)
    fleet._follow({ADDRESS})
    task = fleet._tasks[ADDRESS]
    await asyncio.wait_for(third.wait(), 1)
    assert caplog.text.count("it starts again") == 2
    fleet._follow(set())
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("mounts", "is_settled"),
    [
        pytest.param([{"Type": "volume", "Name": "f" * 64}], False, id="volume"),
        pytest.param([{"Type": "bind", "Source": "/run"}], True, id="bind"),
        pytest.param([], True, id="none"),
    ],
)
async def test_volumes_are_read_again_when_a_container_that_had_some_is_removed(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, mounts: list[Any], is_settled: bool
) -> None:
    monkeypatch.setattr(fleet_module.Keeper, "run", lambda _: asyncio.sleep(60))
    fleet._follow({ADDRESS})
    row = {"Id": "1" * 64, "Names": ["/web"], "Mounts": mounts}
    fleet.forget(container_from_row(ADDRESS, row, ContainerConfig()))
    assert fleet._keepers[ADDRESS].refresher.is_settled is is_settled
    fleet._follow(set())
