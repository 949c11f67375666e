"""The state as the scheduler sees it, and reservations: `master.cluster.placing.placement`."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from master.cluster.model import Container, ContainerConfig, Engine, Health, Image
from master.cluster.placing.cores import CORES_LABEL
from master.cluster.placing.placement import Placement
from master.cluster.placing.reservations import SETTLED_LIMIT_S, Reservation
from master.cluster.state import ClusterState
from master.errors import ConflictError
from scheduler.schedule import schedule
from scheduler.types import Node, PortClaim, Request

GIB = 2**30
SWARM_ID = "com.docker.swarm.id"


class Clock:
    """Time that only moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def engine(number: int, **changes: Any) -> Engine:
    address = f"10.0.0.{number}:2375"
    made = Engine(
        address,
        id=f"ID{number}|{address}",
        name=f"dockerhost{number:02}",
        health=Health.HEALTHY,
        cpus=4,
        memory=8 * GIB,
        labels={"ostype": "linux"},
    )
    return replace(made, **changes)


def container(
    container_id: str,
    on: Engine,
    *,
    name: str = "",
    state: str = "running",
    swarm_id: str = "",
    created: int = 0,
    labels: dict[str, str] | None = None,
    **config: Any,
) -> Container:
    return Container(
        id=container_id,
        name=name or f"name-{container_id}",
        engine=on.address,
        image="busybox:latest",
        image_id="sha256:1234",
        created=created,
        state=state,
        labels={**(labels or {}), **({SWARM_ID: swarm_id} if swarm_id else {})},
        row={},
        config=ContainerConfig(**config),
    )


ONE = engine(1)
TWO = engine(2)


def cluster(*engines: Engine, **options: Any) -> tuple[ClusterState, Placement]:
    state = ClusterState()
    for each in engines or (ONE, TWO):
        state.put_engine(each)
    return state, Placement(state, **options)


def test_engines_become_nodes() -> None:
    state, placement = cluster(ONE)
    state.put_container(
        container("c1", ONE, memory=GIB, cpus=0.5, ports=((80, "", "tcp"), (53, "::1", "udp")))
    )
    (node,) = placement.nodes()
    assert (node.id, node.name, node.addr, node.health) == (ONE.id, ONE.name, ONE.address, 100)
    assert (node.memory_used, node.cpus_used) == (GIB, 0.5)
    assert node.containers[0].ports == (PortClaim(80), PortClaim(53, "::1", "udp"))
    assert node.labels == {"ostype": "linux"}


def test_ports_in_the_hosts_network_are_marked_so() -> None:
    state, placement = cluster(ONE)
    state.put_container(container("c1", ONE, ports=((80, "", "tcp"),), network_mode="host"))
    assert placement.nodes()[0].containers[0].ports == (PortClaim(80, is_host_mode=True),)


@pytest.mark.parametrize(
    ("health", "shown"),
    [
        pytest.param(Health.HEALTHY, [100], id="healthy"),
        pytest.param(Health.UNHEALTHY, [0], id="unhealthy-so-that-a-refusal-names-it"),
        pytest.param(Health.PENDING, [], id="pending"),
        pytest.param(Health.DISCONNECTED, [], id="disconnected"),
    ],
)
def test_only_validated_engines_are_nodes(health: Health, shown: list[int]) -> None:
    _, placement = cluster(engine(1, health=health))
    assert [node.health for node in placement.nodes()] == shown


@pytest.mark.parametrize(
    ("overcommit", "cpus", "memory"),
    [
        pytest.param(0.05, 20, 1000, id="default-on-few-is-nothing"),
        pytest.param(0.05, 40, 1000, id="default-on-many"),
        pytest.param(0.29, 100, 1000, id="no-float-error"),
        pytest.param(-0.5, 3, 1001, id="negative"),
        pytest.param(0.0, 4, 1000, id="none"),
    ],
)
def test_overcommit_counts_whole_units(overcommit: float, cpus: int, memory: int) -> None:
    percent = round(overcommit * 100)
    _, placement = cluster(engine(1, cpus=cpus, memory=memory), overcommit=overcommit)
    (node,) = placement.nodes()
    assert node.cpus_total == cpus + int(cpus * percent / 100)
    assert node.memory_total == memory + int(memory * percent / 100)


@pytest.mark.parametrize(
    ("container_state", "active"),
    [
        pytest.param("running", True, id="running"),
        pytest.param("paused", True, id="paused"),
        pytest.param("restarting", True, id="restarting"),
        pytest.param("exited", False, id="exited"),
        pytest.param("dead", False, id="dead"),
    ],
)
def test_who_counts_as_running(container_state: str, active: bool) -> None:
    state, placement = cluster(ONE)
    state.put_container(container("c1", ONE, state=container_state))
    assert placement.nodes()[0].active_count == int(active)


