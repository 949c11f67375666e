"""Each filter by itself: which node it refuses, and in which words."""

from __future__ import annotations

import pytest
from scheduler_builders import container, labelled, labels_of, node, ports, refusal, request

from scheduler import PortClaim
from scheduler.filters import FILTERS


def test_filters_are_registered_in_default_order() -> None:
    assert list(FILTERS) == [
        "health",
        "port",
        "containerslots",
        "dependency",
        "affinity",
        "constraint",
        "whitelist",
    ]
    assert all(rule.name == name for name, rule in FILTERS.items())


@pytest.mark.parametrize(("health", "refused"), [(0, True), (1, False), (100, False)])
def test_an_unhealthy_node_is_refused(health: int, refused: bool) -> None:
    reason = refusal("health", request(), node(health=health))
    assert (reason is not None) is refused


@pytest.mark.parametrize(
    ("held", "wanted", "refused"),
    [
        pytest.param(PortClaim(80), PortClaim(80), True, id="same-port"),
        pytest.param(PortClaim(80), PortClaim(81), False, id="other-port"),
        pytest.param(PortClaim(53), PortClaim(53, protocol="udp"), False, id="other-protocol"),
        pytest.param(
            PortClaim(53, protocol="udp"), PortClaim(53, protocol="udp"), True, id="both-udp"
        ),
        pytest.param(PortClaim(80, "10.0.0.1"), PortClaim(80), True, id="any-interface-wants"),
        pytest.param(PortClaim(80), PortClaim(80, "10.0.0.1"), True, id="any-interface-holds"),
        pytest.param(PortClaim(80, "::"), PortClaim(80, "10.0.0.1"), True, id="any-v6-holds"),
        pytest.param(PortClaim(80, "10.0.0.1"), PortClaim(80, "0.0.0.0"), True, id="any-v4-wants"),
        pytest.param(
            PortClaim(80, "10.0.0.1"), PortClaim(80, "10.0.0.2"), False, id="other-interface"
        ),
        pytest.param(
            PortClaim(80, "10.0.0.1"), PortClaim(80, "10.0.0.1"), True, id="same-interface"
        ),
        pytest.param(PortClaim(0), PortClaim(0), False, id="any-free-port"),
        pytest.param(PortClaim(80, is_host_mode=True), PortClaim(80), True, id="host-mode-holds"),
    ],
)
def test_port_is_given_out_once_per_interface_and_protocol(
    held: PortClaim, wanted: PortClaim, refused: bool
) -> None:
    reason = refusal("port", request(ports=(wanted,)), node("n", container(ports=(held,))))
    assert (reason is not None) is refused


@pytest.mark.parametrize(
    "state",
    [
        pytest.param({"is_running": False}, id="stopped"),
        pytest.param({"is_running": False, "is_pending": True, "id": ""}, id="pending"),
    ],
)
def test_port_is_held_by_containers_that_do_not_run(state: dict[str, bool]) -> None:
    holder = container("web", ports=ports(80), **state)
    assert refusal("port", request(ports=ports(80)), node("n", holder)) == (
        "port 80/tcp is held by web"
    )


@pytest.mark.parametrize("order", [1, -1], ids=["one-order", "other-order"])
def test_port_reason_does_not_depend_on_the_order_of_containers(order: int) -> None:
    held = (PortClaim(80, "10.0.0.1"),)
    holders = [container("b", ports=held), container("a", ports=held)][::order]
    reason = refusal("port", request(ports=ports(80)), node("n", *holders))
    assert reason == "port 80/tcp is held by a"


@pytest.mark.parametrize(
    ("label", "count", "refused"),
    [
        pytest.param("2", 1, False, id="one-free"),
        pytest.param("2", 2, True, id="full"),
        pytest.param("2", 3, True, id="overfull"),
        pytest.param("0", 0, True, id="no-slots"),
        pytest.param("+1", 1, True, id="sign"),
        pytest.param("two", 9, False, id="no-integer"),
        pytest.param("1_0", 99, False, id="python-only-integer"),
        pytest.param("9" * 5000, 9, False, id="beyond-any-integer"),
    ],
)
def test_slots_limit_the_containers_of_a_node(label: str, count: int, refused: bool) -> None:
    full = node(
        "n",
        *(container(f"c{index}", is_running=False) for index in range(count)),
        labels={"containerslots": label},
    )
    assert (refusal("containerslots", request(), full) is not None) is refused


def test_slots_without_the_label_are_unlimited() -> None:
    many = node("n", *(container(f"c{index}") for index in range(99)))
    assert refusal("containerslots", request(), many) is None


