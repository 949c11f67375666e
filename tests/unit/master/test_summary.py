"""The cluster as one Docker host: `master.cluster.system.info` and `summary_merge`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster.model import Container, ContainerConfig, Engine, Health, Image
from master.cluster.placing.placement import Placement
from master.cluster.state import ClusterState
from master.cluster.system.info import Summary, SummarySettings
from master.cluster.system.info_merge import merged_info
from scheduler.types import Request

NOW = 1_767_323_045.5
GIB = 2**30
FILTERS = ("health", "port", "containerslots", "dependency", "affinity", "constraint", "whitelist")
SETTINGS = SummarySettings("spread", FILTERS, hostname="manager")


def engine(number: int, **changes: Any) -> Engine:
    address = f"10.0.0.{number}:2375"
    made = Engine(
        address,
        id=f"ABCD:{number}|{address}",
        name=f"node-{number}",
        health=Health.HEALTHY,
        updated_at=1_767_323_045.9,
        labels={"zone": "application", "disk": "ssd"},
        cpus=4,
        memory=int(8.2 * GIB),
        api_version=(1, 45),
        min_api_version=(1, 24),
        server_version="26.1.5",
        info={"OSType": "linux", "Name": f"node-{number}", "Driver": "overlay2"},
        version={"Os": "linux", "Arch": "amd64", "ApiVersion": "1.45", "MinAPIVersion": "1.24"},
    )
    return replace(made, **changes)


def container(number: int, on: Engine, state: str = "running", **config: Any) -> Container:
    return Container(
        f"c{number}",
        f"name{number}",
        on.address,
        "",
        "",
        0,
        state,
        {},
        {},
        ContainerConfig(**config),
    )


def summary(
    *engines: Engine, settings: SummarySettings = SETTINGS, overcommit: float = 0.0
) -> tuple[ClusterState, Summary]:
    state = ClusterState()
    for each in engines:
        state.put_engine(each)
    placement = Placement(state, overcommit=overcommit)
    return state, Summary(state, placement, settings, listeners=lambda: 7)


def status(made: Summary) -> list[str]:
    return [f"{key}: {value}" for key, value in made.info_body(NOW)["SystemStatus"]]


ONE = engine(1)


# The lines of docker info


def test_the_layout_is_classic_swarms() -> None:
    state, made = summary(ONE)
    state.put_container(container(1, ONE, memory=GIB, cpus=1.0))
    state.put_container(container(2, ONE, "paused"))
    state.put_container(container(3, ONE, "exited"))
    state.put_container(container(4, ONE, "created"))
    assert status(made) == [
        "Role: primary",
        "Strategy: spread",
        "Filters: health, port, containerslots, dependency, affinity, constraint, whitelist",
        "Nodes: 1",
        " node-1: 10.0.0.1:2375",
        "  └ ID: ABCD:1|10.0.0.1:2375",
        "  └ Status: Healthy",
        "  └ Containers: 4 (1 Running, 1 Paused, 2 Stopped)",
        "  └ Reserved CPUs: 1 / 4",
        "  └ Reserved Memory: 1 GiB / 8.2 GiB",
        "  └ Labels: disk=ssd, zone=application",
        "  └ UpdatedAt: 2026-01-02T03:04:05Z",
        "  └ ServerVersion: 26.1.5",
    ]


def test_an_unhealthy_one_says_why_and_only_how_many_containers_it_had() -> None:
    down = engine(1, health=Health.UNHEALTHY, error="connection\nrefused")
    state, made = summary(down)
    state.put_container(container(1, down))
    lines = status(made)
    assert "  └ Status: Unhealthy" in lines
    assert "  └ Containers: 1" in lines
    assert lines[lines.index("  └ Labels: disk=ssd, zone=application") + 1] == (
        "  └ Error: connection refused"
    )


def test_a_pending_one_is_unknown() -> None:
    _, made = summary(Engine("10.0.0.9:2375", error="connection refused"))
    assert status(made)[3:] == [
        "Nodes: 1",
        " (unknown): 10.0.0.9:2375",
        "  └ ID: ",
        "  └ Status: Pending",
        "  └ Containers: 0",
        "  └ Reserved CPUs: 0 / 0",
        "  └ Reserved Memory: 0 B / 0 B",
        "  └ Labels: ",
        "  └ Error: connection refused",
        "  └ UpdatedAt: 0001-01-01T00:00:00Z",
        "  └ ServerVersion: ",
    ]


def test_nodes_stand_in_natural_order() -> None:
    _, made = summary(engine(10), engine(2), Engine("10.0.0.99:2375"), engine(1))
    titles = [line for line in status(made) if line.startswith(" ") and "└" not in line]
    assert [title.partition(":")[0] for title in titles] == [
        " (unknown)",
        " node-1",
        " node-2",
        " node-10",
    ]


@pytest.mark.parametrize(
    ("cpus", "text"),
    [
        pytest.param(0.5, "0.5 / 4", id="half"),
        pytest.param(1.333, "1.33 / 4", id="third"),
        pytest.param(10.0, "10 / 4", id="more-than-there-is"),
    ],
)
def test_cpus_are_shown_short(cpus: float, text: str) -> None:
    state, made = summary(ONE)
    state.put_container(container(1, ONE, cpus=cpus))
    assert f"  └ Reserved CPUs: {text}" in status(made)


def test_what_is_reserved_counts_at_once() -> None:
    state = ClusterState()
    state.put_engine(ONE)
    placement = Placement(state, overcommit=0)
    made = Summary(state, placement, SETTINGS)
    assert "  └ Reserved Memory: 0 B / 8.2 GiB" in status(made)
    placement.reserve(Request(memory=GIB), placement.nodes()[0], "s1")
    assert "  └ Reserved Memory: 1 GiB / 8.2 GiB" in status(made)


def test_lines_follow_the_state() -> None:
    state, made = summary(ONE)
    status(made)
    state.put_engine(replace(ONE, labels={"new": "label"}))
    assert "  └ Labels: new=label" in status(made)
    state.remove_engine(ONE.address)
    assert status(made)[-1] == "Nodes: 0"


# Sums


def test_sums_include_overcommit_and_leave_pending_out() -> None:
    state, made = summary(
        engine(1, cpus=100, memory=1000),
        engine(2, cpus=20, memory=1000, health=Health.UNHEALTHY),
        engine(3, cpus=7, memory=7, health=Health.PENDING),
        overcommit=0.05,
    )
    state.put_container(container(1, ONE))
    state.put_container(container(2, engine(2), "paused"))
    info = made.info_body(NOW)
    assert (info["NCPU"], info["MemTotal"]) == (126, 2100)
    assert (info["Containers"], info["ContainersRunning"], info["ContainersPaused"]) == (2, 1, 1)
    assert info["NEventsListener"] == 7
    assert info["SystemTime"] == "2026-01-02T03:04:05.500000000Z"


def test_an_image_on_two_engines_is_one() -> None:
    state, made = summary(ONE, engine(2))
    for address in (ONE.address, "10.0.0.2:2375"):
        state.replace_images(address, [Image("sha256:1", address, (), (), {})])
    assert made.info_body(NOW)["Images"] == 1
    state.replace_images(ONE.address, [Image("sha256:2", ONE.address, (), (), {})])
    assert made.info_body(NOW)["Images"] == 2


REAL_ENGINES_KEYS = [
    "ID",
    "Containers",
    "ContainersRunning",
    "ContainersPaused",
    "ContainersStopped",
    "Images",
    "Driver",
    "DriverStatus",
    "Plugins",
    "MemoryLimit",
    "SwapLimit",
    "CpuCfsPeriod",
    "CpuCfsQuota",
    "CPUShares",
    "CPUSet",
    "PidsLimit",
    "IPv4Forwarding",
    "BridgeNfIptables",
    "BridgeNfIp6tables",
    "Debug",
    "NFd",
    "OomKillDisable",
    "NGoroutines",
    "SystemTime",
    "LoggingDriver",
    "CgroupDriver",
    "CgroupVersion",
    "NEventsListener",
    "KernelVersion",
    "OperatingSystem",
    "OSVersion",
    "OSType",
    "Architecture",
    "IndexServerAddress",
    "RegistryConfig",
    "NCPU",
    "MemTotal",
    "GenericResources",
    "DockerRootDir",
    "HttpProxy",
    "HttpsProxy",
    "NoProxy",
    "Name",
    "Labels",
    "ExperimentalBuild",
    "ServerVersion",
    "Runtimes",
    "DefaultRuntime",
    "Swarm",
    "LiveRestoreEnabled",
    "Isolation",
    "InitBinary",
    "ContainerdCommit",
    "RuncCommit",
    "InitCommit",
    "SecurityOptions",
    "Warnings",
    "SystemStatus",
    "CDISpecDirs",
]


@pytest.mark.parametrize(
    "engines", [pytest.param([], id="no-engine"), pytest.param([ONE], id="one")]
)
def test_every_key_of_a_real_engine_is_there(engines: list[Engine]) -> None:
    _, made = summary(*engines)
    info = orjson.loads(made.info(NOW))
    assert not set(REAL_ENGINES_KEYS) - info.keys()
    assert info["ServerVersion"] == "swarm/2.0.0"
    assert info["Swarm"]["LocalNodeState"] == "inactive"
    assert isinstance(info["ContainerdCommit"]["ID"], str)
    assert isinstance(info["Plugins"]["Volume"], list)


# Many infos made one


def test_what_all_say_is_said_and_what_differs_is_not() -> None:
    merged = merged_info(
        [
            {"Driver": "overlay2", "KernelVersion": "6.1"},
            {"Driver": "overlay2"},
            {"Driver": "btrfs"},
        ]
    )
    assert (merged["Driver"], merged["KernelVersion"]) == ("", "")


def test_an_option_is_there_only_if_all_have_it() -> None:
    merged = merged_info([{"SwapLimit": True, "MemoryLimit": True}, {"SwapLimit": False}])
    assert (merged["SwapLimit"], merged["MemoryLimit"]) == (False, True)


def test_the_containerd_store_is_told_only_if_all_have_it() -> None:
    store = ["driver-type", "io.containerd.snapshotter.v1"]
    both = [{"DriverStatus": [["a", "b"], store]}, {"DriverStatus": [store]}]
    assert merged_info(both)["DriverStatus"] == [store]
    assert merged_info([*both, {}])["DriverStatus"] == []


def test_most_engines_decide_the_architecture() -> None:
    infos = [{"Architecture": "aarch64"}, {"Architecture": "x86_64"}, {"Architecture": "x86_64"}]
    assert merged_info(infos)["Architecture"] == "x86_64"


def test_a_warning_comes_once_with_its_nodes() -> None:
    infos = [{"Name": f"node-{n}", "Warnings": ["WARNING: No swap"]} for n in range(1, 6)]
    assert merged_info([*infos, {"Name": "node-6", "Warnings": None}])["Warnings"] == [
        "node-1, node-2, node-3 and 2 more: WARNING: No swap"
    ]


def test_runtimes_and_mirrors_are_united_and_plugins_intersected() -> None:
    merged = merged_info(
        [
            {
                "Runtimes": {"runc": {"path": "a"}},
                "RegistryConfig": {"Mirrors": ["m1"], "Future": 1},
                "Plugins": {"Volume": ["local", "nfs"], "Network": ["bridge"]},
            },
            {
                "Runtimes": {"nvidia": {}, "runc": {"path": "b"}},
                "RegistryConfig": {"Mirrors": ["m1", "m2"]},
                "Plugins": {"Volume": ["local"], "Network": ["bridge", "host"]},
            },
        ]
    )
    assert merged["Runtimes"] == {"runc": {"path": "a"}, "nvidia": {}}
    assert merged["RegistryConfig"]["Mirrors"] == ["m1", "m2"]
    assert merged["RegistryConfig"]["Future"] == 1
    assert merged["Plugins"] == {
        "Volume": ["local"],
        "Network": ["bridge"],
        "Log": [],
        "Authorization": None,
    }


SCALARS = st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["", "a", "b"])
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["Volume", "x"]), inner)
    ),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.sampled_from(REAL_ENGINES_KEYS), ANYTHING), max_size=3))
def test_strange_infos_are_merged_without_a_fuss(infos: list[dict[str, Any]]) -> None:
    orjson.dumps(merged_info(infos))


# Version and headers


@pytest.mark.parametrize(
    ("engines", "newest"),
    [
        pytest.param([], "1.56", id="none"),
        pytest.param([engine(1), engine(2, api_version=(1, 41))], "1.41", id="the-oldest-decides"),
        pytest.param([engine(1, api_version=(1, 99))], "1.56", id="not-newer-than-we-know"),
        pytest.param(
            [engine(1), engine(2, api_version=(1, 41), health=Health.UNHEALTHY)],
            "1.45",
            id="only-healthy-ones",
        ),
        pytest.param(
            [engine(1, api_version=(1, 41), health=Health.UNHEALTHY)], "1.41", id="outage"
        ),
        pytest.param([Engine("x:1")], "1.56", id="pending"),
    ],
)
def test_the_version_that_all_engines_speak(engines: list[Engine], newest: str) -> None:
    _, made = summary(*engines)
    version = made.version()
    assert (version["ApiVersion"], version["MinAPIVersion"]) == (newest, "1.24")
    assert (b"Api-Version", newest.encode()) in made.standard_headers()
    assert made.api_versions()[0] == (1, 24)


def test_version_lists_the_engines() -> None:
    _, made = summary(engine(10), engine(9), engine(8, health=Health.UNHEALTHY))
    version = made.version()
    assert version["Version"] == "swarm/2.0.0"
    assert (version["Os"], version["Arch"]) == ("linux", "amd64")
    own, *engines = version["Components"]
    assert (own["Name"], own["Details"]["ApiVersion"]) == ("Engine", "1.45")
    assert [(c["Name"], c["Version"]) for c in engines] == [
        ("node-9", "26.1.5"),
        ("node-10", "26.1.5"),
    ]
    assert engines[0]["Details"]["Address"] == "10.0.0.9:2375"
    texts = [text for c in version["Components"] for text in c["Details"].values()]
    assert all(isinstance(text, str) for text in texts)


def test_headers_follow_the_engines() -> None:
    state, made = summary(ONE)
    assert made.standard_headers() is made.standard_headers()
    state.put_engine(replace(ONE, api_version=(1, 40)))
    assert (b"Api-Version", b"1.40") in made.standard_headers()


def test_an_engine_cannot_break_out_of_a_header() -> None:
    _, made = summary(engine(1, info={"OSType": "linux\r\nX-Evil: ü"}))
    values = b"".join(value for _, value in made.standard_headers())
    assert b"\r" not in values
    assert b"\n" not in values


def test_ping_and_standard_headers_are_all_that_clients_look_for() -> None:
    _, made = summary(ONE)
    names = {name.decode() for name, _ in made.standard_headers()}
    names |= {name for name, _ in made.ping_headers()}
    assert {
        "Api-Version",
        "Ostype",
        "Docker-Experimental",
        "Builder-Version",
        "Swarm",
        "Cache-Control",
    } <= names
