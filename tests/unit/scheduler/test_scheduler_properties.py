"""What holds for every cluster and every request, found by trying many."""

from __future__ import annotations

import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scheduler import (
    Node,
    NoNodeFitsError,
    PlacedContainer,
    PortClaim,
    Request,
    explain,
    parse,
    schedule,
)
from scheduler.strategies.weigh import fullness, lack_of_room

_claims = st.builds(
    PortClaim,
    st.sampled_from([0, 53, 80]),
    st.sampled_from(["", "0.0.0.0", "10.0.0.1", "10.0.0.2"]),
    st.sampled_from(["tcp", "udp"]),
)
_port_lists = st.lists(_claims, max_size=2).map(tuple)
_memories = st.sampled_from([0, 1, 30, 60])
_cpus = st.sampled_from([0.0, 0.1, 0.5, 1.0])
_tiers = st.sampled_from([{}, {"tier": "front"}, {"tier": "back"}])


@st.composite
def _containers(draw: st.DrawFn, name: str) -> PlacedContainer:
    return PlacedContainer(
        id=(name * 64)[:64],
        name=name,
        labels=draw(_tiers),
        memory=draw(_memories),
        cpus=draw(_cpus),
        ports=draw(_port_lists),
        is_running=draw(st.booleans()),
        is_pending=draw(st.booleans()),
    )


@st.composite
def _clusters(draw: st.DrawFn) -> list[Node]:
    free_names = iter("abcdefghijklmnopqrstuvwxyz")
    nodes = []
    for index in range(draw(st.integers(1, 5))):
        count = draw(st.integers(0, 3))
        nodes.append(
            Node(
                id=f"ID{index}",
                name=f"node-{index}",
                labels=draw(
                    st.fixed_dictionaries(
                        {},
                        optional={
                            "disk": st.sampled_from(["ssd", "hdd"]),
                            "containerslots": st.sampled_from(["1", "3", "x"]),
                        },
                    )
                ),
                memory_total=100,
                cpus_total=1.0,
                health=draw(st.sampled_from([0, 34, 100])),
                containers=tuple(draw(_containers(next(free_names))) for _ in range(count)),
                images=draw(st.frozensets(st.sampled_from(["redis", "redis:7"]))),
            )
        )
    return nodes


_soft = st.sampled_from(["", "~"])
_operators = st.sampled_from(["==", "!="])


def _expressions(kind: str, keys_and_values: list[tuple[str, str]]) -> st.SearchStrategy[object]:
    texts = st.builds(
        lambda pair, operator, soft: f"{pair[0]}{operator}{soft}{pair[1]}",
        st.sampled_from(keys_and_values),
        st.just("==") if kind == "whitelist" else _operators,
        _soft,
    )
    return st.lists(texts, max_size=2).map(lambda found: tuple(parse(text, kind) for text in found))


_requests = st.builds(
    Request,
    memory=_memories,
    cpus=_cpus,
    ports=_port_lists,
    constraints=_expressions(
        "constraint",
        [("disk", "ssd"), ("disk", "h*"), ("disk", "/./"), ("node", "node-1"), ("node", "*0")],
    ),
    affinities=_expressions(
        "affinity", [("container", "a"), ("container", "*"), ("image", "redis"), ("tier", "front")]
    ),
    whitelists=_expressions("whitelist", [("node", "node-0|node-2"), ("node", "node-1")]),
    volumes_from=st.sampled_from([(), ("a",), ("b:ro",), ("cc",)]),
)
_strategies = st.sampled_from(["spread", "binpack", "random"])


def _place(wanted: Request, nodes: list[Node], strategy: str = "spread") -> list[Node]:
    """Return the answer, empty where schedule() raises."""
    try:
        return schedule(wanted, nodes, strategy=strategy, rng=random.Random(1))
    except NoNodeFitsError:
        return []


