"""The byte lane's pure parts: versions, rewritten paths, edits."""

from __future__ import annotations

import orjson
import pytest

from master.cluster.model import Engine
from master.proxy.edits import add_node, created_id
from master.proxy.version import complaint_about, parse_version, split_path

ENGINE = Engine(
    address="10.0.0.5:2375",
    id="ID|10.0.0.5:2375",
    name="dockerhost01",
    ip="10.0.0.5",
    cpus=4,
    memory=8 << 30,
    labels={"zone": "application"},
    api_version=(1, 41),
    min_api_version=(1, 24),
)


@pytest.mark.parametrize(
    ("path", "typed", "rest"),
    [
        ("/v1.44/info", "1.44", "/info"),
        ("/v1/info", "1", "/info"),
        ("/v1.44.3/info", "1.44.3", "/info"),
        ("/info", "", "/info"),
        ("/version", "", "/version"),
        ("/volumes/v1.2/x", "", "/volumes/v1.2/x"),
        ("/v1.44", "", "/v1.44"),
        ("/v1./info", "", "/v1./info"),
        ("/v-1.4/info", "", "/v-1.4/info"),
    ],
)
def test_a_version_is_taken_off_a_path(path: str, typed: str, rest: str) -> None:
    assert split_path(path) == (typed, rest)


@pytest.mark.parametrize(
    ("typed", "version"),
    [("1.44", (1, 44)), ("1", (1, 0)), ("1.44.3", (1, 44)), ("1." + "9" * 99, (1, 999_999_999))],
)
def test_a_version_is_two_numbers(typed: str, version: tuple[int, int]) -> None:
    assert parse_version(typed) == version


def test_a_version_between_least_and_newest_is_good() -> None:
    assert complaint_about("1.24", (1, 24), (1, 44)) == ""
    assert complaint_about("1.44", (1, 24), (1, 44)) == ""
    assert "too old" in complaint_about("1.9", (1, 24), (1, 44))
    assert "too new" in complaint_about("1.100", (1, 24), (1, 44))
    assert "too new" in complaint_about("1.44.1", (1, 24), (1, 44))
    assert complaint_about("1.44.0", (1, 24), (1, 44)) == ""
    assert complaint_about("", (1, 24), (1, 44)) == ""


@pytest.mark.parametrize(
    ("asked", "sent"), [((1, 20), (1, 24)), ((1, 30), (1, 30)), ((1, 44), (1, 41))]
)
def test_each_engine_is_asked_in_a_version_that_it_speaks(
    asked: tuple[int, int], sent: tuple[int, int]
) -> None:
    assert ENGINE.version_for(asked) == sent


def test_inspect_gains_the_node_and_keeps_what_it_had() -> None:
    found = orjson.loads(add_node(b'{"Id":"x","New":{"deep":[1,null]}}', ENGINE))
    assert found["New"] == {"deep": [1, None]}
    assert found["Node"] == {
        "ID": "ID|10.0.0.5:2375",
        "IP": "10.0.0.5",
        "Addr": "10.0.0.5:2375",
        "Name": "dockerhost01",
        "Cpus": 4,
        "Memory": 8 << 30,
        "Labels": {"zone": "application"},
    }


@pytest.mark.parametrize(
    ("bindings", "shown"),
    [
        (None, None),
        ([], []),
        ([{"HostIp": "", "HostPort": "1"}], [{"HostIp": "10.0.0.5", "HostPort": "1"}]),
        (
            [{"HostIp": "0.0.0.0", "HostPort": "1"}, {"HostIp": "::", "HostPort": "1"}],
            [{"HostIp": "10.0.0.5", "HostPort": "1"}],
        ),
        (
            [{"HostIp": "0.0.0.0", "HostPort": "1"}, {"HostIp": "::", "HostPort": "2"}],
            [{"HostIp": "10.0.0.5", "HostPort": "1"}],
        ),
        ([{"HostIp": "127.0.0.1", "HostPort": "1"}], [{"HostIp": "127.0.0.1", "HostPort": "1"}]),
        (["odd"], ["odd"]),
    ],
)
def test_ports_on_every_interface_are_shown_at_the_engines_address(
    bindings: object, shown: object
) -> None:
    body = orjson.dumps({"NetworkSettings": {"Ports": {"80/tcp": bindings}}})
    found = orjson.loads(add_node(body, ENGINE))
    assert found["NetworkSettings"]["Ports"] == {"80/tcp": shown}


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff"])
def test_what_is_no_object_is_left_alone(body: bytes) -> None:
    assert add_node(body, ENGINE) == body
    assert created_id(body) == ""


@pytest.mark.parametrize(
    ("body", "found"), [(b'{"Id":"abc"}', "abc"), (b'{"Id":7}', ""), (b'{"id":"abc"}', "")]
)
def test_the_id_of_a_create(body: bytes, found: str) -> None:
    assert created_id(body) == found
