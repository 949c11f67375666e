"""What an engine says of itself: `master.cluster.specs`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster.model import Engine, Health
from master.cluster.specs import (
    engine_from_info,
    parse_api_version,
    validate_info,
    warnings_for,
)
from master.cluster.state import ClusterState
from master.supervisor.validation import RefusedError, check_again

ADDRESS = "10.0.0.5:2375"
INFO: dict[str, Any] = {
    "ID": "ABCD:1",
    "Name": "dockerhost01",
    "NCPU": 4,
    "MemTotal": 8_000_000_000,
    "Driver": "overlay2",
    "KernelVersion": "6.1.0",
    "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
    "OSType": "linux",
    "ServerVersion": "29.0.1",
    "SystemTime": "2026-01-02T03:04:05.5Z",
    "Labels": ["zone=application", "disk=ssd"],
}
SYSTEM_TIME = 1767323045.5
VERSION: dict[str, Any] = {"ApiVersion": "1.52", "MinAPIVersion": "1.44", "Version": "29.0.1"}


def other(name: str, health: Health = Health.HEALTHY, daemon: str = "ABCD:1") -> Engine:
    return Engine("10.0.0.6:2375", id=f"{daemon}|10.0.0.6:2375", name=name, health=health)


def problems(info: dict[str, Any], *engines: Engine, version: dict[str, Any] | None = None) -> str:
    known = {engine.address: engine for engine in engines}
    return "\n".join(validate_info({**INFO, **info}, version or VERSION, ADDRESS, known))


def test_a_daemon_becomes_an_engine_with_its_labels() -> None:
    engine = engine_from_info(ADDRESS, "10.0.0.5", INFO, VERSION, SYSTEM_TIME)
    assert engine == Engine(
        address=ADDRESS,
        id="ABCD:1|10.0.0.5:2375",
        name="dockerhost01",
        ip="10.0.0.5",
        updated_at=SYSTEM_TIME,
        labels={
            "storagedriver": "overlay2",
            "kernelversion": "6.1.0",
            "operatingsystem": "Debian GNU/Linux 12 (bookworm)",
            "ostype": "linux",
            "zone": "application",
            "disk": "ssd",
        },
        cpus=4,
        memory=8_000_000_000,
        api_version=(1, 52),
        min_api_version=(1, 44),
        server_version="29.0.1",
    )
    assert problems({}) == ""


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param(["ostype=plan9"], "linux", id="ours-win"),
        pytest.param(["a=1", "a=2"], "linux", id="doubled"),
        pytest.param(None, "linux", id="null"),
        pytest.param([3, {}], "linux", id="no-text"),
    ],
)
def test_own_labels_win(labels: Any, expected: str) -> None:
    engine = engine_from_info(ADDRESS, "", {**INFO, "Labels": labels}, VERSION, 0)
    assert engine.labels["ostype"] == expected
    assert engine.labels.get("a", "1") == "1"


def test_label_node_is_skipped_with_a_warning() -> None:
    info = {**INFO, "Labels": ["node=x"]}
    assert "node" not in engine_from_info(ADDRESS, "", info, VERSION, 0).labels
    assert "label 'node' is ignored" in warnings_for(info, ADDRESS, {})[0]


@pytest.mark.parametrize(
    ("now", "skew"),
    [
        pytest.param(SYSTEM_TIME + 1.9, 0.0, id="too-small-to-tell"),
        pytest.param(SYSTEM_TIME + 90, 90.0, id="engine-is-behind"),
        pytest.param(SYSTEM_TIME - 90, -90.0, id="engine-is-ahead"),
    ],
)
def test_clock_skew_counts_from_two_seconds(now: float, skew: float) -> None:
    assert engine_from_info(ADDRESS, "", INFO, VERSION, now).clock_skew_s == skew


@pytest.mark.parametrize(
    "info",
    [
        pytest.param({"NCPU": 0}, id="no-cpu"),
        pytest.param({"MemTotal": 0}, id="no-memory"),
        pytest.param({"NCPU": "4"}, id="cpu-is-text"),
        pytest.param({"NCPU": True}, id="cpu-is-bool"),
        pytest.param({"ServerVersion": "swarm/2.0.0"}, id="a-manager"),
    ],
)
def test_what_is_no_engine_is_refused(info: dict[str, Any]) -> None:
    assert problems(info) == (
        "cannot get resources for this engine, make sure 10.0.0.5:2375 is a Docker Engine, "
        "not a Swarm manager"
    )


def test_a_label_without_a_value_is_refused() -> None:
    assert problems({"Labels": ["a=b", "oops"]}) == (
        "Engine (ID: ABCD:1|10.0.0.5:2375, Addr: 10.0.0.5:2375) contains an invalid label "
        '(oops) not formatted as "key=value".'
    )


def test_an_engine_too_old_is_refused() -> None:
    assert "speaks API version 1.22 at most" in problems({}, version={"ApiVersion": "1.22"})


def test_a_changed_id_is_refused() -> None:
    before = Engine(ADDRESS, id=f"OLD|{ADDRESS}", name="dockerhost01", health=Health.UNHEALTHY)
    assert problems({}, before) == (
        "Engine (ID: OLD|10.0.0.5:2375, Addr: 10.0.0.5:2375) shows up with another "
        "ID:ABCD:1|10.0.0.5:2375. Please remove it from cluster, it can be added back."
    )


@pytest.mark.parametrize(
    ("twin", "refused", "warned"),
    [
        pytest.param(other("dockerhost01"), True, False, id="same-daemon-twice"),
        pytest.param(other("dockerhost02"), False, True, id="clone-with-own-name"),
        pytest.param(other("dockerhost01", Health.PENDING), False, False, id="not-validated"),
        pytest.param(other("dockerhost01", daemon="EFGH:2"), False, False, id="other-id"),
    ],
)
def test_one_daemon_under_two_addresses_is_refused(
    twin: Engine, refused: bool, warned: bool
) -> None:
    text = "ID duplicated. ABCD:1 shared by this node 10.0.0.5:2375 and another node 10.0.0.6:2375"
    assert problems({}, twin) == (text if refused else "")
    assert bool(warnings_for(INFO, ADDRESS, {twin.address: twin})) is warned


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("1.9", (1, 9), id="short"),
        pytest.param("1.52", (1, 52), id="long"),
        pytest.param("v1.52", None, id="prefixed"),
        pytest.param("", None, id="empty"),
        pytest.param(1.41, None, id="a-number"),
    ],
)
def test_api_versions_are_pairs(text: Any, version: tuple[int, int] | None) -> None:
    assert parse_api_version(text) == version


TEXT = st.text("ab=.1", max_size=5)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(sorted(INFO)), ANYTHING),
    st.dictionaries(st.sampled_from(sorted(VERSION)), ANYTHING),
)
def test_strange_answers_never_raise(info: dict[str, Any], version: dict[str, Any]) -> None:
    validate_info(info, version, ADDRESS, {"x": other("y")})
    warnings_for(info, ADDRESS, {"x": other("y")})
    engine_from_info(ADDRESS, "", info, version, 1.0)


def test_who_came_meanwhile_is_seen_before_an_engine_is_taken() -> None:
    """One daemon under two addresses: both are asked while neither is healthy yet."""
    state = ClusterState()
    specs = engine_from_info(ADDRESS, "10.0.0.5", INFO, VERSION, SYSTEM_TIME)
    state.put_engine(Engine(address=ADDRESS))
    state.put_engine(other("dockerhost01", Health.PENDING))
    check_again(specs, state)
    state.put_engine(other("dockerhost01"))
    with pytest.raises(RefusedError, match="ID duplicated"):
        check_again(specs, state)
