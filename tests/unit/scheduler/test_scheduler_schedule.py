"""The decision as a whole: passes, errors, and what their messages say."""

from __future__ import annotations

import pytest
from scheduler_builders import GIB, container, labelled, names, node, ports, request, rng

from scheduler import (
    FILTERS,
    BadExpressionError,
    Filter,
    Node,
    NoHealthyNodeError,
    NoNodeFitsError,
    NoNodesError,
    NoResourcesError,
    Request,
    UnsatisfiedConditionsError,
    UnsupportedError,
    explain,
    schedule,
)

_SSD = labelled("dockerhost01", disk="ssd", zone="application")
_HDD = labelled("dockerhost02", disk="hdd", zone="application")
_BARE = labelled("dockerhost03")
_NODES = (_SSD, _HDD, _BARE)


def chosen(wanted: Request, *nodes: Node) -> list[str]:
    return names(schedule(wanted, nodes or _NODES, rng=rng()))


def failure(wanted: Request, *nodes: Node) -> NoNodeFitsError:
    with pytest.raises(NoNodeFitsError) as caught:
        schedule(wanted, nodes or _NODES, rng=rng())
    return caught.value


def test_all_nodes_that_fit_are_returned_best_first() -> None:
    assert chosen(request()) == ["dockerhost01", "dockerhost02", "dockerhost03"]
    assert chosen(request("disk==ssd")) == ["dockerhost01"]
    assert chosen(request("disk!=ssd")) == ["dockerhost02", "dockerhost03"]


def test_without_nodes() -> None:
    with pytest.raises(NoNodesError) as caught:
        schedule(request(), (), rng=rng())
    assert str(caught.value) == "No nodes available in the cluster"
    assert caught.value.rejections == ()


def test_without_healthy_nodes() -> None:
    error = failure(request(), node("b", health=0), node("a", health=0))
    assert isinstance(error, NoHealthyNodeError)
    assert str(error) == (
        "No healthy node available in the cluster"
        "\na: health: the engine is not healthy"
        "\nb: health: the engine is not healthy"
    )


def test_without_room() -> None:
    error = failure(request("disk==*dd", memory=9 * GIB), _HDD, _SSD)
    assert isinstance(error, NoResourcesError)
    assert str(error) == (
        "no resources available to schedule container"
        "\ndockerhost01: constraint: label disk is ssd, not *dd"
        "\ndockerhost02: resources: 9 GiB of memory asked, 4 GiB of 4 GiB free"
    )


def test_unsatisfied_conditions_are_listed_up_to_the_filter_that_failed() -> None:
    wanted = request(
        "disk==tape",
        "zone==application",
        affinities=("container!=db", "image==~redis"),
        whitelists=("node==dockerhost01|dockerhost02|dockerhost03",),
        ports=ports(80, 443),
    )
    error = failure(wanted)
    assert isinstance(error, UnsatisfiedConditionsError)
    assert error.headline == (
        "Unable to find a node that satisfies the following conditions "
        "\n[port 80 (Bridge mode) port 443 (Bridge mode)]"
        "\n[available container slots]"
        "\n[container!=db (soft=false) image==redis (soft=true)]"
        "\n[disk==tape zone==application]"
    )
    assert str(error) == error.headline + (
        "\ndockerhost01: constraint: label disk is ssd, not tape"
        "\ndockerhost02: constraint: label disk is hdd, not tape"
        "\ndockerhost03: constraint: label disk is not set, == tape is asked for"
    )


def test_whitelist_and_dependencies_are_listed_in_classic_words() -> None:
    wanted = request(
        whitelists=("node==nowhere",),
        volumes_from=("data:ro",),
        links=("db:database",),
        network_container="proxy",
    )
    everything = node("n", container("data"), container("db"), container("proxy"))
    assert failure(wanted, everything).headline.splitlines()[1:] == [
        "[available container slots]",
        "[--volumes-from=data:ro --link=db:database --net=container:proxy]",
        "[node==nowhere (soft=false)]",
    ]


def test_each_node_is_refused_once_by_the_first_filter_that_minds() -> None:
    held = node("held", container("web", ports=ports(80)))
    error = failure(request("disk==ssd", ports=ports(80)), _HDD, held, node("ill", health=0))
    assert [(entry.node_name, entry.filter_name) for entry in error.rejections] == [
        ("dockerhost02", "constraint"),
        ("held", "port"),
        ("ill", "health"),
    ]


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        pytest.param(("disk==~ssd",), ["dockerhost01"], id="wish-fulfilled"),
        pytest.param(
            ("disk==~tape",), ["dockerhost01", "dockerhost02", "dockerhost03"], id="wish-dropped"
        ),
        pytest.param(("disk==hdd", "zone==~nowhere"), ["dockerhost02"], id="hard-stays"),
        pytest.param(
            ("disk==~ssd", "disk==~hdd"),
            ["dockerhost01", "dockerhost02", "dockerhost03"],
            id="all-wishes-or-none",
        ),
        pytest.param(("disk!=~ssd",), ["dockerhost02", "dockerhost03"], id="wish-against"),
    ],
)
def test_soft_constraints(constraints: tuple[str, ...], expected: list[str]) -> None:
    assert chosen(request(*constraints)) == expected


