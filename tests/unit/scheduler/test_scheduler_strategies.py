"""The strategies: who has room, who comes first."""

from __future__ import annotations

import pytest
from scheduler_builders import GIB, container, names, node, request, rng

from scheduler import STRATEGIES, Node, Request, schedule
from scheduler.strategies.weigh import fullness, lack_of_room


def ranked(strategy: str, wanted: Request, *nodes: Node) -> list[str]:
    return names(STRATEGIES[strategy].rank(wanted, nodes, rng()).nodes)


def loaded(name: str, memory: int = 0, cpus: float = 0.0, **fields: object) -> Node:
    return node(name, container(f"on-{name}", memory=memory, cpus=cpus), **fields)


def test_strategies_are_registered_with_the_old_name_of_binpack() -> None:
    assert list(STRATEGIES) == ["spread", "binpack", "binpacking", "random"]
    assert STRATEGIES["binpacking"] is STRATEGIES["binpack"]


@pytest.mark.parametrize(
    ("strategy", "first"), [("spread", "empty"), ("binpack", "full")], ids=["spread", "binpack"]
)
@pytest.mark.parametrize(
    "asked", [{"memory": GIB}, {"cpus": 1.0}, {"memory": GIB, "cpus": 1.0}], ids=str
)
def test_fullness_decides(strategy: str, first: str, asked: dict[str, float]) -> None:
    nodes = (loaded("full", 2 * GIB, 2.0), loaded("empty"), loaded("half", GIB, 1.0))
    order = ranked(strategy, request(**asked), *nodes)
    assert order[0] == first
    assert order[1] == "half"


@pytest.mark.parametrize(("strategy", "first"), [("spread", "few"), ("binpack", "many")])
def test_equally_full_nodes_are_told_apart_by_active_containers(strategy: str, first: str) -> None:
    few = node("few", *(container(f"s{index}", is_running=False) for index in range(9)))
    many = node("many", container("a"), container("b", is_running=False, is_pending=True))
    assert ranked(strategy, request(), few, many)[0] == first
    assert ranked(strategy, request(), many, few)[0] == first


@pytest.mark.parametrize("strategy", ["spread", "binpack"])
def test_the_last_tie_is_the_name_in_natural_order(strategy: str) -> None:
    nodes = [node(name) for name in ("node-10", "node-2", "node-1", "Node-3")]
    assert ranked(strategy, request(), *nodes) == ["node-1", "node-2", "Node-3", "node-10"]


@pytest.mark.parametrize("strategy", ["spread", "binpack"])
def test_health_outweighs_fullness(strategy: str) -> None:
    empty, full = loaded("empty"), loaded("full", 2 * GIB)
    best = full if strategy == "spread" else empty
    ill = empty if best is full else full
    failing = Node(
        id=ill.id,
        name=ill.name,
        memory_total=ill.memory_total,
        cpus_total=ill.cpus_total,
        health=67,
        containers=ill.containers,
    )
    assert ranked(strategy, request(memory=GIB), failing, best)[0] == best.name


