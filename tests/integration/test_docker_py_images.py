"""docker-py: images, by name and as bytes."""

import json
from collections.abc import Iterator

import pytest
from docker import DockerClient
from docker.errors import APIError, ImageLoadError, ImageNotFound, NotFound
from docker_py_tools import run
from image_tools import archive, ids, reset_images
from integration_tools import APP, Api, remove_app

from lab.cluster import Lab


@pytest.fixture(autouse=True)
def _nothing_but_busybox(lab: Lab, api: Api) -> Iterator[None]:
    reset_images(lab, api)
    yield
    reset_images(lab, api)


def test_get(client: DockerClient) -> None:
    image = client.images.get("busybox")
    assert "busybox:latest" in image.tags
    assert image.short_id == image.id[: len("sha256:") + 12]
    assert (image.attrs["Os"], image.attrs["Config"]["Cmd"]) == ("linux", ["sh"])
    for reference in ("busybox:latest", image.id, image.id.removeprefix("sha256:")[:12]):
        assert client.images.get(reference) == image


def test_get_what_is_not_there(client: DockerClient) -> None:
    with pytest.raises(ImageNotFound) as caught:
        client.images.get("no/such:1")
    assert caught.value.status_code == 404
    assert caught.value.explanation == "No such image: no/such:1"


def test_each_image_is_listed_once(client: DockerClient, lab: Lab) -> None:
    images = client.images.list()
    assert [sorted(image.tags) for image in images] == [["alpine:latest", "busybox:latest"]]
    assert len({*ids(lab, "busybox")}) == 1


def test_list_by(client: DockerClient) -> None:
    client.images.load(archive("made:1"))
    (base,) = client.images.list(name="busybox")
    (made,) = client.images.list(filters={"since": "busybox"})
    assert (made.tags, sorted(base.tags)) == (["made:1"], ["alpine:latest", "busybox:latest"])
    assert client.images.list(filters={"reference": "mad*"}) == [made]
    assert client.images.list(filters={"dangling": True}) == []
    assert client.images.list(filters={"label": "no=such"}) == []
    assert client.images.list(name="no/such") == []
    assert client.api.images(quiet=True, name="made") == [made.id]


def test_pull(client: DockerClient, lab: Lab, api: Api) -> None:
    remove_app(lab, api)
    image = client.images.pull(APP)
    assert image.tags == [f"{APP}:latest"]
    assert ids(lab, APP) == [image.id] * 3


def test_pull_every_tag(client: DockerClient, lab: Lab) -> None:
    repository = f"{lab.registry.endpoint}/many"
    for tag in ("1", "2"):
        client.images.get("busybox").tag(repository, tag)
        client.images.push(repository, tag)
        client.images.remove(f"{repository}:{tag}")
    images = client.images.pull(repository, all_tags=True)
    assert {tag for image in images for tag in image.tags} >= {
        f"{repository}:1", f"{repository}:2"
    }  # fmt: skip


def test_pull_as_a_stream(client: DockerClient, lab: Lab, api: Api) -> None:
    remove_app(lab, api)
    lines = list(client.api.pull(APP, tag="latest", stream=True, decode=True))
    assert {line["id"].partition(":")[0] for line in lines if "id" in line} == {
        engine.name for engine in lab.engines
    }
    assert any("Downloaded newer image" in line["status"] for line in lines)


def test_pull_what_nobody_has(client: DockerClient, lab: Lab) -> None:
    with pytest.raises(NotFound, match="not found") as caught:
        client.images.pull(f"{lab.registry.endpoint}/no/such", tag="1")
    assert caught.value.status_code == 404


def test_tag_and_remove(client: DockerClient, lab: Lab) -> None:
    image = client.images.get("busybox")
    assert image.tag("made", tag="1") is True
    assert ids(lab, "made:1") == [image.id] * 3
    image.reload()
    assert "made:1" in image.tags
    client.images.remove("made:1")
    assert ids(lab, "made:1") == ["", "", ""]
    assert client.images.get("busybox") == image


def test_a_tag_that_is_none(client: DockerClient) -> None:
    with pytest.raises(APIError, match=r"repository name .*must be lowercase") as caught:
        client.images.get("busybox").tag("Made:in:haste")
    assert caught.value.is_error()