def test_lack_of_room_drops_wishes_too() -> None:
    full = labelled("full", disk="ssd")
    full = node("full", container("big", memory=4 * GIB), labels=full.labels)
    assert chosen(request("disk==~ssd", memory=GIB), full, _HDD) == ["dockerhost02"]


def test_soft_affinities_and_whitelists_are_dropped_too() -> None:
    wanted = request(affinities=("container==~web",), whitelists=("node==~elsewhere",))
    assert len(chosen(wanted)) == 3


def test_the_last_error_is_about_hard_conditions_and_repeats_all() -> None:
    error = failure(request("disk==tape", "zone==~application"))
    assert error.headline.endswith("\n[disk==tape zone==application]")
    assert "label disk is ssd, not tape" in str(error)


def _counting(counter: list[int]) -> Filter:
    def check_for(_request: object, _nodes: object) -> None:
        counter.append(1)

    return Filter("counting", check_for, lambda _request: [])


@pytest.mark.parametrize(
    ("constraint", "passes"),
    [("disk==tape", 1), ("disk==ssd", 1), ("disk==~ssd", 1), ("disk==~tape", 2)],
)
def test_hard_expressions_alone_are_tried_once(constraint: str, passes: int) -> None:
    counter: list[int] = []
    rules = (_counting(counter), "constraint")
    try:
        schedule(request(constraint), _NODES, filters=rules, rng=rng())
    except NoNodeFitsError:
        assert constraint == "disk==tape"
    assert len(counter) == passes


def test_filters_run_in_the_order_that_is_given() -> None:
    ill = node("ill", health=0, labels={"disk": "hdd"})
    with pytest.raises(NoNodeFitsError) as caught:
        schedule(request("disk==ssd"), (ill,), filters=("constraint", "health"), rng=rng())
    assert caught.value.headline.endswith("conditions \n[disk==ssd]")
    assert names(schedule(request("disk==ssd"), (ill,), filters=(), rng=rng())) == ["ill"]


def test_filters_and_strategies_may_be_given_as_values() -> None:
    rules = (FILTERS["constraint"],)
    assert names(schedule(request("disk==ssd"), _NODES, filters=rules, rng=rng())) == [
        "dockerhost01"
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"filters": ("health", "nope")}, "filter not supported: nope"),
        ({"strategy": "nope"}, "strategy not supported: nope"),
    ],
)
def test_unknown_names_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        schedule(request(), _NODES, rng=rng(), **settings)
    assert str(caught.value) == message


def test_a_costly_pattern_is_the_users_error() -> None:
    labels = {"key": "".join(rng().choices("ab", k=4000))}
    costly = request("key==/a" + "." * 60 + "c/")
    with pytest.raises(BadExpressionError, match="too many steps"):
        schedule(costly, (node("n", labels=labels),), rng=rng())


def test_huge_names_do_not_make_huge_messages() -> None:
    huge = "x" * 1_000_000
    wanted = request(f"disk=={'y' * 16_000}", links=(huge,), volumes_from=(huge,), ports=ports(80))
    for subject in (
        node(huge, labels={"disk": huge}),
        node("n", container(huge, ports=ports(80))),
        node("n", container(huge), labels={"disk": huge}),
    ):
        assert len(str(failure(wanted, subject))) < 2_000


def test_a_line_break_in_a_label_is_not_another_node() -> None:
    forged = labelled("n", disk="hdd\nother: health: fine")
    assert len(str(failure(request("disk==ssd"), forged)).splitlines()) == 4


def test_explain_says_why_each_other_node_was_not_taken() -> None:
    answer = explain(request("disk==ssd"), _NODES, rng=rng())
    assert names(answer.nodes) == ["dockerhost01"]
    assert [str(entry) for entry in answer.rejections] == [
        "dockerhost02: constraint: label disk is hdd, not ssd",
        "dockerhost03: constraint: label disk is not set, == ssd is asked for",
    ]


def test_explain_marks_what_only_wishes_refused() -> None:
    answer = explain(request("disk==~ssd", "zone==application"), _NODES, rng=rng())
    assert {entry.node_name: entry.is_soft for entry in answer.rejections} == {
        "dockerhost02": True,
        "dockerhost03": False,
    }


def test_explain_answers_where_schedule_fails() -> None:
    assert explain(request("disk==tape"), _NODES, rng=rng()).nodes == ()
    assert len(explain(request("disk==tape"), _NODES, rng=rng()).rejections) == 3
    assert explain(request(), (), rng=rng()).rejections == ()
