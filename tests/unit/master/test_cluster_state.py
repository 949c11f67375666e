"""The state against a naive model, its versions, its speed-ups' correctness."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from master.cluster.index import TextIndex
from master.cluster.model import Container, ContainerConfig, Engine, Health, Image
from master.cluster.state import ClusterState

A, B = "10.0.0.1:2375", "10.0.0.2:2375"


def engine(address: str = A, name: str = "", **changes: object) -> Engine:
    values: dict[str, object] = {
        "id": f"ID-{address}|{address}",
        "name": name or f"node-{address[7]}",
        "health": Health.HEALTHY,
    }
    return Engine(address=address, **(values | changes))  # type: ignore[arg-type]


def container(
    address: str = A, number: int = 1, name: str = "web", swarm_id: str = "", status: str = "Up"
) -> Container:
    labels = {"com.docker.swarm.id": swarm_id} if swarm_id else {}
    container_id = f"{number:064x}"
    return Container(
        id=container_id,
        name=name,
        engine=address,
        image="busybox",
        image_id="sha256:1",
        created=number,
        state="running",
        labels=labels,
        row={"Id": container_id, "Status": status},
    )


@pytest.fixture
def state() -> ClusterState:
    state = ClusterState()
    state.put_engine(engine(A))
    state.put_engine(engine(B))
    return state


def test_engines_are_a_snapshot(state: ClusterState) -> None:
    before = state.engines()
    state.remove_engine(B)
    assert set(before) == {A, B}
    assert set(state.engines()) == {A}


@pytest.mark.parametrize("name", [A, "node-1", f"ID-{A}|{A}"])
def test_an_engine_goes_by_address_name_and_id(state: ClusterState, name: str) -> None:
    assert state.engine_by_name(name) == state.engine(A)


def test_a_name_that_two_engines_share_means_neither(state: ClusterState) -> None:
    state.put_engine(engine(B, name="node-1"))
    assert state.engine_by_name("node-1") is None
    assert len(state.engines_by_name("node-1")) == 2


def test_pending_engines_have_no_name_to_be_found_by(state: ClusterState) -> None:
    state.put_engine(Engine(address="10.0.0.3:2375"))
    assert state.engine_by_name("") is None
    assert state.engine_by_name("10.0.0.3:2375") is not None


def test_putting_what_is_there_changes_no_version(state: ClusterState) -> None:
    state.put_container(container())
    state.replace_images(A, [image()])
    before = _versions(state)
    assert not state.put_engine(engine(A))
    assert not state.put_container(container())
    assert not state.replace_containers(A, [container()])
    assert not state.replace_images(A, [image()])
    assert not state.remove_container(A, "f" * 64)
    assert _versions(state) == before


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        pytest.param({"updated_at": 5.0}, False, id="refreshed"),
        pytest.param({"failures": 1}, False, id="one-failure"),
        pytest.param({"info": {"NCPU": 4}}, False, id="raw-info"),
        pytest.param({"health": Health.UNHEALTHY}, True, id="health"),
        pytest.param({"ip": "10.9.9.9"}, True, id="ip"),
        pytest.param({"clock_skew_s": 5.0}, True, id="clock"),
    ],
)
def test_lists_are_told_of_what_they_show(
    state: ClusterState, changed: dict[str, object], shown: bool
) -> None:
    version, listed, other = state.version, state.containers_version, state.engine_version(B)
    assert state.put_engine(engine(A, **changed))
    assert state.version == state.engine_version(A) > version
    assert (state.containers_version > listed) is shown
    assert state.engine_version(B) == other


def test_a_containers_age_is_no_change_but_its_state_is(state: ClusterState) -> None:
    up = replace(container(status="Up 3 minutes"), config=ContainerConfig(started_at=1_700_000_000))
    state.put_container(up)
    assert not state.put_container(replace(up, row={**up.row, "Status": "Up 4 minutes"}))
    assert state.put_container(replace(up, row={**up.row, "Status": "Up 4 minutes (unhealthy)"}))
    assert state.put_container(replace(up, state="exited"))


def test_an_engine_that_returns_has_a_new_version(state: ClusterState) -> None:
    before = state.engine_version(A)
    state.remove_engine(A)
    assert state.engine_version(A) == 0
    state.put_engine(engine(A))
    assert state.engine_version(A) > before


def test_a_removed_engine_takes_all_with_it(state: ClusterState) -> None:
    state.put_container(container(swarm_id="5" * 64))
    state.replace_images(A, [image()])
    assert state.remove_engine(A)
    assert not state.remove_engine(A)
    assert (state.containers(), state.images(), state.containers_on(A)) == ((), (), ())
    assert (state.names.exact("web"), state.swarm_ids.exact("5" * 64)) == ((), ())


def test_a_late_answer_does_not_bring_a_removed_engine_back(state: ClusterState) -> None:
    state.remove_engine(A)
    assert not state.put_container(container())
    assert not state.replace_containers(A, [container()])
    assert not state.replace_images(A, [image()])
    assert (state.containers(), state.images()) == ((), ())


def test_a_renamed_container_goes_by_its_new_name_only(state: ClusterState) -> None:
    state.put_container(container(name="old"))
    state.put_container(container(name="new"))
    assert state.names.exact("old") == ()
    assert state.names.exact("new") == ((A, f"{1:064x}"),)


def test_images_change_with_their_rows(state: ClusterState) -> None:
    state.replace_images(A, [image()])
    version = state.images_version
    assert state.replace_images(A, [replace(image(), row={"Containers": 2})])
    assert state.images_version > version
    assert state.images_on(B) == ()


def image() -> Image:
    return Image(id="sha256:1", engine=A, tags=("busybox:latest",), digests=(), row={})


def _versions(state: ClusterState) -> tuple[int, ...]:
    listed = state.containers_version, state.images_version
    return (state.version, *listed, state.engine_version(A), state.engine_version(B))


ADDRESSES = st.sampled_from([A, B])
CONTAINERS = st.builds(
    container,
    address=ADDRESSES,
    number=st.integers(0, 6),
    name=st.sampled_from(["", "web", "db", "app"]),
    swarm_id=st.sampled_from(["", "5" * 64, "55" + "6" * 62]),
    status=st.sampled_from(["Up", "Up (healthy)"]),
)


class StateAgainstModel(RuleBasedStateMachine):
    """Every index says what a walk over all containers says, whatever happened before."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ClusterState()
        self.model: dict[tuple[str, str], Container] = {}
        self.engines: set[str] = set()

    @rule(address=ADDRESSES)
    def join(self, address: str) -> None:
        before, known = self.state.engines(), set(self.engines)
        self.state.put_engine(engine(address))
        self.engines.add(address)
        assert set(before) == known
        assert set(self.state.engines()) == self.engines

    @rule(address=ADDRESSES)
    def leave(self, address: str) -> None:
        assert self.state.remove_engine(address) is (address in self.engines)
        self.engines.discard(address)
        self.model = {key: c for key, c in self.model.items() if key[0] != address}

    @rule(new=CONTAINERS)
    def put(self, new: Container) -> None:
        version, old = self.state.version, self.model.get((new.engine, new.id))
        changes = new.engine in self.engines and (old is None or (old, old.row) != (new, new.row))
        assert self.state.put_container(new) is changes
        assert self.state.version == version + changes
        if changes:
            self.model[new.engine, new.id] = new

    @rule(address=ADDRESSES, number=st.integers(0, 6))
    def remove(self, address: str, number: int) -> None:
        key = (address, f"{number:064x}")
        assert self.state.remove_container(*key) is (key in self.model)
        self.model.pop(key, None)

    @rule(address=ADDRESSES, new=st.lists(CONTAINERS, max_size=5))
    def replace(self, address: str, new: list[Container]) -> None:
        mine = [replace(c, engine=address) for c in new]
        self.state.replace_containers(address, mine)
        if address in self.engines:
            kept = {key: c for key, c in self.model.items() if key[0] != address}
            self.model = kept | {(address, c.id): c for c in mine}

    @invariant()
    def holds_what_was_put(self) -> None:
        assert {(c.engine, c.id): c for c in self.state.containers()} == self.model
        for address in (A, B):
            mine = {c.id for c in self.state.containers_on(address)}
            assert mine == {c.id for c in self.model.values() if c.engine == address}

    @invariant()
    def tells_which_engines_changed(self) -> None:
        versions = {address: self.state.engine_version(address) for address in self.engines}
        for version in (-1, 0, self.state.version - 1, self.state.version):
            later = [a for a in sorted(versions, key=versions.__getitem__) if versions[a] > version]
            assert self.state.changed_since(version) == later

    @invariant()
    def indexes_say_what_a_walk_says(self) -> None:
        indexes = (
            (self.state.ids, lambda c: c.id),
            (self.state.names, lambda c: c.name),
            (self.state.swarm_ids, lambda c: c.swarm_id),
        )
        for index, text_of in indexes:
            for text in {text_of(c) for c in self.model.values()} | {"web", "5" * 64}:
                walked = {k for k, c in self.model.items() if text and text_of(c) == text}
                assert set(index.exact(text)) == walked
            for prefix in ("", "5", "55", "0" * 63, "w"):
                walked = {
                    k for k, c in self.model.items() if text_of(c) and text_of(c).startswith(prefix)
                }
                assert set(index.starting_with(prefix)) == walked


TestStateAgainstModel = StateAgainstModel.TestCase
TestStateAgainstModel.settings = settings(stateful_step_count=30)


def test_an_index_keeps_no_empty_text() -> None:
    index = TextIndex()
    index.add("", (A, "1"))
    index.discard("unknown", (A, "1"))
    assert list(index.starting_with("")) == []