def test_an_image_in_use_stays(client: DockerClient) -> None:
    (image,) = client.images.load(archive("made:1"))
    container = client.containers.create("made:1")
    with pytest.raises(APIError, match="conflict: unable to remove repository reference") as caught:
        client.images.remove("made:1")
    assert caught.value.status_code == 409
    with pytest.raises(APIError, match="image is being used by stopped container"):
        image.remove()
    container.remove()
    image.remove()
    with pytest.raises(ImageNotFound):
        client.images.remove("made:1")


def test_history(client: DockerClient) -> None:
    image = client.images.get("busybox")
    (layer,) = image.history()
    assert (layer["Id"], layer["CreatedBy"]) == (image.id, "swarm lab")
    assert sorted(layer["Tags"]) == ["alpine:latest", "busybox:latest"]
    assert client.api.history("busybox:latest") == [layer]


def test_save_and_load(client: DockerClient, lab: Lab) -> None:
    (image,) = client.images.load(archive("made:1", size=1 << 20))
    whole = b"".join(image.save(named=True))
    pieces = list(image.save(named="made:1", chunk_size=1 << 14))
    assert max(map(len, pieces)) <= 1 << 14
    assert sum(map(len, pieces)) > 1 << 20
    image.remove(force=True)
    (again,) = client.images.load(whole)
    assert (again.id, again.tags) == (image.id, ["made:1"])
    assert ids(lab, "made:1") == [image.id] * 3


def test_saved_without_its_name(client: DockerClient) -> None:
    (image,) = client.images.load(archive("made:1"))
    data = b"".join(image.save())
    client.images.remove("made:1")
    (again,) = client.images.load(data)
    assert (again.id, again.tags) == (image.id, [])


def test_load_what_is_no_image(client: DockerClient) -> None:
    with pytest.raises(ImageLoadError, match="invalid tar header"):
        client.images.load(b"this is no image" * 1000)
    assert len(client.images.list()) == 1


def test_push(client: DockerClient, lab: Lab) -> None:
    repository = f"{lab.registry.endpoint}/mine"
    client.images.get("busybox").tag(repository, "1")
    lines = list(client.images.push(repository, "1", stream=True, decode=True))
    digest = lines[-1]["aux"]["Digest"]
    assert lines[0]["status"] == f"The push refers to repository [{repository}]"
    data = client.images.get_registry_data(f"{repository}:1")
    assert data.id == digest
    assert data.has_platform("linux/amd64")
    assert not data.has_platform("linux/arm64")
    client.images.remove(f"{repository}:1")
    assert data.pull().id == client.images.get("busybox").id


def test_push_tells_its_failure(client: DockerClient) -> None:
    client.images.get("busybox").tag("127.0.0.1:1/nowhere", "1")
    told = client.images.push("127.0.0.1:1/nowhere", "1")
    assert "connection refused" in json.loads(told.splitlines()[-1])["error"]


def test_registry_data_of_what_nobody_has(client: DockerClient, lab: Lab) -> None:
    with pytest.raises(APIError, match=r"manifest unknown|not found") as caught:
        client.images.get_registry_data(f"{lab.registry.endpoint}/no/such:1")
    assert caught.value.is_client_error()


def test_a_search_is_the_registrys(client: DockerClient, lab: Lab) -> None:
    with pytest.raises(APIError, match="Unexpected status code 404"):
        client.images.search(f"{lab.registry.endpoint}/busybox")


def test_prune(client: DockerClient, lab: Lab) -> None:
    (image,) = client.images.load(archive("made:1"))
    client.images.load(archive("made:1"))
    assert client.images.list(filters={"dangling": True}) == [image]
    told = client.images.prune(filters={"dangling": True})
    assert {"Deleted": image.id} in told["ImagesDeleted"]
    assert client.images.list(filters={"dangling": True}) == []
    assert client.images.get("made:1").id != image.id


def test_a_loaded_image_runs_on_each_node(client: DockerClient, lab: Lab) -> None:
    data = b"".join(client.images.get("busybox").save(named="busybox:latest"))
    (image,) = client.images.load(data)
    for engine in lab.engines:
        there = [f"constraint:node=={engine.name}"]
        assert run(client, ["echo", "hi"], image=image.id, environment=there) == "hi\n"
