"""The refresher: what is marked is read, sooner or later, and a list that lags is not the truth."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, cast

import pytest

from common.backoff import Backoff
from engine.client import EngineClient
from engine.errors import EngineError, EngineStatusError, EngineTimeoutError
from master.cluster.model import ContainerConfig, Engine
from master.cluster.rows import container_from_row
from master.cluster.state import ClusterState
from master.supervisor import inspector
from master.supervisor import refresher as refresher_module
from master.supervisor.refresher import Refresher

ADDRESS = "10.0.0.1:2375"
ID = "a" * 64


class LaggingEngine:
    """A daemon with one container that has just died: its list shows that after an inspect."""

    def __init__(self) -> None:
        self.shown = "running"
        self.asked: list[str] = []

    async def list_containers(self, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
        self.asked.append("list")
        await asyncio.sleep(0)
        return [{"Id": ID, "Names": ["/web"], "State": self.shown, "Status": self.shown}]

    async def inspect_container(self, container_id: str, _timeout_s: float) -> dict[str, Any]:
        self.asked.append("inspect")
        await asyncio.sleep(0)
        self.shown = "exited"
        return {"Id": container_id, "Config": {}, "HostConfig": {}}

    async def list_images(self) -> list[dict[str, Any]]:
        return []

    list_volumes = list_networks = list_images


@pytest.mark.parametrize("everything", [False, True], ids=["one-mark", "all-marked"])
async def test_what_has_changed_is_inspected_before_it_is_listed(everything: bool) -> None:
    engine, state = LaggingEngine(), ClusterState()
    state.put_engine(Engine(address=ADDRESS))
    refresher = Refresher(ADDRESS, cast("EngineClient", engine), state)
    refresher.mark(ID)
    if everything:
        refresher.mark_all()
    working = asyncio.create_task(refresher.run())
    await refresher.flush()
    working.cancel()
    container = state.container(ADDRESS, ID)
    assert container is not None
    assert container.state == "exited"
    assert engine.asked == ["inspect", "list"]


class FailingEngine:
    """A daemon with one thing of each kind; what is among its `faults` fails."""

    def __init__(self) -> None:
        self.faults: dict[str, EngineError] = {}
        self.asked: Counter[str] = Counter()

    def _answer(self, what: str, row: dict[str, Any]) -> list[dict[str, Any]]:
        self.asked[what] += 1
        if (fault := self.faults.get(what)) is not None:
            raise fault
        return [row]

    async def list_containers(self, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
        return self._answer("containers", {"Id": ID, "Names": ["/web"], "State": "running"})

    async def inspect_container(self, container_id: str, _timeout_s: float) -> dict[str, Any]:
        return self._answer("inspect", {"Id": container_id, "Config": {}, "HostConfig": {}})[0]

    async def list_images(self) -> list[dict[str, Any]]:
        return self._answer("images", {"Id": "sha256:" + "1" * 64, "RepoTags": ["app:1"]})

    async def list_volumes(self) -> list[dict[str, Any]]:
        return self._answer("volumes", {"Name": "data", "Driver": "local"})

    async def list_networks(self) -> list[dict[str, Any]]:
        return self._answer("networks", {"Id": "2" * 64, "Name": "net", "Driver": "bridge"})


REFUSED = EngineStatusError(ADDRESS, 500, "its disk is broken")
LATE = EngineTimeoutError(ADDRESS, "the engine did not answer in time")
KNOWN: dict[str, Callable[[ClusterState], Sequence[Any]]] = {
    "containers": lambda state: state.containers_on(ADDRESS),
    "images": lambda state: state.images_on(ADDRESS),
    "volumes": lambda state: state.volumes_named("data"),
    "networks": lambda state: list(state.networks_on(ADDRESS)),
}


@pytest.fixture
def engine() -> FailingEngine:
    return FailingEngine()


@pytest.fixture
def state() -> ClusterState:
    state = ClusterState()
    state.put_engine(Engine(address=ADDRESS))
    return state


@pytest.fixture
async def refresher(engine: FailingEngine, state: ClusterState) -> AsyncIterator[Refresher]:
    made = Refresher(ADDRESS, cast("EngineClient", engine), state)
    working = asyncio.create_task(made.run())
    yield made
    working.cancel()
    await asyncio.wait([working])


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again at once."""
    monkeypatch.setattr(refresher_module, "_RETRIES", Backoff(first_s=0.01, cap_s=0.01))


