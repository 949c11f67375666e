"""Docker Compose with named volumes: data outlives its containers, and draws them to it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from integration_tools import Api, Cli
from network_tools import remove_networks

from lab.cluster import Lab
from lab.install import find

_FILE = """
services:
  web:
    image: busybox
    command: sleep 600
    init: true
    depends_on: [db]
    volumes: [logs:/logs]
  db:
    image: busybox
    command: sh -c "echo row >>/data/table; sleep 600"
    init: true
    volumes: [data:/data, logs:/logs]
volumes:
  data: {}
  logs: {labels: {tier: log}}
"""


@pytest.fixture
def compose(docker: Cli, tmp_path: Path, lab: Lab) -> Iterator[Cli]:
    """``docker compose`` in a folder of its own; nothing of its project is left."""
    plugins = tmp_path / "config" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(find().plugins / "docker-compose")
    (tmp_path / "compose.yml").write_text(_FILE)
    environment = {"DOCKER_CONFIG": str(plugins.parent), "COMPOSE_PROJECT_NAME": "shop"}
    yield replace(docker, environment=environment)
    remove_networks(lab)
    for engine in lab.engines:
        Api(engine.socket)("POST", "/v1.41/volumes/prune")


def test_up_down_up_finds_its_data(compose: Cli, api: Api, tmp_path: Path) -> None:
    file = ("compose", "--progress", "plain", "-f", str(tmp_path / "compose.yml"))
    # The emptiest host is another one when the project comes back.
    compose(*file, "up", "-d", timeout_s=60)
    home = api.node_of("shop-db-1")
    assert api.node_of("shop-web-1") == home
    assert compose("volume", "ls", "-q").lines == ["shop_data", "shop_logs"]
    ids = compose("ps", "-q", "--no-trunc").lines
    compose(*file, "up", "-d", timeout_s=60)
    assert compose("ps", "-q", "--no-trunc").lines == ids
    compose(*file, "down", "-t", "1", timeout_s=60)
    assert compose("volume", "ls", "-q").lines == ["shop_data", "shop_logs"]
    for _ in range(3):
        api.run(Env=[f"constraint:node=={home}"])
    compose(*file, "up", "-d", timeout_s=60)
    assert api.node_of("shop-db-1") == home
    assert compose("exec", "shop-web-1", "ls", "/logs").out == ""
    assert compose("exec", "shop-db-1", "cat", "/data/table").out == "row\nrow\n"
    compose(*file, "down", "-v", "-t", "1", timeout_s=60)
    assert compose("volume", "ls", "-q").lines == []
