"""Docker Compose over three hosts, as a plug-in of the docker client."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from integration_tools import Api, Cli, docker_config
from network_tools import hosts_with, remove_networks

from lab.cluster import Lab
from lab.install import find

_TWO_NETWORKS = """
services:
  web:
    image: busybox
    command: sleep 600
    init: true
    networks: [front, back]
    depends_on: [db]
  db:
    image: busybox
    command: sleep 600
    init: true
    networks:
      back:
        aliases: [database]
  probe:
    image: busybox
    command: sleep 600
    init: true
    networks: [front]
networks:
  front: {}
  back: {}
"""
_DEFAULT_NETWORK = """
services:
  web:
    image: busybox
    command: sleep 600
    init: true
    deploy: {replicas: 2}
  db:
    image: busybox
    command: sleep 600
    init: true
"""


@pytest.fixture(autouse=True)
def _no_networks(lab: Lab) -> Iterator[None]:
    yield
    remove_networks(lab)


@pytest.fixture
def compose(docker: Cli, tmp_path: Path) -> Cli:
    """`docker compose` in a folder of its own; the plug-in is the lab's."""
    plugins = tmp_path / "config" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(find().plugins / "docker-compose")
    assert docker_config()
    environment = {"DOCKER_CONFIG": str(plugins.parent), "COMPOSE_PROJECT_NAME": "shop"}
    return replace(docker, environment=environment)


def _file(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "compose.yml"
    path.write_text(text)
    return ("compose", "--progress", "plain", "-f", str(path))


def _started(api: Api) -> dict[str, str]:
    """IDs of containers by name."""
    return {row["Names"][0]: row["Id"] for row in api.get("/containers/json")}


def test_up_twice_recreates_nothing(lab: Lab, compose: Cli, api: Api, tmp_path: Path) -> None:
    file = _file(tmp_path, _DEFAULT_NETWORK)
    compose(*file, "up", "-d", timeout_s=60)
    first = _started(api)
    assert len(first) == 3
    assert len({api.node_of(container) for container in first.values()}) == 1
    shown = compose(*file, "ps", "--format", "json").out
    names = {json.loads(line)["Name"] for line in shown.splitlines()}
    assert names == {"shop-web-1", "shop-web-2", "shop-db-1"}
    again = compose(*file, "up", "-d", timeout_s=60)
    assert "Recreate" not in again.err
    assert _started(api) == first
    compose(*file, "exec", "-T", "web", "ping", "-c", "1", "-W", "3", "db")
    compose(*file, "exec", "-T", "db", "ping", "-c", "1", "-W", "3", "web")
    compose(*file, "down", "-t", "1", timeout_s=60)
    assert api.get("/containers/json?all=1") == []
    assert hosts_with(lab, "shop_default") == []
    assert [row["Name"] for row in api.get("/networks")] == ["bridge", "host", "none"]


def test_services_of_two_networks_keep_together(
    lab: Lab, compose: Cli, api: Api, tmp_path: Path
) -> None:
    file = _file(tmp_path, _TWO_NETWORKS)
    compose(*file, "up", "-d", timeout_s=60)
    first = _started(api)
    assert len({api.node_of(container) for container in first.values()}) == 1
    for service, other in (("web", "database"), ("web", "probe"), ("probe", "web")):
        compose(*file, "exec", "-T", service, "ping", "-c", "1", "-W", "3", other)
    networks = {row["Name"]: row["Id"] for row in api.get("/networks")}
    joined = api.get("/containers/shop-web-1/json")["NetworkSettings"]["Networks"]
    assert {name: end["NetworkID"] for name, end in joined.items()} == {
        name: networks[name] for name in ("shop_front", "shop_back")
    }
    again = compose(*file, "up", "-d", timeout_s=60)
    assert "Recreate" not in again.err
    assert _started(api) == first
    compose(*file, "down", "-t", "1", timeout_s=60)
    assert (hosts_with(lab, "shop_front"), hosts_with(lab, "shop_back")) == ([], [])


def test_a_changed_service_alone_is_recreated(compose: Cli, api: Api, tmp_path: Path) -> None:
    file = _file(tmp_path, _DEFAULT_NETWORK)
    compose(*file, "up", "-d", timeout_s=60)
    first = _started(api)
    _file(tmp_path, _DEFAULT_NETWORK.replace("  db:\n", "  db:\n    environment: [NEW=1]\n"))
    compose(*file, "up", "-d", "-t", "1", timeout_s=60)
    second = _started(api)
    assert {name for name in first if first[name] != second.get(name)} == {"/shop-db-1"}
    compose(*file, "exec", "-T", "web", "ping", "-c", "1", "-W", "3", "db")
    compose(*file, "down", "-t", "1", timeout_s=60)