def known(state: ClusterState) -> set[str]:
    """Of which parts anything is known."""
    return {part for part, found in KNOWN.items() if found(state)}


async def until_known(state: ClusterState, *parts: str) -> None:
    async with asyncio.timeout(2):
        while known(state) != set(parts):  # noqa: ASYNC110 - the state tells nobody
            await asyncio.sleep(0.01)


async def test_an_engine_lost_in_an_inspect_is_told_as_every_lost_engine(
    engine: FailingEngine, state: ClusterState
) -> None:
    engine.faults["inspect"] = LATE
    with pytest.raises(EngineTimeoutError, match="did not answer in time"):
        await Refresher(ADDRESS, cast("EngineClient", engine), state).load()


@pytest.mark.parametrize("refused", KNOWN)
async def test_a_part_that_is_refused_does_not_keep_the_others_from_being_read(
    refresher: Refresher, engine: FailingEngine, state: ClusterState, refused: str
) -> None:
    engine.faults[refused] = REFUSED
    refresher.mark_all()
    await refresher.flush()
    assert known(state) == KNOWN.keys() - {refused}
    assert not refresher.is_current


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize("fault", [REFUSED, LATE], ids=["refused", "late"])
@pytest.mark.parametrize("first", ["networks", "containers", "inspect", "images"])
async def test_what_could_not_be_read_is_read_later_by_itself(
    refresher: Refresher, engine: FailingEngine, state: ClusterState, first: str, fault: EngineError
) -> None:
    engine.faults[first] = fault
    refresher.mark_all()
    await refresher.flush()
    engine.faults.clear()
    await until_known(state, *KNOWN)
    await refresher.flush()
    assert refresher.is_current


@pytest.mark.usefixtures("_soon")
async def test_one_container_that_could_not_be_read_is_read_later(
    refresher: Refresher, engine: FailingEngine, state: ClusterState
) -> None:
    engine.faults["containers"] = LATE
    refresher.mark(ID)
    await refresher.flush()
    engine.faults.clear()
    await until_known(state, "containers")


async def test_nobody_waits_for_what_an_engine_refuses(
    refresher: Refresher, engine: FailingEngine, state: ClusterState
) -> None:
    engine.faults["images"] = REFUSED
    refresher.mark_images()
    assert not refresher.images_settled
    await refresher.flush()
    assert refresher.images_settled
    assert refresher.is_settled
    asked = engine.asked["images"]
    async with asyncio.timeout(0.1):
        await refresher.flush()
    assert engine.asked["images"] == asked


async def test_what_else_happens_is_no_reason_to_ask_a_broken_engine_again(
    refresher: Refresher, engine: FailingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher_module, "_RETRIES", Backoff(first_s=60.0, cap_s=60.0))
    engine.faults["volumes"] = REFUSED
    refresher.mark_volumes()
    for _ in range(5):
        refresher.mark(ID)
        await refresher.flush()
    assert (engine.asked["volumes"], engine.asked["inspect"]) == (1, 5)


