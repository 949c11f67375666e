"""Create bodies: `master.cluster.placing.body`, `body_types` and `wanted`."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster.model import SWARM_ID_LABEL, Engine
from master.cluster.placing.body import (
    Creation,
    read_creation,
    split_name,
    with_references,
    with_scaled_shares,
)
from master.cluster.placing.cores import CORES_LABEL
from master.cluster.placing.wanted import request_from_body
from master.errors import BadRequestError
from scheduler.errors import BadExpressionError
from scheduler.types import PortClaim, Request

NODES = {
    name: Engine(f"{name}:2375", id=f"ID|{name}", name=name)
    for name in ("dockerhost01", "dockerhost02")
}
FIND: Callable[[str], Engine | None] = NODES.get


def read(body: object, name: str = "", **options: Any) -> Creation:
    return read_creation(body, name=name, swarm_id="f" * 64, find_node=FIND, **options)


def wanted(body: dict[str, Any], **options: Any) -> Request:
    return request_from_body(read({"Image": "busybox", **body}).body, **options)


def directives(creation: Creation, kind: str) -> list[str]:
    texts: list[str] = json.loads(creation.body["Labels"][f"com.docker.swarm.{kind}"])
    return texts


# What is kept, what is added


def test_unknown_fields_survive_and_the_argument_stays() -> None:
    body = {
        "Image": "busybox",
        "Cmd": ["true"],
        "FutureField": {"a": [1, None]},
        "HostConfig": {"Memory": 5, "FutureHost": [{"b": 1}]},
        "NetworkingConfig": {"EndpointsConfig": {"net": {"Aliases": ["x"]}}, "FutureNet": 3},
    }
    before = copy.deepcopy(body)
    after = read(body).body
    assert body == before
    assert after == {**body, "Labels": {SWARM_ID_LABEL: "f" * 64}}


def test_the_swarm_id_is_ours_even_if_the_client_copied_one() -> None:
    after = read({"Image": "x", "Labels": {SWARM_ID_LABEL: "old", "a": "b"}}).body
    assert after["Labels"] == {SWARM_ID_LABEL: "f" * 64, "a": "b"}


def test_directives_move_from_the_environment_into_labels() -> None:
    creation = read(
        {
            "Image": "x",
            "Env": ["A=1", "constraint:disk==ssd", "affinity:container!=web", "B=constraint:x"],
            "Labels": {"com.docker.swarm.constraints": '["zone==eu"]'},
        }
    )
    assert creation.body["Env"] == ["A=1", "B=constraint:x"]
    assert directives(creation, "constraints") == ["zone==eu", "disk==ssd"]
    assert directives(creation, "affinities") == ["container!=web"]
    request = request_from_body(creation.body)
    assert [str(e) for e in request.constraints] == ["zone==eu", "disk==ssd"]
    assert [str(e) for e in request.affinities] == ["container!=web"]


def test_field_names_are_matched_without_regard_to_case() -> None:
    request = wanted({"env": ["constraint:a_==b"], "hostconfig": {"memory": 7, "NANOCPUS": 10**9}})
    assert (request.memory, request.cpus) == (7, 1.0)
    assert [str(e) for e in request.constraints] == ["a_==b"]


def test_nulls_are_dockers_empty_values() -> None:
    creation = read({"Image": "x", "Env": None, "Labels": {"a": None}, "HostConfig": None})
    assert creation.body["Env"] == []
    assert creation.body["Labels"]["a"] == ""


# Wrong types


WRONG = "invalid JSON: json: cannot unmarshal "


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(None, "config cannot be empty in order to create a container", id="null-body"),
        pytest.param({}, "config cannot be empty in order to create a container", id="empty-body"),
        pytest.param(
            {"HostConfig": {}},
            "config cannot be empty in order to create a container",
            id="no-config-in-it",
        ),
        pytest.param([], f"{WRONG}array into Go value of type container.CreateRequest", id="array"),
        pytest.param(
            {"Image": 3},
            f"{WRONG}number 3 into Go struct field CreateRequest.Image of type string",
            id="image-number",
        ),
        pytest.param(
            {"Image": "x", "Env": "A=1"},
            f"{WRONG}string into Go struct field CreateRequest.Env of type []string",
            id="env-text",
        ),
        pytest.param(
            {"Image": "x", "Env": [{}]},
            f"{WRONG}object into Go struct field CreateRequest.Env of type string",
            id="env-object",
        ),
        pytest.param(
            {"Image": "x", "Labels": ["a=b"]},
            f"{WRONG}array into Go struct field CreateRequest.Labels of type map[string]string",
            id="labels-array",
        ),
        pytest.param(
            {"Image": "x", "Labels": {"a": True}},
            f"{WRONG}bool into Go struct field CreateRequest.Labels of type string",
            id="label-bool",
        ),
        pytest.param(
            {"Image": "x", "HostConfig": []},
            f"{WRONG}array into Go struct field CreateRequest.HostConfig of type HostConfig",
            id="host-config-array",
        ),
        pytest.param(
            {"Image": "x", "HostConfig": {"Memory": "1g"}},
            f"{WRONG}string into Go struct field CreateRequest.HostConfig.Memory of type int64",
            id="memory-text",
        ),
        pytest.param(
            {"Image": "x", "HostConfig": {"NanoCpus": 0.5}},
            f"{WRONG}number 0.5 into Go struct field CreateRequest.HostConfig.NanoCpus "
            "of type int64",
            id="cpus-fraction",
        ),
        pytest.param(
            {"Image": "x", "HostConfig": {"PortBindings": {"80/tcp": {}}}},
            f"{WRONG}object into Go struct field CreateRequest.HostConfig.PortBindings "
            "of type []nat.PortBinding",
            id="bindings-object",
        ),
        pytest.param(
            {"Image": "x", "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": 80}]}}},
            f"{WRONG}number 80 into Go struct field CreateRequest.HostConfig.PortBindings.HostPort "
            "of type string",
            id="host-port-number",
        ),
    ],
)
def test_wrong_types_get_dockers_answer(body: object, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        read(body)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "env",
    [
        pytest.param("constraint:zone=ssd", id="one-equals-sign"),
        pytest.param("constraint:z==a@b", id="bad-value"),
        pytest.param("affinity:==x", id="no-key"),
    ],
)
def test_a_bad_expression_is_told(env: str) -> None:
    with pytest.raises(BadExpressionError):
        wanted({"Env": [env]})


# Names and nodes


@pytest.mark.parametrize(
    ("typed", "name", "node"),
    [
        pytest.param("", "", None, id="none"),
        pytest.param("web", "web", None, id="plain"),
        pytest.param("/web", "web", None, id="slash"),
        pytest.param("a.b_c-1", "a.b_c-1", None, id="all-signs"),
        pytest.param("dockerhost01/web", "web", "dockerhost01", id="on-a-node"),
        pytest.param("/dockerhost01/web", "web", "dockerhost01", id="slash-on-a-node"),
    ],
)
def test_names(typed: str, name: str, node: str | None) -> None:
    bare, found = split_name(typed, FIND)
    assert (bare, found.name if found else None) == (name, node)


@pytest.mark.parametrize(
    "typed", ["a", "-web", "we b", "nope/web", "/", "//web", "dockerhost01/", "wéb", "web\n"]
)
def test_bad_names_get_dockers_answer(typed: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        split_name(typed, FIND)
    assert "Invalid container name (" in str(caught.value)
    assert str(caught.value).endswith("), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")


def test_a_very_long_bad_name_is_cut() -> None:
    with pytest.raises(BadRequestError) as caught:
        split_name("!" * 2**20, FIND)
    assert len(str(caught.value)) < 300


def test_a_name_with_a_node_pins_it() -> None:
    creation = read({"Image": "x"}, "dockerhost01/web")
    assert (creation.name, creation.is_node_name, creation.node) == (
        "web",
        True,
        NODES["dockerhost01"],
    )
    assert directives(creation, "constraints") == ["node==dockerhost01"]


def test_a_network_with_a_node_loses_it_and_pins_it() -> None:
    creation = read(
        {
            "Image": "x",
            "HostConfig": {"NetworkMode": "dockerhost02/net"},
            "NetworkingConfig": {"EndpointsConfig": {"dockerhost02/net": {"Aliases": ["a"]}}},
        },
        "web",
    )
    assert creation.body["HostConfig"]["NetworkMode"] == "net"
    assert creation.body["NetworkingConfig"]["EndpointsConfig"] == {"net": {"Aliases": ["a"]}}
    assert directives(creation, "constraints") == ["node==dockerhost02"]
    assert not creation.is_node_name


@pytest.mark.parametrize("mode", ["other/net", "container:dockerhost01/web", "net", "host"])
def test_other_network_modes_stay(mode: str) -> None:
    creation = read({"Image": "x", "HostConfig": {"NetworkMode": mode}})
    assert creation.body["HostConfig"]["NetworkMode"] == mode
    assert creation.node is None


def test_two_different_nodes_are_a_contradiction() -> None:
    body = {"Image": "x", "HostConfig": {"NetworkMode": "dockerhost02/net"}}
    with pytest.raises(BadRequestError, match="different nodes: dockerhost01, dockerhost02"):
        read(body, "dockerhost01/web")


def test_references_are_translated_for_the_engine() -> None:
    host = {
        "Links": ["dockerhost01/db:db", "plain:p"],
        "VolumesFrom": ["dockerhost01/data:ro", "dockerhost01/data"],
        "NetworkMode": "container:dockerhost01/web",
        "PidMode": "host",
    }
    body = {"Image": "x", "HostConfig": host}
    before = copy.deepcopy(body)
    after = with_references(body, lambda reference: reference.rpartition("/")[2])
    assert after["HostConfig"] == {
        "Links": ["db:db", "plain:p"],
        "VolumesFrom": ["data:ro", "data"],
        "NetworkMode": "container:web",
        "PidMode": "host",
    }
    assert body == before


# What is asked of the scheduler


@pytest.mark.parametrize(
    ("host", "memory", "cpus"),
    [
        pytest.param({}, 0, 0.0, id="nothing"),
        pytest.param({"Memory": 9, "MemoryReservation": 4}, 4, 0.0, id="reservation-first"),
        pytest.param({"Memory": 9}, 9, 0.0, id="limit"),
        pytest.param({"Memory": -1, "NanoCpus": -5}, 0, 0.0, id="unlimited"),
        pytest.param({"NanoCpus": 1_500_000_000}, 0, 1.5, id="nano-cpus"),
        pytest.param({"CpuQuota": 50_000}, 0, 0.5, id="quota-of-the-default-period"),
        pytest.param({"CpuQuota": 50_000, "CpuPeriod": 25_000}, 0, 2.0, id="quota"),
        pytest.param({"CpuShares": 2}, 0, 0.0, id="shares-are-no-cpus"),
    ],
)
def test_resources(host: dict[str, Any], memory: int, cpus: float) -> None:
    request = wanted({"HostConfig": host})
    assert (request.memory, request.cpus) == (memory, cpus)


def test_cpu_shares_can_be_cores() -> None:
    body = {"Image": "x", "HostConfig": {"CpuShares": 2}}
    creation = read(body, cpu_shares_are_cores=True)
    assert creation.body["Labels"][CORES_LABEL] == "2"
    assert request_from_body(creation.body).cpus == 2.0
    assert with_scaled_shares(creation.body, 3)["HostConfig"]["CpuShares"] == 683
    assert creation.body["HostConfig"]["CpuShares"] == 2


@pytest.mark.parametrize(
    ("bindings", "claims"),
    [
        pytest.param({"80/tcp": [{"HostPort": "8080"}]}, [PortClaim(8080)], id="one"),
        pytest.param(
            {"53/udp": [{"HostIp": "10.0.0.1", "HostPort": "53"}]},
            [PortClaim(53, "10.0.0.1", "udp")],
            id="address-and-protocol",
        ),
        pytest.param({"80": [{"HostPort": "80"}]}, [PortClaim(80)], id="no-protocol"),
        pytest.param({"80/tcp": [{"HostPort": ""}]}, [], id="engine-chooses"),
        pytest.param({"80/tcp": [{"HostPort": "0"}]}, [], id="zero"),
        pytest.param({"80/tcp": [{"HostPort": "8000-8010"}]}, [], id="any-of-a-range"),
        pytest.param({"80/tcp": [{"HostPort": "x"}], "a/b/c": None}, [], id="nonsense"),
        pytest.param({"80/tcp": [{"HostPort": "99999"}]}, [], id="no-port"),
        pytest.param(
            {"80/tcp": [{"HostPort": "1"}, {"HostPort": "2"}, {"HostPort": "1"}]},
            [PortClaim(1), PortClaim(2)],
            id="several-and-double",
        ),
    ],
)
def test_published_ports(bindings: dict[str, Any], claims: list[PortClaim]) -> None:
    request = wanted({"HostConfig": {"PortBindings": bindings}})
    assert list(request.ports) == claims


def test_in_the_hosts_network_the_exposed_ports_are_bound() -> None:
    request = wanted(
        {
            "ExposedPorts": {"80/tcp": {}, "8000-8001/udp": {}, "x": {}, "70000/tcp": {}},
            "HostConfig": {
                "NetworkMode": "host",
                "PortBindings": {"9/tcp": [{"HostPort": "9"}]},
            },
        }
    )
    assert request.ports == (
        PortClaim(80, is_host_mode=True),
        PortClaim(8000, protocol="udp", is_host_mode=True),
        PortClaim(8001, protocol="udp", is_host_mode=True),
    )


@pytest.mark.parametrize(
    ("mode", "links"),
    [
        pytest.param("", ("db:db",), id="unset"),
        pytest.param("default", ("db:db",), id="default"),
        pytest.param("bridge", ("db:db",), id="bridge"),
        pytest.param("mynet", (), id="own-network-where-links-are-aliases"),
    ],
)
def test_links_bind_to_a_node_only_on_the_default_network(
    mode: str, links: tuple[str, ...]
) -> None:
    assert wanted({"HostConfig": {"Links": ["db:db"], "NetworkMode": mode}}).links == links


def test_dependencies() -> None:
    request = wanted(
        {
            "HostConfig": {
                "VolumesFrom": ["data:ro"],
                "NetworkMode": "container:web",
                "PidMode": "container:dockerhost01/app",
                "IpcMode": "shareable",
            }
        }
    )
    assert request.volumes_from == ("data:ro",)
    assert request.network_container == "web"
    assert request.pid_container == "dockerhost01/app"
    assert request.ipc_container == ""
    assert wanted({"HostConfig": {"IpcMode": "container:abc"}}).ipc_container == "abc"


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("alpine", "alpine:latest"),
        ("docker.io/library/alpine:3", "alpine:3"),
        ("0123456789ab", "0123456789ab"),
        ("NO name", "NO name"),
    ],
)
def test_an_image_is_looked_for_by_its_whole_name(image: str, full: str) -> None:
    request = wanted({"Image": image})
    assert (request.image, request.full_image) == (image, full)


@pytest.mark.parametrize(
    ("platform", "expressions"),
    [
        pytest.param("", [], id="none"),
        pytest.param("linux", ["ostype==linux"], id="system"),
        pytest.param(
            "linux/arm64/v8",
            ["ostype==linux", "architecture==/^(arm64|aarch64)$/"],
            id="system-and-machine",
        ),
        pytest.param("riscv64", ["architecture==/^(riscv64)$/"], id="machine"),
        pytest.param("linux/a/b/c", [], id="too-long"),
        pytest.param("b@d", [], id="for-the-engine-to-refuse"),
    ],
)
def test_platform(platform: str, expressions: list[str]) -> None:
    request = wanted({}, platform=platform)
    assert [str(e) for e in request.constraints] == expressions
    assert all(e.is_soft is (e.key == "architecture") for e in request.constraints)


# Nothing strange gives a Python exception


TEXT = st.sampled_from(["", "a", "constraint:a1==b", "80/tcp", "8000-9000", "container:x", "é"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
HOST_KEYS = st.sampled_from(
    ["Memory", "NanoCpus", "CpuQuota", "PortBindings", "Links", "VolumesFrom", "NetworkMode"]
)
BODIES = st.dictionaries(
    st.sampled_from(["Image", "Env", "Labels", "ExposedPorts", "NetworkingConfig", "HostConfig"]),
    ANYTHING | st.dictionaries(HOST_KEYS, ANYTHING),
)


@given(BODIES | ANYTHING)
def test_any_json_is_either_read_or_refused_in_words(body: Any) -> None:
    # Any other exception than these two kinds, whose text is for the user, fails the test.
    with suppress(BadRequestError, BadExpressionError):
        creation = read(body, cpu_shares_are_cores=True)
        request_from_body(creation.body, "web", platform="linux/amd64")
        scaled = with_references(with_scaled_shares(creation.body, 4), str.upper)
        assert orjson.loads(orjson.dumps(scaled))["Labels"][SWARM_ID_LABEL] == "f" * 64


def test_engines_that_share_a_name_are_told_apart_by_their_ids() -> None:
    twins = {
        f"{ip}:2375": Engine(f"{ip}:2375", id=f"AB:{ip}|{ip}:2375", name="debian")
        for ip in ("10.0.0.5", "10.0.0.6")
    }
    made = read_creation(
        {"Image": "busybox"}, name="10.0.0.6:2375/web", swarm_id="f" * 64, find_node=twins.get
    )
    assert directives(made, "constraints") == ["node==AB:10.0.0.6|10.0.0.6:2375"]
    request = request_from_body(made.body)
    (only,) = request.constraints
    assert only.value == "AB:10.0.0.6|10.0.0.6:2375"
