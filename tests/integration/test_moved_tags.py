"""A tag that was given to a new image on one host means that image, whatever is asked of it."""

import io
import json
import tarfile
from collections.abc import Iterator

import docker as docker_py
import pytest
from image_tools import archive, ids, reset_images
from integration_tools import Api, Cli, until

from lab.cluster import Lab

HOSTS = ("dockerhost01", "dockerhost02", "dockerhost03")


@pytest.fixture(autouse=True)
def _no_images_left(lab: Lab, api: Api) -> Iterator[None]:
    yield
    reset_images(lab, api)


def load(api: Api, tag: str) -> str:
    """Load a new image wherever *api* does; its ID."""
    answer = api("POST", "/images/load?quiet=1", archive(tag))
    assert answer.status == 200, answer.body
    return str(api.get(f"/images/{tag}/json")["Id"])


def moved(lab: Lab, docker: Cli, api: Api, tag: str) -> str:
    """Every host has *tag*, and the last one makes it anew; the ID of what it means now."""
    old = load(api, tag)
    docker("create", "--name", "base", "-e", f"constraint:node=={HOSTS[2]}", "busybox")
    docker("commit", "base", tag)
    docker("rm", "base")
    until(lambda: ids(lab, tag)[2] not in ("", old), 5, "the new image")
    return ids(lab, tag)[2]


def test_it_is_what_is_shown_and_saved(lab: Lab, docker: Cli, api: Api) -> None:
    new = moved(lab, docker, api, "app:1")
    assert len(set(ids(lab, "app:1"))) == 2
    assert docker("inspect", "-f", "{{.Id}}", "app:1").line == new
    assert docker("images", "-q", "--no-trunc", "app:1").lines == [new]
    assert docker("history", "-q", "--no-trunc", "app:1").out.splitlines()[0] == new
    for path in ("/images/app:1/get", "/images/get?names=app:1", "/images/app/get"):
        with tarfile.open(fileobj=io.BytesIO(api("GET", path).body)) as saved:
            manifest = saved.extractfile("manifest.json")
            assert manifest is not None
            config = json.load(manifest)[0]["Config"]
        assert config.rpartition("/")[2].partition(".")[0] == new.removeprefix("sha256:")


def test_it_is_what_gets_another_name(lab: Lab, docker: Cli, api: Api) -> None:
    new = moved(lab, docker, api, "app:1")
    load(api, "app:2")
    docker("tag", "app:1", "app:2")
    assert ids(lab, "app:2") == [new] * 3
    docker("tag", "app:1", "app:3")
    assert ids(lab, "app:3") == ["", "", new]


def test_it_is_what_is_pushed(lab: Lab, docker: Cli, api: Api) -> None:
    name = f"{lab.registry.endpoint}/moved:1"
    new = moved(lab, docker, api, name)
    docker("push", name)
    lab.engines[0].docker("pull", name)
    assert ids(lab, name)[0] == new


def test_its_other_tags_stay_what_they_are(lab: Lab, docker: Cli, api: Api) -> None:
    """`docker run app` needs app:latest; the other tags of its repository are none of its own."""
    first, second = (Api(engine.socket) for engine in lab.engines[:2])
    latest = load(first, "app:latest")
    load(first, "app:1")
    other = load(second, "app:1")
    until(lambda: len(api.get("/images/json")) == 4, 5, "the images")
    for create in ("app", "docker.io/library/app"):
        made = api.create(Image=create, Cmd=["/x"], Env=[f"constraint:node=={HOSTS[1]}"])
        assert api.get(f"/containers/{made}/json")["Image"] == latest
        api("DELETE", f"/containers/{made}")
    assert ids(lab, "app:latest") == [latest, latest, ""]
    assert ids(lab, "app:1")[1] == other


def test_a_tag_in_the_name_moves_it_everywhere(lab: Lab, api: Api) -> None:
    """As docker-py's users write it; the engine reads it so, too."""
    load(api, "app:1")
    new = load(Api(lab.engines[0].socket), "other:1")
    until(lambda: "other:1" in str(api.get("/images/json")), 5, "the image")
    client = docker_py.DockerClient(base_url=lab.manager.url)
    try:
        assert client.images.get("other:1").tag("app:1")
    finally:
        client.close()
    assert ids(lab, "app:1") == [new] * 3
