"""The fleet: a keeper that fails is started again, one that was stopped never."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from master.cluster.events.broker import EventBroker
from master.cluster.model import ContainerConfig, Engine, Health
from master.cluster.rows import container_from_row
from master.cluster.state import ClusterState
from master.supervisor import fleet as fleet_module
from master.supervisor.fleet import Fleet
from master.supervisor.keeper import Keeper

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

    monkeypatch.setattr(Keeper, "run", run)
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

    monkeypatch.setattr(Keeper, "run", run)
    fleet._follow({ADDRESS})
    task = fleet._tasks[ADDRESS]
    await asyncio.wait_for(third.wait(), 1)
    assert caplog.text.count("it starts again") == 2
    fleet._follow(set())
    with pytest.raises(asyncio.CancelledError):
        await task


class SilentClient:
    """What a keeper pings: it does not answer, or not yet."""

    def __init__(self) -> None:
        self.pings = 0

    async def ping(self, timeout_s: float) -> None:
        self.pings += 1
        await asyncio.sleep(60)


@pytest.fixture
async def silent(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> SilentClient:
    """The client of the fleet's one engine, which is healthy so far."""
    monkeypatch.setattr(Keeper, "run", lambda _: asyncio.sleep(60))
    fleet._follow({ADDRESS})
    client = SilentClient()
    monkeypatch.setattr(fleet._keepers[ADDRESS].client, "ping", client.ping)
    fleet.state.put_engine(Engine(ADDRESS, name="one", health=Health.HEALTHY, failure_limit=3))
    return client


async def test_however_many_wait_for_an_engine_an_unanswered_ping_is_one_failure(
    fleet: Fleet, silent: SilentClient
) -> None:
    asking = [fleet.answers(ADDRESS, 0.05) for _ in range(5)]
    assert await asyncio.gather(*asking) == [False] * 5
    assert silent.pings == 1
    engine = fleet.state.engine(ADDRESS)
    assert engine is not None
    assert (engine.failures, engine.is_healthy) == (1, True)
    for _ in range(2):
        assert not await fleet.answers(ADDRESS, 0.05)
    assert not fleet.healthy_engines()
    fleet._follow(set())


async def test_who_has_less_time_does_not_wait_for_anothers_ping(
    fleet: Fleet, silent: SilentClient
) -> None:
    patient = asyncio.create_task(fleet.answers(ADDRESS, 0.3))
    await asyncio.sleep(0)
    assert not await fleet.answers(ADDRESS, 0.05)
    assert not patient.done()
    engine = fleet.state.engine(ADDRESS)
    assert engine is not None
    assert engine.failures == 0  # that ping may still be answered
    assert not await patient
    fleet._follow(set())


async def test_who_no_longer_wants_to_know_leaves_the_ping_to_the_others(
    fleet: Fleet, silent: SilentClient
) -> None:
    leaving, staying = (asyncio.create_task(fleet.answers(ADDRESS, 0.1)) for _ in range(2))
    await asyncio.sleep(0.01)
    leaving.cancel()
    assert not await staying
    assert silent.pings == 1
    fleet._follow(set())


async def test_an_engine_that_leaves_while_it_is_pinged_does_not_answer(
    fleet: Fleet, silent: SilentClient
) -> None:
    asking = asyncio.create_task(fleet.answers(ADDRESS, 5))
    await asyncio.sleep(0.01)
    fleet._follow(set())
    async with asyncio.timeout(1):
        assert not await asking


OTHER = "10.0.0.2:2375"
EXEC = "e" * 64


@pytest.fixture
async def two(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fleet]:
    """A fleet of two healthy engines, the second of which has an exec."""
    monkeypatch.setattr(Keeper, "run", lambda _: asyncio.sleep(60))
    fleet._follow({ADDRESS, OTHER})
    for address in (ADDRESS, OTHER):
        fleet.state.put_engine(Engine(address, name=address, health=Health.HEALTHY))

    async def has_it(_id: str, _timeout_s: float) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"ContainerID": "c1"}

    monkeypatch.setattr(fleet._keepers[OTHER].client, "inspect_exec", has_it)
    yield fleet
    fleet._follow(set())


async def test_an_exec_is_found_though_another_engine_hangs(
    two: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(_id: str, _timeout_s: float) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(two._keepers[ADDRESS].client, "inspect_exec", hangs)
    before = asyncio.all_tasks()
    async with asyncio.timeout(1):
        assert await two.find_exec(EXEC) == (OTHER, None)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


async def test_an_exec_is_found_though_another_engine_leaves_just_now(
    two: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_left = two.state.engine(ADDRESS)
    assert has_left is not None
    two._follow({OTHER})
    still_there = two.healthy_engines()
    monkeypatch.setattr(two, "healthy_engines", lambda: [has_left, *still_there])
    assert await two.find_exec(EXEC) == (OTHER, None)


async def test_who_stops_waiting_for_the_state_leaves_nothing_behind(two: Fleet) -> None:
    two.touch_images(ADDRESS)  # nobody reads it: the keepers do nothing here
    before = asyncio.all_tasks()
    waiting = asyncio.create_task(two.settled())
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait([waiting])
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


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
    monkeypatch.setattr(Keeper, "run", lambda _: asyncio.sleep(60))
    fleet._follow({ADDRESS})
    row = {"Id": "1" * 64, "Names": ["/web"], "Mounts": mounts}
    fleet.forget(container_from_row(ADDRESS, row, ContainerConfig()))
    assert fleet._keepers[ADDRESS].refresher.is_settled is is_settled
    fleet._follow(set())
