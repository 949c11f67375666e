"""Volumes: homes, names, the list, holds, groups, and the names in a create's body."""

from __future__ import annotations

from typing import Any

import pytest

from master.cluster.groups import group_of, nearest_first, waiting_first
from master.cluster.model import Container, Engine, Health
from master.cluster.placing.body import read_creation
from master.cluster.placing.mounts import named_volumes, strip_volumes
from master.cluster.rows import volume_from_row
from master.cluster.state import ClusterState
from master.cluster.volumes.desk import SETTLED_LIMIT_S, VolumeDesk
from master.cluster.volumes.listing import (
    VolumeQuery,
    find_volume,
    find_volume_to_change,
    shown_name,
    volume_rows,
)
from master.errors import BadRequestError, ConflictError, NotFoundError
from scheduler.types import Node, Request

A, B, C = "10.0.0.1:2375", "10.0.0.2:2375", "10.0.0.3:2375"


def cluster(**volumes: list[dict[str, Any]]) -> ClusterState:
    """Three engines, a, b and c, with these volumes."""
    state = ClusterState()
    for address, name in ((A, "a"), (B, "b"), (C, "c")):
        state.put_engine(
            Engine(address=address, id=f"ID|{address}", name=name, health=Health.HEALTHY)
        )
        rows = volumes.get(name, [])
        state.replace_volumes(address, [volume_from_row(address, row) for row in rows])
    return state


def row(name: str, **fields: Any) -> dict[str, Any]:
    return {"Name": name, "Driver": "local", "Scope": "local", "Labels": None, **fields}


def mounting(address: str, *volumes: str, state: str = "exited") -> Container:
    mounts = [{"Type": "volume", "Name": name} for name in volumes]
    mounts.append({"Type": "bind", "Source": "/etc"})
    return Container(
        id=f"{address}{volumes}",
        name="x",
        engine=address,
        image="",
        image_id="",
        created=0,
        state=state,
        labels={},
        row={"Mounts": mounts},
    )


def names(state: ClusterState, **filters: tuple[str, ...]) -> list[str]:
    return [row["Name"] for row in volume_rows(state, VolumeQuery(filters))]


# Names


def test_a_unique_name_comes_back_as_it_was_created() -> None:
    state = cluster(a=[row("data")], b=[row("other")])
    assert names(state) == ["data", "other"]
    assert find_volume(state, "data")[0].engine == A
    assert find_volume(state, "a/data")[0].engine == A
    with pytest.raises(NotFoundError, match=r"^get b/data: no such volume$"):
        find_volume(state, "b/data")


def test_a_name_of_several_homes_needs_the_node() -> None:
    state = cluster(a=[row("data")], b=[row("data")])
    assert names(state) == ["a/data", "b/data"]
    with pytest.raises(NotFoundError, match="Say which one you mean: a/data, b/data"):
        find_volume(state, "data")
    with pytest.raises(ConflictError, match="a/data, b/data"):
        find_volume_to_change(state, "data")
    assert find_volume_to_change(state, "b/data")[0].engine == B
    state.replace_volumes(B, [])
    assert names(state) == ["data"]


def test_a_global_volume_is_one_thing() -> None:
    state = cluster(a=[row("nfs", Scope="global")], b=[row("nfs", Scope="global")])
    assert names(state) == ["nfs"]
    assert [volume.engine for volume in find_volume_to_change(state, "nfs")] == [A, B]
    assert VolumeDesk(state).homes("nfs") == frozenset()


def test_names_follow_engines_that_come_go_and_are_renamed() -> None:
    state = cluster(a=[row("data")], b=[row("data")])
    state.put_engine(Engine(address=B, id=f"ID|{B}", name="bee", health=Health.HEALTHY))
    assert names(state) == ["a/data", "bee/data"]
    state.remove_engine(A)
    assert names(state) == ["data"]
    assert not state.replace_volumes(A, [volume_from_row(A, row("late"))])
    assert names(state) == ["data"]


