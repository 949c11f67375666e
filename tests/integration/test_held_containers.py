"""A container that hangs, as a real engine has it, is nobody else's trouble.

Its shim is frozen and it is to be paused: from then on the engine holds its lock, and whoever
inspects it waits. That is what a server of files that is gone does to a container, too.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration_tools import Api, Cli, Manager, until

from lab.cluster import Lab
from lab.processes import Process, identify

pytestmark = pytest.mark.fault

HERE = "constraint:node==dockerhost02"


def shim_of(container: str) -> Process:
    """The process that stands between containerd and *container*."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            program, *arguments = path.read_bytes().decode().split("\0")
        except OSError:
            continue  # it has just ended
        if "containerd-shim" in program and container in arguments:
            shim = identify(int(path.parent.name))
            assert shim is not None
            return shim
    raise AssertionError(f"no shim of {container}")


@pytest.fixture
def held(lab: Lab, api: Api) -> Iterator[str]:
    """ID of a container of the second engine that hangs, as long as the test lasts."""
    container = api.run("held", Env=[HERE])
    direct = Api(lab.engines[1].socket)
    shim = shim_of(container)
    shim.freeze()
    try:
        # Whoever asks for it gives up some day: from then on the manager wants to know.
        assert hangs(api, "POST", f"/containers/{container}/pause")
        assert hangs(direct, "GET", f"/containers/{container}/json")
        yield container
    finally:
        shim.send(signal.SIGCONT)
    state = f"/containers/{container}/json"
    until(lambda: direct.get(state)["State"]["Status"] == "paused", what="the end of the pause")
    assert direct("POST", f"/containers/{container}/unpause").status == 204


def hangs(asked: Api, method: str, target: str) -> bool:
    """Whether there is no answer within two seconds."""
    try:
        asked(method, target, timeout_s=2)
    except TimeoutError:
        return True
    return False


def test_its_neighbours_are_listed_as_they_are(held: str, docker: Cli) -> None:
    beside = docker("run", "-d", "--name", "beside", "-e", HERE, "busybox", "sleep", "600").line
    assert docker("ps", "-q", "--no-trunc").lines == sorted((held, beside))
    docker("stop", "-t", "0", "beside")
    assert docker("ps", "-q", "--no-trunc").line == held
    # What is read after the containers.
    docker("tag", "busybox", "beside:1")
    assert docker("images", "-q", "beside").line
    docker("rmi", "beside:1")
    assert not docker("images", "-q", "beside").out


def test_a_manager_that_starts_takes_its_engine(held: str, lab: Lab, tmp_path: Path) -> None:
    discovery = f"consul://{lab.consul.endpoint}/swarm"
    with Manager(tmp_path, discovery, nodes=len(lab.engines)) as manager:
        assert held in {row["Id"] for row in manager.api.get("/containers/json")}
        assert f"Container {held[:12]}" in manager.logged()
