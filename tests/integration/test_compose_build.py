"""Images of a Compose project: built by each builder, pushed to a registry and pulled from it."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from compose_tools import Compose, new_project, remove_projects
from image_tools import reset_images
from integration_tools import Api

from lab.cluster import Lab

_FILE = """
services:
  web:
    image: {image}
    build:
      context: .
      args: [who=me]
    command: sh -c "cat /word; sleep 600"
    init: true
  db:
    image: busybox
    command: sleep 600
    init: true
"""
_BUILDERS = {
    "v2-buildkit": ("v2", {}),
    "v2-classic": ("v2", {"DOCKER_BUILDKIT": "0"}),
    "v1-own": ("v1", {"COMPOSE_DOCKER_CLI_BUILD": "0"}),
    "v1-by-docker": ("v1", {"COMPOSE_DOCKER_CLI_BUILD": "1", "DOCKER_BUILDKIT": "1"}),
}


@pytest.fixture(autouse=True)
def _nothing_left(lab: Lab, api: Api) -> Iterator[None]:
    yield
    remove_projects(lab)
    reset_images(lab, api)


@pytest.fixture
def image(lab: Lab) -> str:
    """A new name in the lab's registry."""
    return f"{lab.registry.endpoint}/shop/{uuid.uuid4().hex[:12]}:1"


@pytest.fixture(params=_BUILDERS)
def shop(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path, image: str) -> Compose:
    """A project with one service to build, by each builder in turn."""
    generation, environment = _BUILDERS[request.param]
    project = new_project(lab, generation, tmp_path, _FILE.format(image=image))
    _write_word(project, image)
    lines = ("FROM busybox", "ARG who=nobody", "COPY word /word", "RUN echo $who >>/word")
    (project.folder / "Dockerfile").write_text("".join(f"{line}\n" for line in lines))
    return project.with_env(**environment)


def _write_word(project: Compose, word: str) -> None:
    """What the next build is to contain; no cache knows it."""
    (project.folder / "word").write_text(f"{word}\n")


def _said(shop: Compose) -> str:
    return shop("exec", "-T", "web", "cat", "/word").out


def test_a_service_is_built_and_built_anew(shop: Compose, image: str) -> None:
    shop("build")
    shop("up", "-d")
    first = shop.ids()
    assert _said(shop) == f"{image}\nme\n"
    assert len(shop.nodes()) == 1
    assert "Recreat" not in shop("up", "-d").err
    assert shop.ids() == first
    _write_word(shop, f"another {image}")
    shop("up", "-d", "--build", "-t", "1")
    second = shop.ids()
    assert {name for name in first if first[name] != second[name]} == {shop.name("web")}
    assert _said(shop) == f"another {image}\nme\n"
    shop("down", "-t", "1", "--rmi", "all" if shop.generation == "v1" else "local")


def test_a_build_that_fails_starts_nothing(shop: Compose) -> None:
    (shop.folder / "Dockerfile").write_text("FROM busybox\nRUN echo no >&2; exit 7\n")
    done = shop("up", "-d", check=False)
    assert done.code != 0
    assert "7" in done.err
    assert shop.rows() == []


@pytest.mark.parametrize("shop", ["v2-buildkit", "v1-own"], indirect=True)
def test_images_go_to_a_registry_and_come_back(
    lab: Lab, api: Api, shop: Compose, image: str
) -> None:
    shop("build")
    shop("push", "web")
    reset_images(lab, api)
    assert api("GET", f"/images/{image}/json").status == 404
    shop("pull", "web")
    assert api("GET", f"/images/{image}/json").status == 200
    shop("up", "-d", "--no-build")
    assert _said(shop) == f"{image}\nme\n"
    shop("down", "-t", "1")