def test_the_same_volumes_change_nothing() -> None:
    state = cluster(a=[row("data")])
    version = state.volumes_version
    assert not state.replace_volumes(A, [volume_from_row(A, row("data"))])
    assert state.volumes_version == version
    assert state.replace_volumes(A, [volume_from_row(A, row("data", Mountpoint="/new"))])
    assert state.volumes_version > version


# The list


def test_filters_of_the_list() -> None:
    state = cluster(
        a=[row("db-1", Labels={"tier": "db"}), row("web")], b=[row("db-2", Driver="nfs")]
    )
    state.put_container(mounting(A, "web"))
    assert names(state, dangling=("true",)) == ["db-1", "db-2"]
    assert names(state, dangling=("false",)) == ["web"]
    assert names(state, driver=("nfs",)) == ["db-2"]
    assert names(state, label=("tier=db",)) == ["db-1"]
    assert names(state, name=("^db",)) == ["db-1", "db-2"]
    assert names(state, node=("b",)) == ["db-2"]
    assert names(state, node=("nobody",)) == []


def test_a_volume_is_in_use_on_its_own_engine_only() -> None:
    state = cluster(a=[row("data")], b=[row("data")])
    state.put_container(mounting(A, "data"))
    assert names(state, dangling=("true",)) == ["b/data"]


@pytest.mark.parametrize("filters", ['{"x":["y"]}', '{"dangling":["perhaps"]}', "[", '["a"]'])
def test_wrong_filters_are_refused(filters: str) -> None:
    with pytest.raises(BadRequestError, match="invalid filter"):
        VolumeQuery.parse({"filters": filters})


def test_unknown_fields_of_a_row_survive() -> None:
    state = cluster(a=[row("data", New={"x": 1})])
    assert volume_rows(state, VolumeQuery())[0]["New"] == {"x": 1}


# Holds


def test_a_hold_is_a_home_until_the_state_shows_the_volume() -> None:
    now = 0.0
    state = cluster()
    desk = VolumeDesk(state, clock=lambda: now)
    with desk.held(["new"], A) as hold:
        assert desk.homes("new") == {A}
        hold.is_made = True
    assert desk.homes("new") == {A}
    state.replace_volumes(A, [volume_from_row(A, row("new"))])
    assert desk.homes("new") == {A}
    assert len(desk) == 0
    state.replace_volumes(A, [])
    assert desk.homes("new") == frozenset()


def test_a_create_that_failed_holds_nothing() -> None:
    desk = VolumeDesk(cluster())
    with pytest.raises(ValueError, match="no"), desk.held(["new"], A):
        raise ValueError("no")
    assert desk.homes("new") == frozenset()
    assert len(desk) == 0


def test_two_holds_of_one_name_end_separately() -> None:
    desk = VolumeDesk(cluster())
    with desk.held(["new"], A):
        with desk.held(["new"], A):
            pass
        assert desk.homes("new") == {A}
    assert desk.homes("new") == frozenset()


def test_a_hold_that_never_shows_ends_by_itself_or_by_removal() -> None:
    now = 0.0
    desk = VolumeDesk(cluster(), clock=lambda: now)
    for name in ("one", "two"):
        with desk.held([name], A) as hold:
            hold.is_made = True
    desk.gone("one", A)
    assert desk.homes("one") == frozenset()
    assert desk.homes("two") == {A}
    now = SETTLED_LIMIT_S + 1
    assert desk.homes("two") == frozenset()


def test_the_filter_sends_a_container_to_its_data_and_says_why() -> None:
    state = cluster(a=[row("data"), row("both")], b=[row("both")])
    rule = VolumeDesk(state).filter(["data", "both", "new"])
    check = rule.check_for(Request(), [])
    assert check is not None
    assert check(Node(id="a", name="a", addr=A)) is None
    assert check(Node(id="b", name="b", addr=B)) == "volume data is on a"
    assert check(Node(id="c", name="c", addr=C)) == "volume both is on a, b"
    assert rule.conditions_of(Request()) == ["--volume=both", "--volume=data"]


def test_new_volumes_ask_for_nothing() -> None:
    assert VolumeDesk(cluster()).filter(["new"]).check_for(Request(), []) is None