def test_stopped_containers_are_no_load() -> None:
    # classicswarm#671: ten stopped jobs drove new containers away from an idle node.
    stopped = node(
        "stopped",
        *(container(f"job{index}", is_running=False, memory=GIB // 4) for index in range(10)),
    )
    busy = loaded("busy", GIB)
    assert ranked("spread", request(memory=GIB), stopped, busy) == ["stopped", "busy"]
    assert ranked("binpack", request(memory=GIB), stopped, busy) == ["busy", "stopped"]


def test_stopped_containers_keep_their_room() -> None:
    reserved = node("n", container("job", is_running=False, memory=4 * GIB))
    assert lack_of_room(request(memory=1), reserved) == ("1 B of memory asked, 0 B of 4 GiB free")


@pytest.mark.parametrize(
    ("wanted", "lack"),
    [
        pytest.param({"memory": 3 * GIB}, None, id="memory-exactly"),
        pytest.param(
            {"memory": 3 * GIB + 1}, "3 GiB of memory asked, 3 GiB of 4 GiB free", id="one-byte"
        ),
        pytest.param({"cpus": 3.5}, None, id="cpus-exactly"),
        pytest.param({"cpus": 3.75}, "3.75 CPUs asked, 3.5 of 4 free", id="cpus"),
        pytest.param({"memory": 3 * GIB, "cpus": 3.5}, None, id="both"),
        pytest.param({}, None, id="nothing-asked"),
    ],
)
def test_room_is_exact(wanted: dict[str, float], lack: str | None) -> None:
    subject = loaded("n", GIB, 0.5)
    assert lack_of_room(request(**wanted), subject) == lack


def test_tenths_of_cpus_add_up_to_one() -> None:
    tenths = [container(f"c{index}", cpus=0.1) for index in range(9)]
    assert lack_of_room(request(cpus=0.1), node("n", *tenths, cpus_total=1.0)) is None


def test_cpus_are_rounded_to_billionths_not_cut() -> None:
    # 2.01 times a billion is a little less than a whole number in floating point.
    assert node("n", cpus_total=2.01).nanocpus_total == 2_010_000_000


def test_a_request_without_wishes_fits_on_an_overfull_node() -> None:
    assert lack_of_room(request(), loaded("n", 9 * GIB, 9.0)) is None


def test_an_overfull_node_has_nothing_free() -> None:
    assert lack_of_room(request(cpus=1.0), loaded("n", 0, 9.0)) == ("1 CPUs asked, 0 of 4 free")


def test_a_node_without_resources_has_no_room() -> None:
    empty = node("n", memory_total=0, cpus_total=0.0)
    assert lack_of_room(request(memory=1), empty) is not None
    assert lack_of_room(request(cpus=0.5), empty) is not None


def test_fullness_is_two_whole_percentages() -> None:
    assert fullness(request(), loaded("n", GIB)) == 200
    assert fullness(request(memory=GIB), loaded("n", GIB)) == 150
    assert fullness(request(memory=GIB, cpus=1.0), loaded("n", GIB, 1.0)) == 100


def test_random_is_replayed_by_its_seed_in_whatever_order_the_nodes_come() -> None:
    nodes = [node(f"node-{index}") for index in range(9)]
    one = schedule(request(), nodes, strategy="random", rng=rng(7))
    other = schedule(request(), nodes[::-1], strategy="random", rng=rng(7))
    assert names(one) == names(other)
    assert len({tuple(names(schedule(request(), nodes, strategy="random", rng=rng(seed))))
                for seed in range(5)}) > 1  # fmt: skip


def test_random_does_not_look_at_resources() -> None:
    assert ranked("random", request(memory=99 * GIB), node("n")) == ["n"]


def test_spread_fills_nodes_evenly() -> None:
    counts = {"a": 0, "b": 0, "c": 0}
    for _ in range(9):
        nodes = [
            node(name, *(container(f"{name}{index}") for index in range(count)))
            for name, count in counts.items()
        ]
        counts[schedule(request(), nodes, rng=rng())[0].name] += 1
    assert counts == {"a": 3, "b": 3, "c": 3}


def test_binpack_fills_one_node_before_the_next() -> None:
    memory = {"a": 0, "b": 0}
    for _ in range(6):
        nodes = [loaded(name, used) for name, used in memory.items()]
        best = schedule(request(memory=GIB), nodes, strategy="binpack", rng=rng())[0]
        memory[best.name] += GIB
    assert memory == {"a": 4 * GIB, "b": 2 * GIB}


@pytest.mark.parametrize(("strategy", "busy_place"), [("spread", 2), ("binpack", 0)])
def test_the_image_decides_between_equals_only(strategy: str, busy_place: int) -> None:
    has = frozenset({"app", "app:1"})
    nodes = (node("a"), node("b", images=has), loaded("busy", images=has))
    order = ranked(strategy, request(image="app:1"), *nodes)
    assert order.index("busy") == busy_place
    assert [name for name in order if name != "busy"] == ["b", "a"]
    assert ranked(strategy, request(image="other"), node("a"), node("b", images=has)) == ["a", "b"]