def test_a_created_container_counts_for_ten_minutes() -> None:
    wall = Clock()
    state, placement = cluster(ONE, wall_clock=wall)
    state.put_container(container("c1", ONE, state="created", created=1000))
    assert placement.nodes()[0].active_count == 1
    wall.now += 601
    assert placement.nodes()[0].active_count == 0


def test_images_answer_to_all_their_names() -> None:
    state, placement = cluster(ONE)
    digest = "host:5000/app@sha256:ffff"
    image = Image(f"sha256:{'a' * 64}", ONE.address, ("host:5000/app:1",), (digest,), {})
    state.replace_images(ONE.address, [image])
    assert placement.nodes()[0].images == {
        f"sha256:{'a' * 64}",
        "a" * 64,
        "a" * 12,
        "host:5000/app:1",
        "host:5000/app",
        digest,
    }


@pytest.mark.parametrize(
    ("label", "cpus"),
    [
        pytest.param("2", 2.0, id="number"),
        pytest.param("nan", 0.0, id="no-number"),
        pytest.param("٣", 0.0, id="not-ascii"),
        pytest.param("9" * 4000, 0.0, id="absurd"),
    ],
)
def test_cpu_shares_as_cores_are_remembered_in_a_label(label: str, cpus: float) -> None:
    state, placement = cluster(ONE)
    state.put_container(container("c1", ONE, labels={CORES_LABEL: label}))
    assert placement.nodes()[0].cpus_used == cpus


def test_only_a_changed_engine_gets_a_new_node() -> None:
    state, placement = cluster()
    one, two = placement.nodes()
    state.put_container(container("c1", ONE))
    changed, same = placement.nodes()
    assert same is two
    assert changed is not one