async def test_a_refusal_that_lasts_is_logged_once(
    refresher: Refresher, engine: FailingEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.faults["volumes"] = REFUSED
    for _ in range(3):
        refresher.mark_volumes()
        await refresher.flush()
    assert caplog.text.count("volumes of 10.0.0.1:2375 can't be read: its disk is broken") == 1


OTHER = "b" * 64


class HoldingEngine:
    """A daemon with two containers; while one is held its inspect waits, and its list does not."""

    address = ADDRESS

    def __init__(self) -> None:
        self.exit_codes = {ID: 0, OTHER: 0}
        self.free = asyncio.Event()
        self.free.set()
        self.asked: Counter[str] = Counter()

    async def list_containers(self, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
        known = self.exit_codes if ids is None else ids
        return [{"Id": one, "Names": [f"/{one[:3]}"], "State": "exited"} for one in known]

    async def inspect_container(self, container_id: str, timeout_s: float) -> dict[str, Any]:
        self.asked[container_id] += 1
        if container_id == ID:
            async with asyncio.timeout(timeout_s):
                await self.free.wait()
        state = {"ExitCode": self.exit_codes[container_id]}
        return {"Id": container_id, "Config": {}, "HostConfig": {}, "State": state}

    async def list_images(self) -> list[dict[str, Any]]:
        return []

    list_volumes = list_networks = list_images


class TestAContainerThatIsHeld:
    """Its inspect hangs; that is nobody else's trouble."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(inspector, "PATIENCE_S", 0.05)

    @pytest.fixture
    def engine(self) -> HoldingEngine:
        return HoldingEngine()

    @staticmethod
    def exit_codes(state: ClusterState) -> dict[str, int]:
        return {one.id: one.config.exit_code for one in state.containers_on(ADDRESS)}

    async def test_leaves_its_neighbours_and_what_was_known_of_it(
        self,
        refresher: Refresher,
        engine: HoldingEngine,
        state: ClusterState,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        engine.exit_codes = {ID: 1, OTHER: 1}
        refresher.mark_all()
        await refresher.flush()
        engine.free.clear()
        engine.exit_codes = {ID: 2, OTHER: 2}
        for _ in range(3):
            refresher.mark(ID)
            refresher.mark(OTHER)
            await refresher.flush()
        assert self.exit_codes(state) == {ID: 1, OTHER: 2}
        assert engine.asked == {ID: 2, OTHER: 4}
        assert caplog.text.count("Container aaaaaaaaaaaa of 10.0.0.1:2375 is held") == 1

    async def test_is_read_when_it_is_free_again(
        self, refresher: Refresher, engine: HoldingEngine, state: ClusterState
    ) -> None:
        engine.free.clear()
        refresher.mark_all()
        await refresher.flush()
        assert self.exit_codes(state) == {ID: 0, OTHER: 0}
        engine.exit_codes[ID] = 3
        engine.free.set()
        async with asyncio.timeout(2):
            while self.exit_codes(state)[ID] != 3:  # noqa: ASYNC110 - the state tells nobody
                await asyncio.sleep(0.01)

    async def test_is_waited_for_once_whoever_asks(
        self, engine: HoldingEngine, caplog: pytest.LogCaptureFixture
    ) -> None:
        answered: list[str] = []
        asker = inspector.Inspector(
            cast("EngineClient", engine), known=lambda _: None, on_answer=answered.append
        )
        engine.free.clear()
        before = asyncio.all_tasks()
        both = await asyncio.gather(asker.configs([ID]), asker.configs([ID]))
        assert both == [{ID: ContainerConfig()}] * 2
        assert len(asyncio.all_tasks() - before) == 1
        engine.free.set()
        await asyncio.wait(asyncio.all_tasks() - before)
        await asyncio.sleep(0)
        assert answered == [ID]
        assert caplog.text.count("is held") == 1

    async def test_does_not_keep_a_new_engine_out(
        self, engine: HoldingEngine, state: ClusterState
    ) -> None:
        engine.free.clear()
        before = asyncio.all_tasks()
        refresher = Refresher(ADDRESS, cast("EngineClient", engine), state)
        working = asyncio.create_task(refresher.run())
        assert {one.id for one in await refresher.load()} == {ID, OTHER}
        working.cancel()
        await asyncio.wait([working])
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before


async def test_what_goes_and_comes_while_a_list_is_put_together(
    state: ClusterState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is gone does not come back with it, and what is new is not lost."""
    monkeypatch.setattr(inspector, "PATIENCE_S", 5)
    engine = HoldingEngine()
    engine.exit_codes = {OTHER: 0}
    refresher = Refresher(ADDRESS, cast("EngineClient", engine), state)
    working = asyncio.create_task(refresher.run())
    try:
        refresher.mark_all()
        await refresher.flush()
        engine.exit_codes = {ID: 0, OTHER: 0}
        engine.free.clear()
        refresher.mark_all()
        reading = asyncio.create_task(refresher.flush())
        async with asyncio.timeout(5):
            while not engine.asked[ID]:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        refresher.drop(OTHER)
        young = {"Id": "c" * 64, "Names": ["/young"], "State": "created"}
        state.put_container(container_from_row(ADDRESS, young, ContainerConfig()))
        engine.free.set()
        await reading
        assert {one.id for one in state.containers_on(ADDRESS)} == {ID, "c" * 64}
    finally:
        working.cancel()
        await asyncio.wait([working])
