"""Memory and CPUs: what is asked for is set aside, and never more than there is."""

from pathlib import Path

import pytest
from integration_tools import Api, Cli, Manager, message, nodes_of

from lab.cluster import Lab


@pytest.fixture
def memory(engine: Api) -> int:
    """Bytes of one host, without overcommit."""
    return int(engine.get("/info")["MemTotal"])


@pytest.fixture
def cpus(engine: Api) -> int:
    """CPUs of one host."""
    return int(engine.get("/info")["NCPU"])


def test_memory_runs_out(api: Api, memory: int) -> None:
    host = {"Memory": memory * 2 // 3}
    assert len({api.node_of(api.create(HostConfig=host)) for _ in range(3)}) == 3
    answer = api("POST", "/containers/create", {"Image": "busybox", "HostConfig": host})
    assert answer.status == 500
    assert "no resources available to schedule container" in message(answer)
    for node in ("dockerhost01", "dockerhost02", "dockerhost03"):
        assert node in message(answer)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda n: {"NanoCpus": int(n * 1e9)}, id="cpus"),
        pytest.param(lambda n: {"CpuQuota": int(n * 100_000)}, id="quota"),
        pytest.param(lambda n: {"CpuQuota": int(n * 50_000), "CpuPeriod": 50_000}, id="period"),
    ],
)
def test_cpus_run_out(api: Api, cpus: int, ask: object) -> None:
    host = ask(cpus * 0.6)  # type: ignore[operator]
    assert len({api.node_of(api.create(HostConfig=host)) for _ in range(3)}) == 3
    answer = api("POST", "/containers/create", {"Image": "busybox", "HostConfig": host})
    assert answer.status == 500
    assert "no resources available to schedule container" in message(answer)


def test_soft_limit_counts(api: Api, memory: int) -> None:
    host = {"MemoryReservation": memory * 2 // 3}
    assert len({api.node_of(api.create(HostConfig=host)) for _ in range(3)}) == 3


def test_asked_for_more_than_any_host_has(docker: Cli, memory: int) -> None:
    done = docker.fails("run", "-m", str(memory * 2), "busybox", "true", code=125)
    assert "no resources available to schedule container" in done.err


def test_update_changes_what_is_set_aside(docker: Cli, api: Api) -> None:
    where = "constraint:node==dockerhost02"
    docker("run", "-d", "--name", "web", "-m", "64m", "-e", where, "busybox", "sleep", "600")
    assert nodes_of(api.get("/info"))["dockerhost02"]["Reserved Memory"].startswith("64 MiB /")
    docker("update", "-m", "96m", "--memory-swap", "192m", "web")
    assert nodes_of(api.get("/info"))["dockerhost02"]["Reserved Memory"].startswith("96 MiB /")
    docker("rm", "-f", "web")
    assert nodes_of(api.get("/info"))["dockerhost02"]["Reserved Memory"].startswith("0 B /")


def test_overcommit(lab: Lab, tmp_path: Path, memory: int) -> None:
    option = "swarm.overcommit=1.0"
    with Manager(tmp_path, "--cluster-opt", option, lab.consul.uri, nodes=3) as manager:
        host = {"Memory": memory * 2 // 3}
        for _ in range(9):
            manager.unix.create(HostConfig=host)
        answer = manager.unix("POST", "/containers/create", {"Image": "b", "HostConfig": host})
        assert answer.status == 500


def test_emptier_hosts_are_preferred(api: Api, memory: int) -> None:
    api.run(HostConfig={"Memory": memory // 2}, Env=["constraint:node==dockerhost01"])
    api.run(HostConfig={"Memory": memory // 4}, Env=["constraint:node==dockerhost02"])
    api.run(HostConfig={"Memory": memory // 8}, Env=["constraint:node==dockerhost03"])
    assert api.node_of(api.run(HostConfig={"Memory": memory // 8})) == "dockerhost03"
