"""docker-py: ``images.build``, in all the ways a build can be asked for."""

import gzip
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from docker.errors import APIError, BuildError
from docker_py_tools import node_of, run
from image_tools import reset_images, tar
from integration_tools import Api

from lab.cluster import Lab

STAGES = """
FROM busybox AS first
RUN echo first > /stage
FROM busybox AS second
RUN echo second > /stage
"""


@pytest.fixture(autouse=True)
def _no_images_left(lab: Lab, api: Api) -> Iterator[None]:
    yield
    reset_images(lab, api)
    for engine in lab.engines:
        Api(engine.socket)("POST", "/build/prune")


def dockerfile(*lines: str) -> io.BytesIO:
    """A Dockerfile as a file object."""
    return io.BytesIO("\n".join(["FROM busybox", *lines]).encode())


def test_a_file_object(client: DockerClient) -> None:
    image, log = client.images.build(fileobj=dockerfile("RUN echo hi > /mark"), tag="made:1")
    assert image.tags == ["made:1"]
    text = "".join(line.get("stream", "") for line in log)
    assert "Step 1/2 : FROM busybox" in text
    assert "Successfully tagged made:1" in text
    assert run(client, ["cat", "/mark"], image="made:1") == "hi\n"


def test_a_folder(client: DockerClient, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY . /context\n")
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "secret").write_text("left out")
    (tmp_path / ".dockerignore").write_text("secret\n.dockerignore\nDockerfile\n")
    image, _ = client.images.build(path=str(tmp_path), rm=True)
    assert run(client, ["ls", "-A", "/context"], image=image.id) == "kept\n"


def test_a_dockerfile_of_another_name(client: DockerClient, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "Other").write_text("FROM busybox\nCOPY data /data\n")
    (tmp_path / "data").write_text("x\n")
    image, _ = client.images.build(path=str(tmp_path), dockerfile="sub/Other")
    assert run(client, ["cat", "/data"], image=image.id) == "x\n"


def test_a_dockerfile_outside_the_folder(client: DockerClient, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "data").write_text("x\n")
    (tmp_path / "Outside").write_text("FROM busybox\nCOPY data /data\n")
    image, _ = client.images.build(path=str(context), dockerfile=str(tmp_path / "Outside"))
    assert run(client, ["cat", "/data"], image=image.id) == "x\n"


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_context_of_ones_own(client: DockerClient, encoding: str | None) -> None:
    context = tar({"Dockerfile": b"FROM busybox\nCOPY data /data\n", "data": b"x\n"})
    packed = gzip.compress(context) if encoding else context
    image, _ = client.images.build(
        fileobj=io.BytesIO(packed), custom_context=True, encoding=encoding
    )
    assert run(client, ["cat", "/data"], image=image.id) == "x\n"


def test_arguments(client: DockerClient) -> None:
    image, _ = client.images.build(
        fileobj=dockerfile("ARG A=default", "ENV A=$A"), buildargs={"A": "given"}
    )
    assert run(client, ["sh", "-c", "echo $A"], image=image.id) == "given\n"


def test_a_constraint_among_the_arguments(client: DockerClient) -> None:
    client.images.build(
        fileobj=dockerfile("RUN hostname > /node"), buildargs={"constraint:disk": "=hdd"},
        network_mode="host", tag="made:1",
    )  # fmt: skip
    container = client.containers.create("made:1")
    assert node_of(container) == "dockerhost02"


@pytest.mark.parametrize(("target", "stage"), [("first", "first\n"), (None, "second\n")])
def test_a_target(client: DockerClient, target: str | None, stage: str) -> None:
    image, _ = client.images.build(fileobj=io.BytesIO(STAGES.encode()), target=target)
    assert run(client, ["cat", "/stage"], image=image.id) == stage


def test_labels_and_hosts(client: DockerClient) -> None:
    image, _ = client.images.build(
        fileobj=dockerfile("RUN grep -w db /etc/hosts > /db"), labels={"team": "blue"},
        extra_hosts={"db": "127.9.9.9"}, shmsize=1 << 23,
    )  # fmt: skip
    assert image.labels == {"team": "blue"}
    assert run(client, ["cat", "/db"], image=image.id) == "127.9.9.9\tdb\n"


def test_limits(client: DockerClient) -> None:
    image, log = client.images.build(
        fileobj=dockerfile("RUN true"), container_limits={"memory": 64 << 20, "cpushares": 512}
    )
    assert image.id
    assert any("Successfully built" in line.get("stream", "") for line in log)


def test_the_cache_is_used_unless_told_otherwise(client: DockerClient) -> None:
    lines = ["RUN head -c 8 /dev/urandom > /random"]
    first, _ = client.images.build(fileobj=dockerfile(*lines), tag="made:1")
    second, log = client.images.build(fileobj=dockerfile(*lines), tag="made:1")
    assert second == first
    assert any("Using cache" in line.get("stream", "") for line in log)
    third, _ = client.images.build(fileobj=dockerfile(*lines), tag="made:1", nocache=True)
    assert third != first


def test_a_quiet_build(client: DockerClient) -> None:
    image, log = client.images.build(fileobj=dockerfile("RUN true"), quiet=True)
    assert [line["stream"].strip() for line in log] == [image.id]


def test_a_command_that_fails(client: DockerClient) -> None:
    with pytest.raises(BuildError, match="returned a non-zero code: 3") as caught:
        client.images.build(fileobj=dockerfile("RUN echo before; exit 3"))
    log = list(caught.value.build_log)
    assert any("before" in line.get("stream", "") for line in log)
    assert log[-1]["errorDetail"]["code"] == 3


def test_a_dockerfile_that_is_none(client: DockerClient) -> None:
    with pytest.raises(APIError, match="unknown instruction: NONSENSE") as caught:
        client.images.build(fileobj=dockerfile("NONSENSE"))
    assert caught.value.status_code == 400


def test_a_dockerfile_that_is_missing(client: DockerClient) -> None:
    context = io.BytesIO(tar({"data": b"x\n"}))
    with pytest.raises(APIError, match="Cannot locate specified Dockerfile") as caught:
        client.images.build(fileobj=context, custom_context=True)
    assert caught.value.is_error()


def test_a_base_that_nobody_has(client: DockerClient, lab: Lab) -> None:
    base = f"FROM {lab.registry.endpoint}/no/such".encode()
    with pytest.raises((BuildError, APIError), match="not found"):
        client.images.build(fileobj=io.BytesIO(base))


def test_the_log_comes_as_it_is_made(client: DockerClient) -> None:
    lines = client.api.build(fileobj=dockerfile("RUN echo one; sleep 1; echo two"), decode=True)
    seen = [line["stream"] for line in lines if "stream" in line]
    assert seen.index("one\n") < seen.index("two\n")


def test_builds_side_by_side(client: DockerClient) -> None:
    tags: list[str] = []

    def build(number: int) -> None:
        image, _ = client.images.build(
            fileobj=dockerfile(f"RUN echo {number} > /number"), tag=f"made:{number}"
        )
        tags.extend(image.tags)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tags) == [f"made:{number}" for number in range(4)]
