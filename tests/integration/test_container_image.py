"""The image and docker-compose.yml, used as they are, on a real engine: the whole as containers."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from base_images import load_base_images
from integration_tools import APP, REPOSITORY, Cli, Done, until

from common.version import VERSION
from lab.cluster import NEWER, Lab
from lab.host import Engine
from lab.http import call
from lab.install import find

pytestmark = pytest.mark.timeout(180)

_UP_TIMEOUT_S = 120.0
_MANAGER_PORT, _EDGE_PORT = 3375, 8080
_OWN_MEGABYTES = 80
"""Most that the image may add to its base."""


@dataclass(frozen=True)
class House:
    """The compose project on one engine."""

    engine: Engine
    docker: Cli
    """Pointed at the engine itself."""

    @property
    def cluster(self) -> Cli:
        """A client pointed at the manager's published port."""
        return Cli(self.docker.program, f"tcp://{self.engine.plan.address}:{_MANAGER_PORT}")

    def compose(self, *arguments: str) -> Done:
        """Run a verb of compose on the repository's own file."""
        file = str(REPOSITORY / "docker-compose.yml")
        return self.docker("compose", "-f", file, *arguments, timeout_s=_UP_TIMEOUT_S)

    def keys(self, prefix: str) -> dict[str, str]:
        """What Consul has under *prefix*."""
        lines = self.compose("exec", "-T", "consul", "consul", "kv", "get", "-recurse", prefix).out
        # KEY:HOST:PORT, and keys have colons too.
        rows = (line.rsplit(":", 2) for line in lines.splitlines())
        return {key: f"{host}:{port}" for key, host, port in rows}

    def edge(self, name: str) -> tuple[int, str]:
        """Ask the router's proxy for a virtual host; status and body."""
        place = f"{self.engine.plan.address}:{_EDGE_PORT}"
        answer = call("GET", place, "/", headers={"Host": name})
        return answer.status, answer.body.decode()

    def image(self, name: str) -> Any:
        """An image as the engine describes it."""
        return json.loads(self.docker("image", "inspect", name).out)[0]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The project, built and up, everything in it healthy."""
    with Lab(f"test-{os.getpid()}-image", [NEWER], agents=False, manager=False) as lab:
        engine = lab.engines[0]
        load_base_images(engine.socket)
        environment = {
            "DOCKER_CONFIG": _config(tmp_path_factory.mktemp("docker")),
            "DOCKER_GID": str(engine.socket.stat().st_gid),
            "MANAGER_LISTEN": str(_MANAGER_PORT),
            "ENGINE": "172.30.80.1:2375",
        }
        house = House(engine, Cli(find().newer_docker, engine.url, environment=environment))
        try:
            house.compose("up", "-d", "--build", "--wait")
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n{house.compose('logs').out[-4000:]}") from None
        yield house


@pytest.fixture
def app(house: House) -> Iterator[str]:
    """A container of an app, started through the manager; its ID."""
    yield house.cluster("run", "-d", "--name", "app", "-p", "80", APP).line
    house.cluster("rm", "-f", "app")


def _config(folder: Path) -> str:
    """Return a folder of client settings with the plug-ins."""
    plugins = folder / "cli-plugins"
    plugins.mkdir()
    for plugin in find().plugins.iterdir():
        (plugins / plugin.name).symlink_to(plugin)
    return str(folder)


@pytest.mark.parametrize("name", ["swarm-soa", "swarm-soa-router"])
def test_an_image_is_small_and_needs_no_root(house: House, name: str) -> None:
    image, base = house.image(name), house.image("python:3.12-slim")
    assert image["Config"]["User"] == "10001:10001"
    assert image["Config"]["Healthcheck"]["Test"][0] == "CMD"
    assert image["Size"] - base["Size"] < _OWN_MEGABYTES * 1_000_000


def test_an_image_has_what_runs_and_nothing_else(house: House) -> None:
    run = ("run", "--rm", "--read-only", "--network", "none", "--entrypoint", "ls", "swarm-soa")
    listed = set(house.docker(*run, "/opt/swarm").out.split())
    assert {"agent", "master", "router", "services", "swarm"} <= listed
    assert listed.isdisjoint({"lab", "tests", "bench", "docs", "requirements-dev.lock"})


def test_the_image_is_the_command(house: House) -> None:
    assert house.docker("run", "--rm", "swarm-soa", "--version").line == f"swarm version {VERSION}"


def test_every_part_runs_without_rights(house: House) -> None:
    for part in ("manager", "registrator", "router"):
        status = house.compose("exec", "-T", part, "cat", "/proc/1/status").out
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert facts["Uid"].split()[0] == "10001", part
        assert int(facts["CapEff"], 16) == 0, part
        assert facts["NoNewPrivs"].strip() == "1", part


def test_the_manager_serves_the_engine(house: House, app: str) -> None:
    assert house.cluster("ps", "--no-trunc", "-q", "--filter", "name=app").line == app
    assert house.cluster("run", "--rm", "-i", "busybox", "cat", stdin=b"hi").out == "hi"
    assert "dockerhost01" in house.cluster("info").out


def test_a_container_is_found_in_consul_and_through_the_edge(house: House, app: str) -> None:
    keys = until(lambda: house.keys("services/deepthought"), 20, "the app's key")
    port = house.cluster("port", "app", "80").line.splitlines()[0].rpartition(":")[2]
    assert keys == {"services/deepthought-80/dockerhost01:app:80": f"172.30.80.1:{port}"}
    until(lambda: house.edge("deepthought")[0] == 200, 20, "its route")
    assert app[:12] in house.edge("deepthought")[1]
    house.cluster("rm", "-f", "app")
    until(lambda: house.edge("deepthought")[0] == 503, 20, "the end of its route")
    assert house.keys("services/deepthought") == {}


def test_what_runs_the_cluster_is_not_offered_at_the_edge(house: House, app: str) -> None:
    until(lambda: house.keys("services/deepthought"), 20, "the app's key")
    # Folders with a dot are the agents' own notes.
    folders = {key.split("/")[1] for key in house.keys("services/")}
    assert {name for name in folders if not name.startswith(".")} == {"deepthought-80"}
    assert house.edge("swarm-soa")[0] == 404


def test_an_agent_joins_and_registers_in_one_container(house: House, app: str) -> None:
    house.compose("stop", "registrator")
    try:
        house.compose("up", "-d", "--wait", "agent")
        until(lambda: house.keys("swarm/"), 10, "the engine's key")
        assert list(house.keys("swarm/").values()) == ["172.30.80.1:2375"]
        until(lambda: house.keys("services/deepthought"), 40, "the app's key")
    finally:
        house.compose("rm", "-sf", "agent")
        house.compose("start", "registrator")


def test_it_stops_in_order(house: House) -> None:
    house.compose("stop", "router", "manager")
    try:
        for part in ("router", "manager"):
            container = house.compose("ps", "-aq", part).line
            assert house.docker("inspect", "-f", "{{.State.ExitCode}}", container).line == "0", part
    finally:
        house.compose("start", "router", "manager")
