"""The image and docker-compose.yml, used as they are, on a real engine: the whole as containers."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from base_images import load_base_images
from container_tools import EDGE_PORT, TCP_PORT, House
from image_tools import archive, tar
from integration_tools import APP, until

from common.version import VERSION
from lab.cluster import NEWER, Lab

pytestmark = pytest.mark.timeout(300)

_OWN_MEGABYTES = 80
"""Most that the image may add to its base."""
_PROXIES = ("haproxy", "nginx")
_TAKE_PORT = f"""
import os, socket, time
taker = socket.socket()
taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
while os.path.exists("/tmp/taken"):
    try:
        taker.bind(("0.0.0.0", {EDGE_PORT}))
        taker.listen()
    except OSError:
        pass
    time.sleep(0.005)
"""
"""Takes the proxy's port as soon as it lets go, until the file is gone."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The project, built and up, everything in it healthy."""
    with Lab(f"test-{os.getpid()}-image", [NEWER], agents=False, manager=False) as lab:
        load_base_images(lab.engines[0].socket)
        house = House.on(lab.engines[0], tmp_path_factory.mktemp("docker"))
        house.up()
        yield house


@pytest.fixture
def app(house: House) -> Iterator[str]:
    """A container of an app, started through the manager; its ID."""
    yield house.cluster("run", "-d", "--name", "app", "-p", "80", APP).line
    house.cluster("rm", "-f", "app")


@pytest.mark.parametrize("name", ["swarm-soa", "swarm-soa-router:haproxy"])
def test_an_image_is_small_and_needs_no_root(house: House, name: str) -> None:
    image, base = house.image(name), house.image("python:3.12-slim")
    assert image["Config"]["User"] == "10001:10001"
    assert image["Config"]["Healthcheck"]["Test"] == ["CMD", "swarm", "health"]
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


def test_images_are_loaded(house: House) -> None:
    done = house.cluster("load", stdin=archive("loaded:1", 32 << 20))
    assert done.line == "Loaded image: loaded:1"
    assert house.image("loaded:1")["RepoTags"] == ["loaded:1"]


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_images_are_built(house: House, tmp_path: Path, builder: str) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY told /told\nRUN cat /told\n")
    (tmp_path / "told").write_text(builder)
    kind = "0" if builder == "classic" else "1"
    client = house.given(DOCKER_BUILDKIT=kind).cluster
    client("pull", "-q", "busybox")
    client("build", "-t", f"built:{builder}", str(tmp_path), timeout_s=60)
    assert client("run", "--rm", f"built:{builder}", "cat", "/told").out == builder


def test_files_are_copied_both_ways(house: House, app: str) -> None:
    sent = os.urandom(3 << 20)
    house.cluster("cp", "-", f"{app}:/tmp", stdin=tar({"sent": sent}))
    back = house.cluster("cp", f"{app}:/tmp/sent", "-").raw
    with tarfile.open(fileobj=io.BytesIO(back)) as archived:
        member = archived.extractfile("sent")
        assert member is not None
        assert member.read() == sent


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


@pytest.mark.parametrize("proxy", _PROXIES)
def test_either_proxy_serves_names_and_tcp_ports(house: House, app: str, proxy: str) -> None:
    chosen = house.given(PROXY=proxy)
    chosen.up("router")
    assert chosen.image(f"swarm-soa-router:{proxy}")["Config"]["User"] == "10001:10001"
    tcp = ("-e", "SERVICE_NAME=plain", "-e", "SERVICE_MODE=tcp", "-e", f"SERVICE_LISTEN={TCP_PORT}")
    plain = house.cluster("run", "-d", "--name", "plain", "-p", "80", *tcp, APP).line
    try:
        until(lambda: house.edge("deepthought")[0] == 200, 20, "the app's route")
        assert app[:12] in house.edge("deepthought")[1]
        until(lambda: plain[:12] in _asked(house, TCP_PORT), 20, "the tcp service's port")
        assert proxy in house.compose("exec", "-T", "router", "ps", "-o", "args").out
    finally:
        house.cluster("rm", "-f", "plain")
        house.up("router")


def test_a_router_is_ill_while_its_proxy_is_dead(house: House, tmp_path: Path) -> None:
    quick = house.asked_each_second(tmp_path, "router")
    quick.up("router")
    inside = ("exec", "-T", "router")
    try:
        quick.compose(*inside, "touch", "/tmp/taken")
        quick.compose("exec", "-d", "router", "python", "-c", _TAKE_PORT)
        quick.compose(*inside, "sh", "-c", "kill -9 $(pidof haproxy)")
        until(lambda: quick.is_said_to_be("router", "unhealthy"), 30, "the router's illness")
        assert "the proxy does not run" in quick.health("router")[1]
    finally:
        quick.compose(*inside, "rm", "-f", "/tmp/taken")
    until(lambda: quick.is_said_to_be("router", "healthy"), 60, "its recovery")


def test_a_registrator_is_ill_without_consul_and_the_edge_serves_on(
    house: House, app: str, tmp_path: Path
) -> None:
    quick = house.asked_each_second(tmp_path, "registrator", "router")
    quick.up("registrator", "router")
    until(lambda: quick.edge("deepthought")[0] == 200, 20, "the app's route")
    quick.compose("stop", "consul")
    try:
        until(lambda: quick.is_said_to_be("registrator", "unhealthy"), 40, "its illness")
        assert "Consul does not take entries (kv)" in quick.health("registrator")[1]
        assert quick.is_said_to_be("router", "healthy")
        assert app[:12] in quick.edge("deepthought")[1]
    finally:
        quick.compose("start", "consul")
    until(lambda: quick.is_said_to_be("registrator", "healthy"), 60, "its recovery")


def test_a_manager_that_asks_for_certificates_is_asked_at_its_unix_socket(house: House) -> None:
    # That socket is plain beside TLS; here it is all that the manager listens on.
    place = "unix:///var/lib/swarm/manager.sock"
    health = ("-e", f"SWARM_HEALTH={place}", "--health-interval", "1s")
    where = ("--read-only", "-v", "/var/lib/swarm")
    command = ("swarm-soa", "manage", "-H", place, "nodes://127.0.0.1:1")
    house.docker("run", "-d", "--name", "local", *health, *where, *command)
    state = ("inspect", "-f", "{{.State.Health.Status}}", "local")
    try:
        until(lambda: house.docker(*state).line == "healthy", 20, "its health")
    finally:
        house.docker("rm", "-fv", "local")


def test_it_stops_in_order(house: House) -> None:
    house.compose("stop", "router", "manager")
    try:
        for part in ("router", "manager"):
            state = house.docker("inspect", "-f", "{{.State.ExitCode}}", house.container(part))
            assert state.line == "0", part
    finally:
        house.compose("start", "router", "manager")


def _asked(house: House, port: int) -> str:
    """What answers at a port of the edge; nothing if nobody does."""
    try:
        return house.edge("", port)[1]
    except OSError:
        return ""