_often = settings(max_examples=settings.default.max_examples * 3 // 4)
"""A little less often than elsewhere: whole clusters are dear, and all properties take 4 s."""


# The rules once more, written another way than in the package.


def _is_equal(operator: str, value: str, subjects: list[str]) -> bool:
    def matches(subject: str) -> bool:
        if value == "/./":
            return subject != ""
        if value == "*":
            return True
        if value.endswith("*"):
            return subject.startswith(value[:-1])
        if value.startswith("*"):
            return subject.endswith(value[1:])
        return subject == value

    return any(matches(subject) for subject in subjects) == (operator == "==")


def _violations(wanted: Request, subject: Node) -> list[str]:
    """Return the hard rules that *subject* breaks."""
    rules = {
        "health": subject.health > 0,
        "port": not any(
            _clash(claim, held)
            for claim in wanted.ports
            for holder in subject.containers
            for held in holder.ports
        ),
        "containerslots": len(subject.containers)
        < int(subject.labels.get("containerslots", "x").replace("x", "999")),
        "dependency": all(
            any(text.split(":")[0] in (c.name, c.id[:2]) for c in subject.containers)
            for text in wanted.volumes_from
        ),
        "constraint": all(
            _is_equal(entry.operator, entry.value, _facts(entry.key, subject))
            for entry in wanted.constraints
            if not entry.is_soft
        ),
        "affinity": all(
            _is_equal(entry.operator, entry.value, _neighbours(entry.key, subject))
            for entry in wanted.affinities
            if not entry.is_soft
        ),
        "whitelist": all(
            subject.name in entry.value.split("|")
            for entry in wanted.whitelists
            if not entry.is_soft
        ),
    }
    return [name for name, is_kept in rules.items() if not is_kept]


def _clash(claim: PortClaim, held: PortClaim) -> bool:
    is_everywhere = {"", "0.0.0.0"} & {claim.host_ip, held.host_ip}
    return (
        claim.host_port != 0
        and (claim.host_port, claim.protocol) == (held.host_port, held.protocol)
        and (bool(is_everywhere) or claim.host_ip == held.host_ip)
    )


def _facts(key: str, subject: Node) -> list[str]:
    return [subject.name, subject.id] if key == "node" else [subject.labels.get(key, "")]


def _neighbours(key: str, subject: Node) -> list[str]:
    return {
        "container": [n for c in subject.containers for n in (c.name, c.id, c.id[:12])],
        "image": list(subject.images),
        "tier": [c.labels["tier"] for c in subject.containers if "tier" in c.labels],
    }[key]


@_often
@given(_requests, _clusters(), _strategies)
def test_no_placement_violates_a_hard_filter(
    wanted: Request, nodes: list[Node], strategy: str
) -> None:
    for placed in _place(wanted, nodes, strategy):
        assert _violations(wanted, placed) == []


@_often
@given(_requests, _clusters())
def test_a_node_that_breaks_no_rule_is_found(wanted: Request, nodes: list[Node]) -> None:
    fitting = {
        subject.name
        for subject in nodes
        if not _violations(wanted, subject) and lack_of_room(wanted, subject) is None
    }
    placed = {subject.name for subject in _place(wanted, nodes)}
    assert placed <= fitting
    assert bool(placed) is bool(fitting)
    if not wanted.has_soft:
        assert placed == fitting


@_often
@given(_requests, _clusters(), _strategies, st.randoms(use_true_random=False))
def test_the_order_of_the_nodes_does_not_matter(
    wanted: Request, nodes: list[Node], strategy: str, shuffler: random.Random
) -> None:
    shuffled = nodes.copy()
    shuffler.shuffle(shuffled)
    one = explain(wanted, nodes, strategy=strategy, rng=random.Random(3))
    other = explain(wanted, shuffled, strategy=strategy, rng=random.Random(3))
    assert one == other


@_often
@given(_requests, _clusters())
def test_the_order_of_a_nodes_containers_does_not_matter(
    wanted: Request, nodes: list[Node]
) -> None:
    def turned(subject: Node) -> Node:
        return Node(
            id=subject.id,
            name=subject.name,
            labels=subject.labels,
            memory_total=subject.memory_total,
            cpus_total=subject.cpus_total,
            health=subject.health,
            containers=subject.containers[::-1],
            images=subject.images,
        )

    one = explain(wanted, nodes, rng=random.Random(3))
    other = explain(wanted, [turned(subject) for subject in nodes], rng=random.Random(3))
    assert [subject.name for subject in one.nodes] == [subject.name for subject in other.nodes]
    assert one.rejections == other.rejections


@_often
@given(_requests, _clusters(), _strategies)
def test_every_node_is_in_the_answer_or_among_the_rejections(
    wanted: Request, nodes: list[Node], strategy: str
) -> None:
    answer = explain(wanted, nodes, strategy=strategy, rng=random.Random(1))
    told = [subject.name for subject in answer.nodes]
    told += [rejection.node_name for rejection in answer.rejections]
    assert sorted(told) == sorted(subject.name for subject in nodes)
    assert all(rejection.reason for rejection in answer.rejections)


@_often
@given(_requests, _clusters())
def test_an_error_has_a_line_for_every_node(wanted: Request, nodes: list[Node]) -> None:
    assume(not _place(wanted, nodes))
    with pytest.raises(NoNodeFitsError) as caught:
        schedule(wanted, nodes, rng=random.Random(1))
    error = caught.value
    lines = str(error).removeprefix(error.headline + "\n").split("\n")
    assert [line.split(":")[0] for line in lines] == sorted(entry.name for entry in nodes)
    assert not any(entry.is_soft for entry in error.rejections)


@_often
@given(_requests, _clusters(), _strategies)
def test_wishes_never_cost_the_placement(wanted: Request, nodes: list[Node], strategy: str) -> None:
    with_wishes = {subject.name for subject in _place(wanted, nodes, strategy)}
    without = {subject.name for subject in _place(wanted.without_soft(), nodes, strategy)}
    assert with_wishes <= without
    assert bool(with_wishes) is bool(without)


@_often
@given(_requests, _clusters())
def test_a_rejection_is_soft_if_and_only_if_no_hard_rule_is_broken(
    wanted: Request, nodes: list[Node]
) -> None:
    answer = explain(wanted, nodes, rng=random.Random(1))
    by_name = {subject.name: subject for subject in nodes}
    for rejection in answer.rejections:
        subject = by_name[rejection.node_name]
        hard = _violations(wanted, subject) or lack_of_room(wanted, subject)
        assert rejection.is_soft is not bool(hard)


@_often
@given(_requests, _clusters())
def test_spread_never_takes_a_fuller_node_than_another_that_fits(
    wanted: Request, nodes: list[Node]
) -> None:
    best, *others = _place(wanted, nodes, "spread") or [None]
    for other in others:
        assert best is not None
        if best.health == other.health:
            assert (fullness(wanted, best), best.active_count) <= (
                fullness(wanted, other),
                other.active_count,
            )
        else:
            assert best.health > other.health


@_often
@given(_requests, _clusters())
def test_binpack_never_takes_an_emptier_node_than_another_that_fits(
    wanted: Request, nodes: list[Node]
) -> None:
    best, *others = _place(wanted, nodes, "binpack") or [None]
    for other in others:
        assert best is not None
        if best.health == other.health:
            assert (fullness(wanted, best), best.active_count) >= (
                fullness(wanted, other),
                other.active_count,
            )
        else:
            assert best.health > other.health


@_often
@given(_requests, _clusters(), st.sampled_from(["spread", "binpack"]))
def test_a_placed_container_always_fits(wanted: Request, nodes: list[Node], strategy: str) -> None:
    for placed in _place(wanted, nodes, strategy):
        if wanted.memory:
            assert sum(c.memory for c in placed.containers) + wanted.memory <= 100
        assert 0 <= fullness(wanted, placed) <= 200
