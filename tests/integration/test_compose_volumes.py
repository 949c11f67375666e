"""Docker Compose with named volumes: data outlives its containers, and draws them to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from compose_tools import GENERATIONS, Compose, new_project, remove_projects
from integration_tools import Api

from lab.cluster import Lab

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


@pytest.fixture(params=GENERATIONS)
def shop(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Iterator[Compose]:
    """A project, not up yet; nothing of it is left."""
    yield new_project(lab, request.param, tmp_path, _FILE)
    remove_projects(lab)


def test_up_down_up_finds_its_data(shop: Compose, api: Api) -> None:
    # The emptiest host is another one when the project comes back.
    shop("up", "-d")
    (home,) = shop.nodes()
    assert shop.cli("volume", "ls", "-q").lines == ["shop_data", "shop_logs"]
    first = shop.ids()
    shop("up", "-d")
    assert shop.ids() == first
    shop("down", "-t", "1")
    assert shop.cli("volume", "ls", "-q").lines == ["shop_data", "shop_logs"]
    for _ in range(3):
        api.run(Env=[f"constraint:node=={home}"])
    shop("up", "-d")
    assert shop.nodes() == {home}
    assert shop("exec", "-T", "web", "ls", "/logs").out == ""
    assert shop("exec", "-T", "db", "cat", "/data/table").out == "row\nrow\n"
    shop("down", "-v", "-t", "1")
    assert shop.cli("volume", "ls", "-q").lines == []