class NodesAgainstFreshNodes(RuleBasedStateMachine):
    """Nodes that follow the changes are those that are made from all there is."""

    reservations = Bundle("reservations")
    engines = st.sampled_from([ONE, TWO, engine(3)])

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.wall = Clock(), Clock()
        self.state = ClusterState()
        self.placement = self._new_placement()

    def _new_placement(self) -> Placement:
        return Placement(self.state, clock=self.clock, wall_clock=self.wall)

    @rule(on=engines, health=st.sampled_from(Health), failures=st.integers(0, 3))
    def put_engine(self, on: Engine, health: Health, failures: int) -> None:
        self.state.put_engine(replace(on, health=health, failures=failures))

    @rule(on=engines)
    def remove_engine(self, on: Engine) -> None:
        self.state.remove_engine(on.address)

    @rule(
        on=engines,
        number=st.integers(0, 3),
        state=st.sampled_from(["running", "created", "exited"]),
        age=st.integers(0, 900),
    )
    def put_container(self, on: Engine, number: int, state: str, age: int) -> None:
        made = container(
            f"c{number}", on, state=state, created=int(self.wall()) - age, swarm_id=f"s{number}"
        )
        self.state.put_container(made)

    @rule(on=engines, number=st.integers(0, 3))
    def remove_container(self, on: Engine, number: int) -> None:
        self.state.remove_container(on.address, f"c{number}")

    @rule(target=reservations, number=st.integers(0, 3), pick=st.integers(0, 2))
    def reserve(self, number: int, pick: int) -> Reservation | None:
        nodes = self.placement.nodes()
        if not nodes:
            return None
        node = nodes[pick % len(nodes)]
        return self.placement.reserve(Request(name="", image="busybox"), node, f"s{number}")

    @rule(reservation=reservations, container_id=st.sampled_from(["c0", "c1", "c9"]))
    def settle(self, reservation: Reservation | None, container_id: str) -> None:
        if reservation is not None:
            self.placement.settle(reservation, container_id)

    @rule(reservation=reservations)
    def cancel(self, reservation: Reservation | None) -> None:
        if reservation is not None:
            self.placement.cancel(reservation)

    @rule(seconds=st.sampled_from([1, SETTLED_LIMIT_S + 1, 300]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self.wall.now += seconds

    @invariant()
    def nodes_are_as_if_made_anew(self) -> None:
        fresh = self._new_placement()
        fresh.reservations = self.placement.reservations
        followed = {node.addr: node for node in self.placement.nodes()}
        assert len(self.placement.nodes()) == len(followed)
        assert followed == {node.addr: node for node in fresh.nodes()}


TestNodesAgainstFreshNodes = NodesAgainstFreshNodes.TestCase


# Reservations


WANTED = Request(name="web", image="busybox", memory=GIB, ports=(PortClaim(80),))


def reserve(placement: Placement, request: Request = WANTED, swarm_id: str = "s1") -> Reservation:
    return placement.reserve(request, placement.nodes()[0], swarm_id)


def count(placement: Placement, name: str = "web") -> int:
    return sum(c.name == name for node in placement.nodes() for c in node.containers)


def test_a_reservation_holds_what_it_asked_for() -> None:
    _, placement = cluster(ONE)
    reserve(placement)
    (node,) = placement.nodes()
    assert (node.memory_used, node.active_count, list(node.ports)) == (GIB, 1, [(80, "tcp")])


def test_the_next_one_with_the_same_port_goes_elsewhere() -> None:
    _, placement = cluster()
    rng, taken = random.Random(1), []
    for swarm_id in ("s1", "s2"):
        request = replace(WANTED, name=swarm_id)
        best = schedule(request, placement.nodes(), filters=["port"], strategy="spread", rng=rng)[0]
        placement.reserve(request, best, swarm_id)
        taken.append(best.name)
    assert taken == ["dockerhost01", "dockerhost02"]


def test_a_cancelled_one_frees_place_and_name() -> None:
    _, placement = cluster(ONE)
    reservation = reserve(placement)
    placement.cancel(reservation)
    placement.cancel(reservation)
    assert count(placement) == 0
    assert not placement.name_taken("web")
    assert len(placement.reservations) == 0


@pytest.mark.parametrize("first", ["settled", "shown"])
def test_no_gap_and_no_double_count_whichever_comes_first(first: str) -> None:
    state, placement = cluster(ONE)
    reservation = reserve(placement)
    for step in ("settled", "shown") if first == "settled" else ("shown", "settled"):
        if step == "settled":
            placement.settle(reservation, "c1")
        else:
            state.put_container(container("c1", ONE, name="web", swarm_id="s1", memory=GIB))
        assert count(placement) == 1
        assert placement.nodes()[0].memory_used == GIB
    assert len(placement.reservations) == 0


def test_a_stale_list_between_the_two_makes_no_gap() -> None:
    state, placement = cluster(ONE)
    reservation = reserve(placement)
    state.put_container(container("c1", ONE, name="web", swarm_id="s1"))
    state.replace_containers(ONE.address, [])
    assert count(placement) == 1
    placement.settle(reservation, "c1")
    assert count(placement) == 1


def test_one_that_was_never_shown_is_given_up_in_time() -> None:
    clock = Clock()
    _, placement = cluster(ONE, clock=clock)
    placement.settle(reserve(placement), "c1")
    clock.now += SETTLED_LIMIT_S
    assert count(placement) == 1
    clock.now += 1
    assert not placement.name_taken("web")
    assert count(placement) == 0


def test_an_open_one_has_no_time_limit_since_pulls_take_long() -> None:
    clock = Clock()
    _, placement = cluster(ONE, clock=clock)
    reserve(placement)
    clock.now += 3600
    assert count(placement) == 1


@pytest.mark.parametrize("order", ["settled-then-destroyed", "destroyed-then-settled"])
def test_one_destroyed_before_it_was_shown_frees_its_name_at_once(order: str) -> None:
    _, placement = cluster(ONE)
    reservation = reserve(placement)
    if order == "settled-then-destroyed":
        placement.settle(reservation, "c1")
        placement.gone(ONE.address, "c1")
    else:
        placement.gone(ONE.address, "c1")
        assert placement.name_taken("web")
        placement.settle(reservation, "c1")
    assert not placement.name_taken("web")
    assert len(placement.reservations) == 0


# Names


def test_a_name_is_given_once_in_the_cluster() -> None:
    state, placement = cluster()
    state.put_container(container("c1", TWO, name="web"))
    with pytest.raises(ConflictError) as caught:
        reserve(placement)
    assert str(caught.value) == (
        "Conflict: The name web is already assigned. You have to delete (or rename) that "
        "container to be able to assign web to a container again."
    )


def test_a_reserved_name_is_taken() -> None:
    _, placement = cluster()
    reserve(placement)
    with pytest.raises(ConflictError):
        reserve(placement, swarm_id="s2")


def test_no_name_never_clashes() -> None:
    _, placement = cluster(ONE)
    reserve(placement, Request(), "s1")
    reserve(placement, Request(), "s2")
    assert len(placement.nodes()[0].containers) == 2


def test_a_name_with_its_node_has_to_be_free_on_that_node_only() -> None:
    state, placement = cluster()
    state.put_container(container("c1", ONE, name="web"))
    first, second = placement.nodes()
    placement.reserve(WANTED, second, "s1", is_node_name=True)
    for node in (first, second):
        with pytest.raises(ConflictError):
            placement.reserve(WANTED, node, "s2", is_node_name=True)


def test_a_very_long_name_is_cut_in_the_message() -> None:
    _, placement = cluster()
    request = Request(name="a" * 2**20)
    reserve(placement, request)
    with pytest.raises(ConflictError) as caught:
        reserve(placement, request)
    assert len(str(caught.value)) < 500


def test_a_rename_holds_the_new_name_until_the_state_shows_it() -> None:
    state, placement = cluster()
    before = container("c1", ONE, name="old")
    state.put_container(before)
    reservation = placement.reserve_name("new", before)
    assert placement.name_taken("new")
    placement.settle(reservation)
    assert placement.name_taken("new")
    state.put_container(replace(before, name="new"))
    assert placement.name_taken("new")
    assert not placement.name_taken("old")
    assert count(placement, "new") == 1
    assert len(placement.reservations) == 0


def test_a_cancelled_rename_frees_the_new_name() -> None:
    state, placement = cluster()
    before = container("c1", ONE, name="old")
    state.put_container(before)
    placement.cancel(placement.reserve_name("new", before))
    assert not placement.name_taken("new")


def test_a_rename_reserves_no_place() -> None:
    state, placement = cluster(ONE)
    before = container("c1", ONE, name="old")
    state.put_container(before)
    placement.reserve_name("new", before)
    assert len(placement.nodes()[0].containers) == 1


def test_a_container_may_keep_its_own_name() -> None:
    state, placement = cluster()
    mine = container("c1", ONE, name="web")
    state.put_container(mine)
    assert placement.name_taken("web")
    assert not placement.name_taken("web", ignoring=mine)


# Properties

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "show", "settle", "cancel", "destroy"]),
        st.integers(0, 4),
    ),
    max_size=40,
)


