"""``swarm manage --publish``: published ports are at the manager's address too."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from integration_tools import Api, Cli, Manager, until
from publish_tools import PublishingManager, address_of

from lab.cluster import Lab
from lab.http import call

LOW, HIGH = 62000, 62099
SERVE = ["sh", "-c", "mkdir /www; echo $0 > /www/index.html; exec httpd -f -p 80 -h /www"]


@pytest.fixture(scope="module")
def manager(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    folder: Path = tmp_path_factory.mktemp("publish")
    with PublishingManager(lab, folder, f"{address_of(lab)}:{LOW}-{HIGH}") as manager:
        yield manager


@pytest.fixture
def at(manager: Manager, docker: Cli) -> Cli:
    """The docker client, pointed at the manager that publishes."""
    return Cli(docker.program, manager.url)


@pytest.fixture
def here(lab: Lab) -> str:
    """The address that ports are published at."""
    return address_of(lab)


def serve(api: Api, name: str, host_port: str = "", **body: Any) -> str:
    """Run a web server that says its name; its ID."""
    host = {"PortBindings": {"80/tcp": [{"HostPort": host_port}]}}
    return api.run(
        name, **{"Cmd": [*SERVE, name], "ExposedPorts": {"80/tcp": {}}, "HostConfig": host, **body}
    )


def port_of(api: Api, container: str) -> int:
    (binding,) = api.get(f"/containers/{container}/json")["NetworkSettings"]["Ports"]["80/tcp"]
    return int(binding["HostPort"])


def said(place: str) -> bytes:
    """What a web server says; empty if there is none."""
    try:
        return call("GET", place, "/", timeout_s=2).body.strip()
    except OSError:
        return b""


def accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), 2):
            return True
    except OSError:
        return False


def on(node: int) -> dict[str, Any]:
    return {"Env": [f"constraint:node==dockerhost{node:02}"]}


@pytest.mark.parametrize("node", [1, 2, 3])
def test_a_drawn_port_is_at_the_manager_and_at_the_node(
    manager: Manager, lab: Lab, here: str, node: int
) -> None:
    container = serve(manager.api, "web", **on(node))
    port = port_of(manager.api, container)
    assert LOW <= port <= HIGH
    assert accepts(here, port)  # at once: a client that has been told of the start connects
    until(lambda: said(f"{here}:{port}") == b"web", 5, "an answer at the manager")
    assert said(f"{lab.engines[node - 1].plan.address}:{port}") == b"web"


def test_a_fixed_port_stays_as_asked(at: Cli, here: str) -> None:
    at("run", "-d", "-p", "18080:80", "busybox", *SERVE, "fixed")
    until(lambda: said(f"{here}:18080") == b"fixed", 5, "an answer")


def test_a_port_that_is_left_open_on_the_command_line(at: Cli, here: str) -> None:
    container = at("run", "-d", "-p", "80", "busybox", *SERVE, "open").line
    port = at("port", container, "80").line.rpartition(":")[2]
    until(lambda: said(f"{here}:{port}") == b"open", 5, "an answer")


def test_every_port_that_the_image_exposes(at: Cli, here: str) -> None:
    container = at("run", "-d", "-P", "mbajor/deepthought").line
    port = int(at("port", container, "80").line.rpartition(":")[2])
    assert LOW <= port <= HIGH
    until(lambda: b"42" in said(f"{here}:{port}"), 5, "an answer")


def test_the_same_fixed_port_on_two_nodes_is_the_first_ones(manager: Manager, here: str) -> None:
    first = serve(manager.api, "first", "18081", **on(1))
    until(lambda: said(f"{here}:18081") == b"first", 5, "the first one's answer")
    serve(manager.api, "second", "18081", **on(2))
    assert said(f"{here}:18081") == b"first"
    assert "Port 18081 is that of dockerhost01/first, not of dockerhost02/second" in (
        manager.logged()
    )
    manager.api("DELETE", f"/containers/{first}?force=1")
    until(lambda: said(f"{here}:18081") == b"second", 5, "the second one's answer")


def test_a_port_follows_its_container(manager: Manager, here: str) -> None:
    container = serve(manager.api, "web", **on(2))
    port = port_of(manager.api, container)
    for verb in ("stop?t=0", "start", "restart?t=0"):
        assert manager.api("POST", f"/containers/{container}/{verb}").status == 204
        if verb.startswith("stop"):
            until(lambda: not accepts(here, port), 5, "the listener's end")
        else:
            assert accepts(here, port)
            assert port_of(manager.api, container) == port
    manager.api("DELETE", f"/containers/{container}?force=1")
    until(lambda: not accepts(here, port), 5, "the listener's end")


def test_what_nobody_asked_the_manager_for_is_published(
    lab: Lab, manager: Manager, here: str
) -> None:
    engine = Api(lab.engines[2].socket)
    serve(engine, "early", "18082")
    until(lambda: said(f"{here}:18082") == b"early", 5, "an answer")


def test_loopback_and_udp_are_not_published(manager: Manager, here: str) -> None:
    bindings = {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18083"}],
        "53/udp": [{"HostPort": "18083"}],
    }
    manager.api.run("web", HostConfig={"PortBindings": bindings})
    other = serve(manager.api, "other")
    assert accepts(here, port_of(manager.api, other))  # the manager has looked
    assert not accepts(here, 18083)


def test_thirty_at_once_get_thirty_ports(manager: Manager, here: str) -> None:
    with ThreadPoolExecutor(15) as pool:
        containers = list(pool.map(partial(serve, manager.api), [f"w{n}" for n in range(30)]))
    ports = [port_of(manager.api, one) for one in containers]
    assert len(set(ports)) == 30
    assert all(accepts(here, port) for port in ports)


def test_a_port_that_somebody_else_has_is_told(manager: Manager, here: str) -> None:
    with socket.create_server((here, 18084)):
        serve(manager.api, "web", "18084")
    assert f"listen tcp {here}:18084: bind: address already in use" in manager.logged()


def test_the_address_must_be_this_machines(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"listen tcp 192\.0\.2\.1:0: bind: cannot assign"):
        PublishingManager(lab, tmp_path, "192.0.2.1")
