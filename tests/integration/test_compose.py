"""A Docker Compose project keeps together, and is left as it is while its file says the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from compose_tools import GENERATIONS, Compose, new_project
from integration_tools import Api
from network_tools import hosts_with, remove_networks

from lab.cluster import Lab

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
  db:
    image: busybox
    command: sleep 600
    init: true
"""


@pytest.fixture(autouse=True)
def _no_networks(lab: Lab) -> Iterator[None]:
    yield
    remove_networks(lab)


@pytest.fixture(params=GENERATIONS)
def shop(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Compose:
    """A project, not up yet."""
    return new_project(lab, request.param, tmp_path, _DEFAULT_NETWORK)


def _ping(shop: Compose, service: str, other: str) -> None:
    """Let one service reach another by name."""
    shop("exec", "-T", service, "ping", "-c", "1", "-W", "3", other)


def test_up_twice_recreates_nothing(lab: Lab, shop: Compose, api: Api) -> None:
    shop("up", "-d", "--scale", "web=2")
    first = shop.ids()
    assert set(first) == {shop.name("web", 1), shop.name("web", 2), shop.name("db")}
    assert len(shop.nodes()) == 1
    again = shop("up", "-d", "--scale", "web=2")
    assert "Recreat" not in again.err
    assert shop.ids() == first
    _ping(shop, "web", "db")
    _ping(shop, "db", "web")
    shop("down", "-t", "1")
    assert api.get("/containers/json?all=1") == []
    assert hosts_with(lab, "shop_default") == []
    assert [row["Name"] for row in api.get("/networks")] == ["bridge", "host", "none"]


def test_services_of_two_networks_keep_together(lab: Lab, shop: Compose, api: Api) -> None:
    shop.write(_TWO_NETWORKS)
    shop("up", "-d")
    first = shop.ids()
    assert len(shop.nodes()) == 1
    for service, other in (("web", "database"), ("web", "probe"), ("probe", "web")):
        _ping(shop, service, other)
    networks = {row["Name"]: row["Id"] for row in api.get("/networks")}
    joined = api.get(f"/containers/{shop.name('web')}/json")["NetworkSettings"]["Networks"]
    assert {name: end["NetworkID"] for name, end in joined.items()} == {
        name: networks[name] for name in ("shop_front", "shop_back")
    }
    again = shop("up", "-d")
    assert "Recreat" not in again.err
    assert shop.ids() == first
    shop("down", "-t", "1")
    assert (hosts_with(lab, "shop_front"), hosts_with(lab, "shop_back")) == ([], [])


def test_a_changed_service_alone_is_recreated(shop: Compose) -> None:
    shop("up", "-d")
    first = shop.ids()
    shop.write(_DEFAULT_NETWORK.replace("  db:\n", "  db:\n    environment: [NEW=1]\n"))
    shop("up", "-d", "-t", "1")
    second = shop.ids()
    assert {name for name in first if first[name] != second.get(name)} == {shop.name("db")}
    _ping(shop, "web", "db")
    shop("down", "-t", "1")
