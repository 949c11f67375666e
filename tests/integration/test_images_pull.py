"""``docker pull``, ``docker images``: the images of all hosts, and how they get there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_tools import reset_images
from integration_tools import (
    APP,
    Api,
    Cli,
    Manager,
    at_an_engine,
    knows_app,
    message,
    remove_app,
    until,
)

from lab.cluster import Lab


@pytest.fixture(autouse=True)
def _only_the_base_images(lab: Lab, api: Api) -> Iterator[None]:
    reset_images(lab, api)
    yield
    reset_images(lab, api)


def has(lab: Lab, image: str) -> list[bool]:
    """Whether each engine has *image*."""
    return [engine.docker("images", "-q", image) != "" for engine in lab.engines]


def test_pull_everywhere(any_docker: Cli, lab: Lab) -> None:
    done = any_docker("pull", APP, timeout_s=30)
    assert has(lab, APP) == [True, True, True]
    for engine in lab.engines:
        assert f"{engine.name}:latest: Pulling from {APP}" in done.out
        assert f"{engine.name}: Status: Downloaded newer image for {APP}:latest" in done.out
    assert any_docker("images", "--format", "{{.Repository}}").lines.count(APP) == 1


def test_progress_comes_as_it_happens(api: Api, lab: Lab) -> None:
    answer = api("POST", f"/images/create?fromImage={APP}&tag=latest")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers.get("transfer-encoding") == "chunked"
    lines = [json.loads(line) for line in answer.body.splitlines()]
    nodes = {str(line["id"]).partition(":")[0] for line in lines if "id" in line}
    assert nodes == {engine.name for engine in lab.engines}
    assert knows_app(api)


def test_what_the_registry_does_not_have(any_docker: Cli, lab: Lab) -> None:
    image = f"{lab.registry.endpoint}/no/such"
    done = any_docker.fails("pull", image, code=1)
    assert "not found" in done.err or "manifest unknown" in done.err
    direct = at_an_engine(any_docker, lab).fails("pull", image, code=1)
    assert done.err == direct.err


@pytest.mark.parametrize(
    ("scope", "hosts"),
    [
        pytest.param("all", [True, True, True], id="all"),
        pytest.param("placeable", [True, True, True], id="placeable"),
        pytest.param("one", None, id="one"),
    ],
)
def test_pull_scope(
    lab: Lab, docker: Cli, tmp_path: Path, scope: str, hosts: list[bool] | None
) -> None:
    with Manager(tmp_path, "--pull-scope", scope, lab.consul.uri, nodes=3) as manager:
        Cli(docker.program, manager.url)("pull", APP)
    assert has(lab, APP) == hosts if hosts else sum(has(lab, APP)) == 1


def test_by_digest_and_tag(docker: Cli, api: Api, lab: Lab) -> None:
    docker("pull", f"{APP}:latest")
    digest = docker("inspect", "-f", "{{index .RepoDigests 0}}", APP).line
    assert digest.startswith(f"{APP}@sha256:")
    remove_app(lab, api)
    docker("pull", digest)
    assert docker("inspect", "-f", "{{.Id}}", digest).line.startswith("sha256:")


def test_a_container_lands_where_the_image_is_not_yet(docker: Cli, api: Api, lab: Lab) -> None:
    lab.engines[0].docker("pull", "-q", APP)
    until(lambda: knows_app(api), 3, "the event")
    done = docker("run", "-d", "-e", "constraint:node==dockerhost03", APP)
    assert "Unable to find image" not in done.err
    assert has(lab, APP) == [True, False, True]


def test_list(any_docker: Cli, lab: Lab) -> None:
    shown = any_docker("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").lines
    assert len(shown) == 2
    assert shown[0].startswith("alpine:latest ")
    assert shown[1].startswith("busybox:latest ")
    assert any_docker("images", "-q", "busybox").line
    assert any_docker("images", "-q", "nothing").line == ""
    assert any_docker("images", "-q", "--no-trunc", "busybox").line.startswith("sha256:")
    assert any_docker("images", "--filter", "reference=busy*", "--format", "{{.Repository}}").lines


def test_inspect(docker: Cli, lab: Lab) -> None:
    ours = json.loads(docker("image", "inspect", "busybox").out)
    theirs = json.loads(lab.engines[0].docker("image", "inspect", "busybox"))
    for image in (*ours, *theirs):
        image.pop("GraphDriver")  # folders of the host that answers
        image.pop("Metadata")
    assert ours == theirs


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param("fromImage=", 400, id="nothing"),
        pytest.param("fromImage=UPPER", 400, id="no-reference"),
        pytest.param("fromImage=busybox&tag=a:b:c", 400, id="no-tag"),
        pytest.param("", 400, id="neither-image-nor-source"),
    ],
)
def test_bad_pull(api: Api, query: str, status: int) -> None:
    answer = api("POST", f"/images/create?{query}")
    assert answer.status == status, message(answer)
    assert message(answer)


@pytest.mark.parametrize("filters", ['{"nonsense":["a"]}', '{"dangling":["maybe"]}', "{"])
def test_bad_filter(api: Api, filters: str) -> None:
    answer = api("GET", f"/images/json?filters={filters}")
    assert answer.status == 400
    assert message(answer)