_DATA = container("data", id="abc" + "1" * 61, swarm_id="def" + "2" * 61)


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        pytest.param("data", True, id="name"),
        pytest.param("/data", True, id="name-with-slash"),
        pytest.param("node-1/data", True, id="node-and-name"),
        pytest.param("ID:node-1/data", False, id="id-with-colon-is-cut"),
        pytest.param(_DATA.id, True, id="id"),
        pytest.param(_DATA.id[:12], True, id="short-id"),
        pytest.param("abc", True, id="id-prefix"),
        pytest.param(_DATA.swarm_id, True, id="swarm-id"),
        pytest.param("def2", True, id="swarm-id-prefix"),
        pytest.param("dat", False, id="name-prefix"),
        pytest.param("node-2/data", False, id="other-node"),
        pytest.param("", False, id="empty"),
        pytest.param("/", False, id="slash"),
    ],
)
def test_volumes_from_must_be_on_the_node(reference: str, found: bool) -> None:
    reason = refusal("dependency", request(volumes_from=(reference,)), node("node-1", _DATA))
    assert (reason is None) is found


@pytest.mark.parametrize(
    "dependencies",
    [
        pytest.param({"volumes_from": ("data:ro",)}, id="volumes-from-read-only"),
        pytest.param({"links": ("data:database",)}, id="link-with-alias"),
        pytest.param({"links": ("data",)}, id="link"),
        pytest.param({"network_container": "data"}, id="network"),
        pytest.param({"ipc_container": "data"}, id="ipc"),
        pytest.param({"pid_container": "data"}, id="pid"),
        pytest.param({"network_container": "ID:node-1/data"}, id="network-by-engine-id"),
    ],
)
def test_dependency_is_found_in_each_spelling(dependencies: dict[str, object]) -> None:
    assert refusal("dependency", request(**dependencies), node("node-1", _DATA)) is None
    assert refusal("dependency", request(**dependencies), node("node-2")) is not None


def test_all_dependencies_must_be_on_the_same_node() -> None:
    wanted = request(volumes_from=("data",), links=("db:db",))
    assert refusal("dependency", wanted, node("n", _DATA)) == "container db is not on this node"
    assert refusal("dependency", wanted, node("n", _DATA, container("db"))) is None


def test_a_name_anywhere_goes_before_a_prefix() -> None:
    named = node("node-2", container("abc", id="f" * 64))
    wanted = request(volumes_from=("abc",))
    assert refusal("dependency", wanted, node("node-1", _DATA), (named,)) is not None
    assert refusal("dependency", wanted, named, (node("node-1", _DATA),)) is None


def test_an_ambiguous_prefix_is_not_found() -> None:
    twins = node("n", _DATA, container("other", id="abc" + "3" * 61))
    assert refusal("dependency", request(volumes_from=("abc",)), twins) is not None


_WEB = container("web", id="a1" * 32)


@pytest.mark.parametrize(
    ("affinity", "accepted"),
    [
        pytest.param("container==web", True, id="name"),
        pytest.param("container==w*", True, id="glob"),
        pytest.param("container==/^we.$/", True, id="regex"),
        pytest.param(f"container=={_WEB.id}", True, id="id"),
        pytest.param(f"container=={_WEB.id[:12]}", True, id="short-id"),
        pytest.param("container==a1a1", False, id="id-prefix"),
        pytest.param("container==db", False, id="absent"),
        pytest.param("container!=db", True, id="not-absent"),
        pytest.param("container!=web", False, id="not-present"),
        pytest.param("image==redis", True, id="image-repo"),
        pytest.param("image==redis:7.2", True, id="image-tag"),
        pytest.param("image==sha256:77", True, id="image-id"),
        pytest.param("image==redis:7*", True, id="image-glob"),
        pytest.param("image==redis:7", False, id="image-other-tag"),
        pytest.param("image!=redis", False, id="image-not-present"),
        pytest.param("tier==front", True, id="label"),
        pytest.param("tier!=front", False, id="label-not"),
        pytest.param("tier==back", False, id="label-other"),
        pytest.param("com.example.app==shop", True, id="label-with-dots"),
        pytest.param("absent!=*", True, id="label-that-nobody-has"),
        pytest.param("absent==*", False, id="label-wanted-that-nobody-has"),
    ],
)
def test_affinity_is_about_containers_and_images_on_the_node(affinity: str, accepted: bool) -> None:
    subject = node(
        "node-1",
        _WEB,
        labels_of({"tier": "front", "com.example.app": "shop"}),
        images=frozenset({"sha256:77", "redis", "redis:7.2"}),
    )
    reason = refusal("affinity", request(affinities=(affinity,)), subject)
    assert (reason is None) is accepted