# A create's body


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ({"Binds": ["data:/d", "data2:/e:ro", "/host:/f", "/anonymous", "x:/short"]}, "data data2"),
        ({"Mounts": [{"Type": "volume", "Source": "data", "Target": "/d"}]}, "data"),
        ({"Mounts": [{"Type": "volume", "Target": "/d"}, {"Type": "tmpfs", "Source": "no"}]}, ""),
        ({"Mounts": [{"Type": "bind", "Source": "/data"}]}, ""),
        ({"Binds": None, "Mounts": None}, ""),
        ({}, ""),
    ],
)
def test_named_volumes(host: dict[str, Any], found: str) -> None:
    assert named_volumes({"Image": "x", "HostConfig": host}) == set(found.split())


def test_a_nodes_name_is_taken_off() -> None:
    state = cluster()
    mount = {"Type": "volume", "Source": "b/data", "Target": "/d", "New": 1}
    body = {"Image": "x", "hostconfig": {"binds": ["b/data2:/d:ro", "zz/no:/e"], "mounts": [mount]}}
    creation = read_creation(body, name="", swarm_id="0" * 64, find_node=state.engine_by_name)
    assert creation.node is not None
    assert creation.node.address == B
    host = creation.body["HostConfig"]
    assert host["Binds"] == ["data2:/d:ro", "zz/no:/e"]
    assert host["Mounts"] == [{**mount, "Source": "data"}]
    assert mount["Source"] == "b/data"


def test_volumes_of_two_nodes_are_a_contradiction() -> None:
    state = cluster()
    body = {"Image": "x", "HostConfig": {"Binds": ["a/data:/d", "b/data:/e"]}}
    with pytest.raises(BadRequestError, match="belong to different nodes: a, b"):
        read_creation(body, name="", swarm_id="0" * 64, find_node=state.engine_by_name)


@pytest.mark.parametrize("mounts", [{}, "x", [1], [{"Type": 1}], [{"Source": []}]])
def test_mounts_of_a_wrong_type_are_told_as_docker_does(mounts: Any) -> None:
    body = {"Image": "x", "HostConfig": {"Mounts": mounts}}
    with pytest.raises(BadRequestError, match="cannot unmarshal"):
        read_creation(body, name="", swarm_id="0" * 64, find_node=lambda _: None)


def test_stripping_leaves_a_body_without_host_alone() -> None:
    assert strip_volumes({"Image": "x"}, lambda _: None) == []


# Groups


def test_the_first_label_names_the_group() -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.swarm.group": "mine"}
    assert group_of(labels) == ("com.docker.swarm.group", "mine")
    assert group_of({"com.docker.compose.project": ""}) is None


def test_a_group_gathers_at_its_volumes_then_at_its_containers() -> None:
    label = {"com.docker.compose.project": "shop"}
    state = cluster(c=[row("shop_data", Labels=label)])
    nodes = [Node(id=name, name=name, addr=at) for name, at in (("a", A), ("b", B), ("c", C))]
    group = group_of(label)
    ordered = nearest_first(state, nodes, group, with_containers=True)
    assert [node.name for node in ordered] == ["c", "a", "b"]
    assert nearest_first(state, nodes, None, with_containers=True) == nodes


def test_volumes_wait_together_for_their_first_container() -> None:
    made = "2026-01-01T00:00:00Z"
    now = 1767225600.0
    state = cluster(b=[row("first", CreatedAt=made)])
    nodes = [Node(id=name, name=name, addr=at) for name, at in (("a", A), ("b", B))]
    assert waiting_first(state, nodes, now + 60)[0].name == "b"
    assert waiting_first(state, nodes, now + 601)[0].name == "a"
    state.put_container(mounting(B, "first"))
    assert waiting_first(state, nodes, now + 60)[0].name == "a"


def test_shown_name_of_a_volume_on_an_engine_without_a_name() -> None:
    state = ClusterState()
    for address in (A, B):
        state.put_engine(Engine(address=address))
        state.replace_volumes(address, [volume_from_row(address, row("data"))])
    assert shown_name(state, state.volumes()[0]) == f"{A}/data"