@given(STEPS)
def test_every_container_counts_exactly_once_from_reservation_to_destruction(
    steps: list[tuple[str, int]],
) -> None:
    """Play creates in any order of their steps and compare with a plain account of them."""
    state, placement = cluster(ONE)
    open_ones: dict[int, Reservation] = {}
    alive: set[int] = set()
    shown: set[int] = set()
    created: Counter[int] = Counter()
    for step, n in steps:
        if step == "reserve" and n not in alive and n not in open_ones:
            created[n] += 1
        # No engine gives an ID twice.
        name, container_id, swarm_id = f"web{n}", f"c{n}-{created[n]}", f"s{n}-{created[n]}"
        if step == "reserve" and n not in alive and n not in open_ones:
            open_ones[n] = reserve(placement, replace(WANTED, name=name), swarm_id)
            alive.add(n)
        elif step == "show" and n in alive and n not in shown:
            shown.add(n)
            state.put_container(
                container(container_id, ONE, name=name, swarm_id=swarm_id, memory=GIB)
            )
        elif step == "settle" and n in open_ones:
            placement.settle(open_ones.pop(n), container_id)
        elif step == "cancel" and n in open_ones and n not in shown:
            placement.cancel(open_ones.pop(n))
            alive.discard(n)
        elif step == "destroy" and n in alive and n not in open_ones:
            shown.discard(n)
            alive.discard(n)
            state.remove_container(ONE.address, container_id)
            placement.gone(ONE.address, container_id)
        (node,) = placement.nodes()
        assert sorted(c.name for c in node.containers) == sorted(f"web{m}" for m in alive)
        assert node.memory_used == GIB * len(alive)
        assert {m for m in range(5) if placement.name_taken(f"web{m}")} == alive
    for n, reservation in open_ones.items():
        placement.settle(reservation, f"c{n}-{created[n]}")
    for n in alive:
        placement.gone(ONE.address, f"c{n}-{created[n]}")
    assert len(placement.reservations) == 0


@given(st.lists(st.integers(0, 3), max_size=12), st.integers())
def test_concurrent_creates_never_share_a_port(asked: list[int], seed: int) -> None:
    _, placement = cluster()
    rng = random.Random(seed)
    held: set[tuple[str, int]] = set()
    for number, port in enumerate(asked):
        request = Request(name=f"n{number}", ports=(PortClaim(8000 + port),))
        free: list[Node] = [node for node in placement.nodes() if (node.name, port) not in held]
        if not free:
            continue
        best = schedule(request, placement.nodes(), filters=["port"], strategy="random", rng=rng)[0]
        assert (best.name, port) not in held
        held.add((best.name, port))
        placement.reserve(request, best, f"s{number}")