def test_affinity_sees_pending_containers() -> None:
    pending = container("web", id="", is_running=False, is_pending=True)
    assert refusal("affinity", request(affinities=("container==web",)), node("n", pending)) is None


def test_on_an_empty_node_only_distance_holds() -> None:
    assert refusal("affinity", request(affinities=("container==*",)), node()) is not None
    assert refusal("affinity", request(affinities=("container!=*",)), node()) is None


@pytest.mark.parametrize(
    ("constraint", "accepted"),
    [
        pytest.param("disk==ssd", True, id="equal"),
        pytest.param("disk==hdd", False, id="other"),
        pytest.param("disk!=hdd", True, id="not-other"),
        pytest.param("disk!=ssd", False, id="not-equal"),
        pytest.param("disk==s*", True, id="glob"),
        pytest.param("disk==*", True, id="star"),
        pytest.param("disk==/s+d/", True, id="regex"),
        pytest.param("disk==/^(?i)SSD$/", True, id="regex-flag"),
        pytest.param("Disk==ssd", False, id="key-is-case-sensitive"),
        pytest.param("zone!=east", True, id="missing-label-is-not-equal"),
        pytest.param("zone==east", False, id="missing-label"),
        pytest.param("zone==*", True, id="missing-label-matches-star"),
        pytest.param("zone==/^$/", True, id="missing-label-is-empty-text"),
        pytest.param("node==node-1", True, id="node-name"),
        pytest.param("node==node-?", False, id="question-mark-as-in-a-regex"),
        pytest.param("node==node*", True, id="node-glob"),
        pytest.param("node==ID:node-1", True, id="node-id"),
        pytest.param("node!=node-1", False, id="not-this-node"),
        pytest.param("node!=node-2", True, id="not-another-node"),
    ],
)
def test_constraint_is_about_the_node(constraint: str, accepted: bool) -> None:
    reason = refusal("constraint", request(constraint), labelled("node-1", disk="ssd"))
    assert (reason is None) is accepted


def test_every_constraint_must_hold() -> None:
    subject = labelled(disk="ssd", zone="east")
    assert refusal("constraint", request("disk==ssd", "zone==east"), subject) is None
    assert refusal("constraint", request("disk==ssd", "zone==west"), subject) is not None


def test_an_engine_id_with_its_address_names_one_node() -> None:
    # The bar would be a choice in a pattern, and cloned machines share what stands before it.
    subject = node("n", id="ABCD:EFGH|10.0.0.5:2375")
    clone = node("m", id="ABCD:EFGH|10.0.0.6:2375")
    pinned, kept_away = request(f"node=={subject.id}"), request(f"node!={subject.id}")
    assert refusal("constraint", pinned, subject, (clone,)) is None
    assert refusal("constraint", pinned, clone, (subject,)) is not None
    assert refusal("constraint", kept_away, subject, (clone,)) is not None
    assert refusal("constraint", kept_away, clone, (subject,)) is None


@pytest.mark.parametrize(
    ("constraint", "reason"),
    [
        ("disk==ssd", "label disk is hdd, not ssd"),
        ("disk!=hdd", "label disk is hdd, which != hdd excludes"),
        ("zone==east", "label zone is not set, == east is asked for"),
        ("node==node-9", "the node is not node-9"),
        ("node!=node-1", "the node is node-1"),
    ],
)
def test_constraint_says_what_is_there_and_what_is_wanted(constraint: str, reason: str) -> None:
    assert refusal("constraint", request(constraint), labelled("node-1", disk="hdd")) == reason


@pytest.mark.parametrize(
    ("whitelist", "accepted"),
    [
        pytest.param("node==node-1", True, id="one"),
        pytest.param("node==node-2|node-1", True, id="several"),
        pytest.param("any-key==node-1", True, id="any-key"),
        pytest.param("node==node-2", False, id="other"),
        pytest.param("node==node-*", False, id="no-globs"),
        pytest.param("node==node-10|node-11", False, id="no-prefixes"),
    ],
)
def test_whitelist_names_the_allowed_nodes(whitelist: str, accepted: bool) -> None:
    reason = refusal("whitelist", request(whitelists=(whitelist,)), node("node-1"))
    assert (reason is None) is accepted


@pytest.mark.parametrize("name", ["port", "dependency", "affinity", "constraint", "whitelist"])
def test_a_filter_that_is_asked_nothing_is_skipped(name: str) -> None:
    assert FILTERS[name].check_for(request(), ()) is None
    assert FILTERS[name].conditions_of(request()) == []
