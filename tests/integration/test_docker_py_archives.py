"""docker-py: files in and out of containers, export and commit."""

import io
import tarfile
from collections.abc import Iterable, Iterator

import pytest
from docker import DockerClient
from docker.errors import APIError, NotFound
from docker_py_tools import run, script, sleeper
from image_tools import reset_images, tar
from integration_tools import Api

from lab.cluster import Lab


@pytest.fixture(autouse=True)
def _no_images_left(request: pytest.FixtureRequest, lab: Lab, api: Api) -> Iterator[None]:
    yield
    if "image" in request.node.name:
        reset_images(lab, api)


def files(stream: Iterable[bytes]) -> dict[str, bytes]:
    """The files in a tar that comes in pieces."""
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        members = {one.name: archive.extractfile(one) for one in archive if one.isfile()}
        return {name: member.read() for name, member in members.items() if member is not None}


def test_a_file_goes_in_and_comes_out(client: DockerClient) -> None:
    container = client.containers.create("busybox")
    assert container.put_archive("/tmp", tar({"file": b"text"})) is True
    stream, stat = container.get_archive("/tmp/file")
    assert (stat["name"], stat["size"], stat["linkTarget"]) == ("file", 4, "")
    assert files(stream) == {"file": b"text"}


def test_an_archive_may_be_a_stream(client: DockerClient) -> None:
    container = sleeper(client)
    assert container.put_archive("/tmp", io.BytesIO(tar({"a": b"1", "b/c": b"2"})))
    assert container.exec_run("cat /tmp/a /tmp/b/c").output == b"12"


def test_a_folder_comes_out(client: DockerClient) -> None:
    container = sleeper(client)
    container.exec_run(script("mkdir /data; echo 1 > /data/one; echo 2 > /data/two"))
    stream, stat = container.get_archive("/data")
    assert stat["name"] == "data"
    assert files(stream) == {"data/one": b"1\n", "data/two": b"2\n"}


def test_megabytes_come_out_whole(client: DockerClient) -> None:
    container = client.containers.create("busybox")
    content = bytes(range(256)) * (1 << 13)
    container.put_archive("/", tar({"big": content}))
    stream, _ = container.get_archive("/big", chunk_size=1 << 14)
    assert files(stream) == {"big": content}


def test_an_archive_can_be_compressed_on_its_way(client: DockerClient) -> None:
    container = client.containers.create("busybox")
    container.put_archive("/", tar({"zeros": bytes(1 << 20)}))
    stream, _ = container.get_archive("/zeros", encode_stream=True)
    assert files(stream) == {"zeros": bytes(1 << 20)}


def test_a_file_that_is_not_there(client: DockerClient) -> None:
    container = client.containers.create("busybox")
    with pytest.raises(NotFound, match="Could not find the file /no/such in container"):
        container.get_archive("/no/such")
    with pytest.raises(NotFound, match="Could not find the file /no/such in container"):
        container.put_archive("/no/such", tar({"a": b""}))


def test_what_is_no_archive(client: DockerClient) -> None:
    container = client.containers.create("busybox")
    with pytest.raises(APIError, match=r"unexpected EOF|invalid tar header|archive/tar"):
        container.put_archive("/tmp", b"this is no tar" * 100)


def test_export(client: DockerClient) -> None:
    container = client.containers.create("busybox")
    container.put_archive("/", tar({"mark": b"here"}))
    exported = files(container.export(chunk_size=1 << 16))
    assert exported["mark"] == b"here"
    assert "bin/busybox" in exported


def test_an_exported_one_becomes_an_image(client: DockerClient) -> None:
    container = client.containers.create("busybox")
    data = b"".join(container.export())
    told = client.api.import_image_from_data(data, repository="made", tag="1")
    assert '"status":"sha256:' in told
    assert run(client, ["echo", "hi"], image="made:1") == "hi\n"


def test_a_commit_is_an_image(client: DockerClient) -> None:
    container = client.containers.run("busybox", script("echo here > /mark"), detach=True)
    container.wait()
    image = container.commit(
        repository="made", tag="1", message="a mark", author="me",
        changes=["ENV A=b", "LABEL a=b"], conf={"Cmd": ["cat", "/mark"]},
    )  # fmt: skip
    assert image.tags == ["made:1"]
    assert (image.labels["a"], image.attrs["Author"]) == ("b", "me")
    assert image.history()[0]["Comment"] == "a mark"
    assert run(client, None, image="made:1") == "here\n"
    runs_elsewhere = ["constraint:node==dockerhost03"]
    assert run(client, "env", image=image.id, environment=runs_elsewhere).count("A=b") == 1
