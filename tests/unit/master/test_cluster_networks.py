"""Networks of the cluster: which bridges are one, how they are found, shown and named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster.model import ContainerConfig, Engine, Health
from master.cluster.networks.edits import (
    network_ids_in,
    networks_joined,
    with_cluster_ids,
    with_cluster_network,
    with_local_networks,
)
from master.cluster.networks.index import (
    ID_LABEL,
    SPEC_LABEL,
    SPREAD_LABEL,
    NetworkIds,
    NetworkIndex,
    network_from_row,
    predefined_id,
)
from master.cluster.networks.listing import (
    belongs,
    family,
    find_network,
    list_networks,
    merged_inspect,
    read_filters,
)
from master.cluster.placing.body import read_creation
from master.cluster.rows import container_from_row
from master.cluster.state import ClusterState
from master.errors import BadRequestError, NotFoundError

A, B, C = "10.0.0.1:2375", "10.0.0.2:2375", "10.0.0.3:2375"
NAMES = {A: "node-1", B: "node-2", C: "node-3"}
CLUSTER_ID = "c1" * 32


def row(network_id: str, name: str, **fields: Any) -> dict[str, Any]:
    defaults = {"Driver": "bridge", "Scope": "local", "Labels": {}, "Created": "2026-01-01"}
    return {"Id": network_id * 32, "Name": name, "Containers": {}, **defaults, **fields}


def mirror(network_id: str, name: str = "web", **fields: Any) -> dict[str, Any]:
    labels = {ID_LABEL: CLUSTER_ID, SPEC_LABEL: json.dumps({"Name": name})}
    labels |= fields.pop("Labels", {})
    return row(network_id, name, Labels=labels, **fields)


def put(state: ClusterState, address: str, *rows: dict[str, Any]) -> None:
    state.replace_networks(address, [network_from_row(address, one) for one in rows])


def joined(state: ClusterState, address: str, name: str, **networks: str) -> None:
    ends = {key: {"NetworkID": value} for key, value in networks.items()}
    body = {
        "Id": f"{name}-id",
        "Names": [f"/{name}"],
        "State": "running",
        "NetworkSettings": {"Networks": ends},
    }
    shown = with_cluster_ids(body, state.network_ids)
    state.put_container(container_from_row(address, shown, ContainerConfig()))


@pytest.fixture
def state() -> ClusterState:
    state = ClusterState()
    for address, name in NAMES.items():
        state.put_engine(
            Engine(address=address, id=f"{name}|{address}", name=name, health=Health.HEALTHY)
        )
    put(state, A, row("a0", "bridge"), mirror("a1", Created="2026-01-02"))
    put(state, B, row("b0", "bridge"), mirror("b1", Created="2026-01-01"), row("b2", "own"))
    put(state, C, row("d0", "bridge"), row("d2", "own"))
    return state


def names(state: ClusterState, **filters: list[str]) -> list[str]:
    found = list_networks(state, read_filters(json.dumps(filters)))
    return [one["Name"] for one in found]


def test_bridges_of_one_network_are_listed_once_under_its_id(state: ClusterState) -> None:
    rows = {one["Name"]: one for one in list_networks(state, {})}
    assert list(rows) == ["bridge", "node-2/own", "node-3/own", "web"]
    assert rows["web"]["Id"] == CLUSTER_ID
    assert rows["web"]["Created"] == "2026-01-01", "the eldest bridge is the one that is shown"
    assert rows["web"]["Labels"] == {}
    assert rows["bridge"]["Id"] == predefined_id("bridge")


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        pytest.param("web", CLUSTER_ID, id="name"),
        pytest.param(CLUSTER_ID, CLUSTER_ID, id="id"),
        pytest.param(CLUSTER_ID[:5], CLUSTER_ID, id="prefix"),
        pytest.param("a1" * 32, CLUSTER_ID, id="an-engines-id"),
        pytest.param("node-1/web", "a1" * 32, id="node-and-name"),
        pytest.param("node-3/bridge", "d0" * 32, id="node-and-bridge"),
        pytest.param("node-3/own", "d2" * 32, id="one-of-two"),
        pytest.param("b2b2", "b2" * 32, id="an-engines-prefix"),
    ],
)
def test_a_reference_finds(state: ClusterState, reference: str, found: str) -> None:
    assert find_network(state, reference).id == found


@pytest.mark.parametrize("reference", ["nope", "node-3/web", "nowhere/web", "node-1/", "/", ""])
def test_an_unknown_reference_is_not_found(state: ClusterState, reference: str) -> None:
    with pytest.raises(NotFoundError, match=r"network .*not found"):
        find_network(state, reference)


def test_a_name_of_two_networks_is_ambiguous(state: ClusterState) -> None:
    with pytest.raises(BadRequestError, match="2 matches found based on name"):
        find_network(state, "own")
    put(state, A, row("d3", "x1"))
    with pytest.raises(BadRequestError, match="matches found based on ID prefix"):
        find_network(state, "d")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({"name": ["^we"]}, ["web"], id="pattern"),
        pytest.param({"name": ["node-2/"]}, ["node-2/own"], id="shown-name"),
        pytest.param({"id": ["c1c1"]}, ["web"], id="id"),
        pytest.param({"id": ["a1a1"]}, ["web"], id="an-engines-id"),
        pytest.param({"type": ["builtin"]}, ["bridge"], id="builtin"),
        pytest.param({"node": ["node-1"]}, ["bridge", "web"], id="node"),
        pytest.param({"driver": ["host"]}, [], id="driver"),
        pytest.param({"dangling": ["1"]}, ["node-2/own", "node-3/own"], id="dangling"),
        pytest.param({"dangling": ["0"]}, ["bridge", "web"], id="used"),
        pytest.param({"label": [ID_LABEL]}, [], id="our-labels-do-not-count"),
    ],
)
def test_filters(state: ClusterState, filters: dict[str, list[str]], expected: list[str]) -> None:
    joined(state, A, "one", web="a1" * 32)
    assert names(state, **filters) == expected


@pytest.mark.parametrize("filters", ['{"x":["y"]}', '{"type":["x"]}', '{"dangling":["x"]}', "["])
def test_bad_filters_are_refused(filters: str) -> None:
    with pytest.raises(BadRequestError):
        read_filters(filters)


def test_rows_and_inspects_get_the_clusters_ids(state: ClusterState) -> None:
    body = {
        "NetworkSettings": {
            "Ports": {},
            "Networks": {
                "web": {"NetworkID": "a1" * 32, "IPAddress": "10.1.0.2"},
                "bridge": {"NetworkID": "a0" * 32},
                "odd": None,
                "new": {"NetworkID": ""},
            },
        },
        "HostConfig": {"NetworkMode": "a1" * 32, "Binds": None},
        "New": 1,
    }
    before = json.dumps(body)
    shown = with_cluster_ids(body, state.network_ids)
    assert json.dumps(body) == before
    assert shown["NetworkSettings"]["Networks"] == {
        "web": {"NetworkID": CLUSTER_ID, "IPAddress": "10.1.0.2"},
        "bridge": {"NetworkID": predefined_id("bridge")},
        "odd": None,
        "new": {"NetworkID": ""},
    }
    assert shown["HostConfig"] == {"NetworkMode": CLUSTER_ID, "Binds": None}
    assert shown["New"] == 1
    assert network_ids_in([body]) == {"a1" * 32, "a0" * 32}


@given(st.recursive(st.none() | st.text(max_size=4) | st.integers(), lambda s: st.dictionaries(
    st.sampled_from(["NetworkSettings", "Networks", "HostConfig", "NetworkMode", "NetworkID", "x"]),
    s, max_size=4), max_leaves=12))  # fmt: skip
def test_strange_bodies_come_through_as_they_are(body: object) -> None:
    if isinstance(body, dict):
        assert with_cluster_ids(body, NetworkIds()) == body
        network_ids_in([body])


def test_an_id_is_known_for_a_while_after_its_network(state: ClusterState) -> None:
    state.remove_network(A, "a1" * 32)
    assert state.network_ids.get("a1" * 32) == CLUSTER_ID
    assert state.networks_on(A).keys() == {"a0" * 32}
    state.remove_engine(B)
    assert state.network_ids.get("b1" * 32) == CLUSTER_ID
    assert names(state, type=["custom"]) == ["own"]


def test_an_event_may_be_ahead_of_the_answer() -> None:
    ids = NetworkIds()
    message = {
        "Type": "network",
        "Action": "create",
        "Actor": {"ID": "e" * 64, "Attributes": {"name": "web"}},
    }
    assert with_cluster_network(message, A, ids) == message
    ids.expect(A, "web", CLUSTER_ID)
    assert with_cluster_network(message, A, ids)["Actor"]["ID"] == CLUSTER_ID
    assert with_cluster_network(message, B, ids)["Actor"]["ID"] == "e" * 64
    ids.unexpect(A, "web")
    assert with_cluster_network(message, A, ids) == message
    other = {**message, "Type": "container"}
    assert with_cluster_network(other, A, ids) is other


def test_inspect_merges_containers_with_their_nodes(state: ClusterState) -> None:
    group = find_network(state, "web")
    engines = state.engines()
    parts = [
        (engines[A], {**mirror("a1"), "Containers": {"x": {"Name": "one"}}, "New": "a"}),
        (engines[B], {**mirror("b1"), "Containers": {"y": {"Name": "two"}}, "New": "b"}),
    ]
    merged = merged_inspect(group, parts)
    assert (merged["Id"], merged["Labels"], merged["New"]) == (CLUSTER_ID, {}, "b")
    assert merged["Containers"] == {
        "x": {"Name": "one", "Node": "node-1"},
        "y": {"Name": "two", "Node": "node-2"},
    }
    assert merged_inspect(group, parts[:1])["New"] == "a", "what answered is what is shown"


def test_members_are_told_by_id_and_before_the_first_start_by_name(state: ClusterState) -> None:
    group = find_network(state, "web")
    joined(state, A, "by-id", other="a1" * 32)
    joined(state, A, "by-name", web="")
    joined(state, C, "elsewhere", web="")
    joined(state, B, "not", own="b2" * 32)
    members = {c.name for c in state.containers() if belongs(c, group)}
    assert members == {"by-id", "by-name"}


def test_a_projects_networks_are_a_family_unless_they_spread(state: ClusterState) -> None:
    project = {"com.docker.compose.project": "shop"}
    put(
        state,
        A,
        mirror("a1", Labels=project),
        mirror("a2", "back", Labels={**project, ID_LABEL: "c2" * 32}),
        mirror("a3", "wide", Labels={**project, ID_LABEL: "c3" * 32, SPREAD_LABEL: "true"}),
        mirror("a4", "other", Labels={ID_LABEL: "c4" * 32}),
    )
    put(state, B)
    assert [one.name for one in family(state, find_network(state, "web"))] == ["web", "back"]
    assert [one.name for one in family(state, find_network(state, "other"))] == ["other"]
    assert find_network(state, "wide").is_spread


def test_a_label_that_is_no_id_makes_no_mirror() -> None:
    for label in ("", "x", "C" * 64, "c" * 63):
        network = network_from_row(A, row("a1", "web", Labels={ID_LABEL: label}))
        assert (network.cluster_id, network.is_mirror) == ("a1" * 32, False)
    for strange in ({}, {"Id": 5, "Name": None, "Labels": [1]}):
        assert network_from_row(A, strange).cluster_id == ""


def _create(**body: Any) -> dict[str, Any]:
    return read_creation(
        {"Image": "busybox", **body}, name="", swarm_id="f" * 64, find_node=lambda _: None
    ).body


def test_networks_of_a_create_are_found_and_rewritten() -> None:
    body = _create(
        HostConfig={"NetworkMode": "web", "Memory": 5},
        NetworkingConfig={
            "EndpointsConfig": {
                "web": {"Aliases": ["db"]},
                CLUSTER_ID: {"NetworkID": CLUSTER_ID},
                "bridge": None,
            }
        },
    )
    assert networks_joined(body) == ["web", CLUSTER_ID]
    local = with_local_networks(body, lambda text: "a1" * 32 if text == CLUSTER_ID else text)
    assert local["HostConfig"]["NetworkMode"] == "web"
    assert local["HostConfig"]["Memory"] == 5
    assert local["NetworkingConfig"]["EndpointsConfig"] == {
        "web": {"Aliases": ["db"]},
        "a1" * 32: {"NetworkID": "a1" * 32},
        "bridge": None,
    }


@pytest.mark.parametrize("mode", ["", "default", "bridge", "host", "none", "container:web"])
def test_modes_of_dockers_own_are_no_networks(mode: str) -> None:
    assert networks_joined(_create(HostConfig={"NetworkMode": mode})) == []


def test_versions_tell_a_change_from_none(state: ClusterState) -> None:
    before = state.networks_version
    put(state, C, row("d0", "bridge"), row("d2", "own"))
    assert state.networks_version == before
    put(state, C, row("d0", "bridge"), row("d2", "own", Labels={"new": "1"}))
    assert state.networks_version > before
    put(state, "nowhere:1", row("e0", "x1"))
    assert len(NetworkIndex(state.networks()).all()) == 4
