"""Engine JSON to values: what Docker sends, and what it shouldn't send but others do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster.model import ContainerConfig
from master.cluster.rows import (
    config_from_inspect,
    container_from_row,
    epoch,
    host_port_claims,
    image_from_row,
    own_name,
)

ADDRESS = "10.0.0.5:2375"

strange = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_a_row_becomes_a_container_and_is_kept_whole() -> None:
    row = {
        "Id": "a" * 64,
        "Names": ["/web"],
        "Image": "busybox:latest",
        "ImageID": "sha256:" + "b" * 64,
        "Created": 1700000000,
        "State": "running",
        "Status": "Up 3 minutes",
        "Labels": {"com.docker.swarm.id": "c" * 64, "zone": "east"},
        "SomethingNew": {"kept": True},
    }
    container = container_from_row(ADDRESS, row, ContainerConfig(memory=5))
    assert (container.id, container.name, container.engine) == ("a" * 64, "web", ADDRESS)
    assert (container.image, container.image_id) == ("busybox:latest", "sha256:" + "b" * 64)
    assert (container.created, container.state) == (1700000000, "running")
    assert container.swarm_id == "c" * 64
    assert container.config.memory == 5
    assert container.row is row


def test_labels_may_be_null() -> None:
    assert dict(container_from_row(ADDRESS, {"Labels": None}, ContainerConfig()).labels) == {}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(["/web"], "web", id="one"),
        pytest.param(["/front/db", "/db"], "db", id="link-alias-first"),
        pytest.param(["web"], "web", id="no-slash"),
        pytest.param(["/front/db"], "", id="alias-only"),
        pytest.param([], "", id="none"),
        pytest.param(None, "", id="null"),
        pytest.param([7, "/web"], "web", id="not-text"),
    ],
)
def test_own_name_is_the_one_that_is_no_link_alias(names: Any, expected: str) -> None:
    assert own_name(names) == expected


@pytest.mark.parametrize(
    ("host", "memory", "cpus"),
    [
        pytest.param({"Memory": 100, "MemoryReservation": 60}, 60, 0.0, id="reservation-first"),
        pytest.param({"Memory": 100, "MemoryReservation": 0}, 100, 0.0, id="memory"),
        pytest.param({"Memory": -1}, 0, 0.0, id="unlimited"),
        pytest.param({"NanoCpus": 1_500_000_000, "CpuQuota": 5}, 0, 1.5, id="nano-cpus"),
        pytest.param({"CpuQuota": 50_000}, 0, 0.5, id="quota-with-default-period"),
        pytest.param({"CpuQuota": 50_000, "CpuPeriod": 25_000}, 0, 2.0, id="quota-and-period"),
        pytest.param({"CpuQuota": -1, "CpuPeriod": 25_000}, 0, 0.0, id="no-quota"),
        pytest.param({"CpuShares": 512}, 0, 0.0, id="shares-are-no-cpus"),
        pytest.param(None, 0, 0.0, id="null"),
    ],
)
def test_what_a_container_reserves(host: Any, memory: int, cpus: float) -> None:
    config = config_from_inspect({"HostConfig": host})
    assert (config.memory, config.cpus) == (memory, cpus)


@pytest.mark.parametrize(
    ("bindings", "expected"),
    [
        pytest.param(
            {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}, {(8080, "", "tcp")}, id="plain"
        ),
        pytest.param(
            {"53/udp": [{"HostIp": "10.0.0.5", "HostPort": "53"}]},
            {(53, "10.0.0.5", "udp")},
            id="udp-on-one-interface",
        ),
        pytest.param(
            {
                "80/tcp": [
                    {"HostIp": "0.0.0.0", "HostPort": "80"},
                    {"HostIp": "::", "HostPort": "80"},
                ]
            },
            {(80, "", "tcp")},
            id="both-families-are-every-interface",
        ),
        pytest.param({"80/tcp": [{"HostIp": "", "HostPort": ""}]}, set(), id="drawn-at-start"),
        pytest.param({"80/tcp": [{"HostPort": "0"}]}, set(), id="zero"),
        pytest.param({"80/tcp": [{"HostPort": "8000-8010"}]}, set(), id="one-of-a-range"),
        pytest.param(
            {"80/tcp": [{"HostPort": "8000-8000"}]}, {(8000, "", "tcp")}, id="range-of-one"
        ),
        pytest.param({"80": [{"HostPort": "81"}]}, {(81, "", "tcp")}, id="no-protocol"),
        pytest.param({"80/tcp": [{"HostPort": "70000"}]}, set(), id="too-high"),
        pytest.param({"80/tcp": [{"HostPort": "9" * 5000}]}, set(), id="huge"),
        pytest.param({"80/tcp": [{"HostPort": "x"}]}, set(), id="no-number"),
        pytest.param({"80/tcp": None}, set(), id="exposed-only"),
        pytest.param(None, set(), id="null"),
    ],
)
def test_host_ports_that_a_map_fixes(bindings: Any, expected: set[tuple[int, str, str]]) -> None:
    assert set(host_port_claims(bindings)) == expected


def test_ports_asked_for_and_ports_drawn_are_claimed_once() -> None:
    body = {
        "HostConfig": {
            "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "81/tcp": [{}]}
        },
        "NetworkSettings": {
            "Ports": {
                "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}],
                "81/tcp": [{"HostIp": "0.0.0.0", "HostPort": "32768"}],
            }
        },
    }
    assert config_from_inspect(body).ports == ((8080, "", "tcp"), (32768, "", "tcp"))


def test_in_host_network_mode_exposed_ports_are_the_hosts() -> None:
    body = {
        "HostConfig": {"NetworkMode": "host"},
        "Config": {"ExposedPorts": {"12/udp": {}, "8000-8001/tcp": {}}},
    }
    assert config_from_inspect(body).ports == (
        (12, "", "udp"),
        (8000, "", "tcp"),
        (8001, "", "tcp"),
    )


def test_elsewhere_exposed_ports_claim_nothing() -> None:
    body = {"HostConfig": {"NetworkMode": "bridge"}, "Config": {"ExposedPorts": {"12/udp": {}}}}
    assert config_from_inspect(body).ports == ()


def test_times_and_codes_come_from_the_state() -> None:
    config = config_from_inspect(
        {
            "State": {
                "StartedAt": "2026-01-02T03:04:05.123456789Z",
                "FinishedAt": "0001-01-01T00:00:00Z",
                "ExitCode": 137,
            }
        }
    )
    assert config.started_at == pytest.approx(1767323045.123456)
    assert config.finished_at == 0
    assert config.exit_code == 137


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-01-02T03:04:05Z", 1767323045, id="utc"),
        pytest.param("2026-01-02T05:04:05+02:00", 1767323045, id="offset"),
        pytest.param("0001-01-01T00:00:00Z", 0, id="never"),
        pytest.param("", 0, id="empty"),
        pytest.param("yesterday", 0, id="no-time"),
        pytest.param(None, 0, id="null"),
        pytest.param(5, 0, id="number"),
    ],
)
def test_epoch(text: Any, expected: float) -> None:
    assert epoch(text) == expected


def test_how_it_is_stopped_is_what_its_configuration_says() -> None:
    asked = {"Env": ["SERVICE_DRAIN=5s"], "Labels": {}, "StopSignal": "SIGQUIT"}
    config = config_from_inspect({"Config": asked})
    assert (config.drain_s, config.stop_signal) == (5, "SIGQUIT")
    assert config_from_inspect({"Config": {"StopSignal": None}}).stop_signal == ""


@given(
    st.dictionaries(
        st.sampled_from(
            ["HostConfig", "State", "Config", "NetworkSettings", "Names", "Labels", "Id", "Created"]
        ),
        strange
        | st.dictionaries(
            st.sampled_from(
                ["Memory", "NanoCpus", "CpuQuota", "PortBindings", "Ports", "Links", "StartedAt"]
            ),
            strange,
        ),
    )
)
def test_nothing_that_an_engine_sends_raises(body: dict[str, Any]) -> None:
    config = config_from_inspect(body)
    assert config.memory >= 0
    assert config.cpus >= 0
    assert container_from_row(ADDRESS, body, config).engine == ADDRESS
    assert image_from_row(ADDRESS, body).engine == ADDRESS


def test_an_image_has_no_name_none() -> None:
    row = {"Id": "sha256:1", "RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]}
    image = image_from_row(ADDRESS, row)
    assert (image.tags, image.digests) == ((), ())
    assert image.row is row
