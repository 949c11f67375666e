"""docker-py, the Python library, as its users write it."""

import gc
import io
import tarfile
from collections.abc import Iterator

import docker as docker_py
import pytest
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound
from integration_tools import Api, remove_app

from lab.cluster import Lab


@pytest.fixture
def client(lab: Lab) -> Iterator[docker_py.DockerClient]:
    """The library, pointed at the manager."""
    client = docker_py.DockerClient(base_url=lab.manager.url)
    yield client
    client.close()
    gc.collect()  # the library leaves the sockets of its streams to the collector


pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def test_ping_version_info(client: docker_py.DockerClient) -> None:
    assert client.ping()
    assert client.version()["Version"] == "swarm/2.0.0"
    assert client.info()["ServerVersion"] == "swarm/2.0.0"


def test_run(client: docker_py.DockerClient) -> None:
    assert client.containers.run("busybox", ["echo", "hi"], remove=True) == b"hi\n"
    with pytest.raises(ContainerError) as caught:
        client.containers.run("busybox", ["sh", "-c", "echo bad >&2; exit 3"], remove=True)
    assert caught.value.exit_status == 3
    assert caught.value.stderr == b"bad\n"


def test_life(client: docker_py.DockerClient) -> None:
    container = client.containers.run("busybox", ["sleep", "600"], detach=True, name="web")
    assert container.name == "web"
    assert [one.name for one in client.containers.list()] == ["web"]
    assert container.status == "created"
    container.reload()
    assert container.status == "running"
    assert container.attrs["Node"]["Name"].startswith("dockerhost")
    container.pause()
    container.unpause()
    container.rename("other")
    assert client.containers.get("other").id == container.id
    assert container.top()["Processes"]
    assert container.stats(stream=False)["id"] == container.id
    container.restart(timeout=0)
    container.kill()
    assert container.wait()["StatusCode"] == 137
    container.remove()
    with pytest.raises(NotFound):
        client.containers.get("other")


def test_names_have_their_slash(client: docker_py.DockerClient) -> None:
    client.containers.create("busybox", name="web")
    (row,) = client.api.containers(all=True)
    assert row["Names"][0] == "/web"
    assert client.api.inspect_container("web")["Name"] == "/web"


def test_constraints(client: docker_py.DockerClient) -> None:
    container = client.containers.create("busybox", environment=["constraint:disk==hdd"])
    assert container.attrs["Node"]["Name"] == "dockerhost02"
    with pytest.raises(APIError) as caught:
        client.containers.create("busybox", environment=["constraint:disk==tape"])
    assert caught.value.status_code == 500
    assert "Unable to find a node" in str(caught.value.explanation)


def test_exec(client: docker_py.DockerClient) -> None:
    container = client.containers.run("busybox", ["sleep", "600"], detach=True)
    code, output = container.exec_run(["sh", "-c", "echo out; echo err >&2; exit 4"], demux=True)
    assert (code, output) == (4, (b"out\n", b"err\n"))
    _, stream = container.exec_run(["seq", "3"], stream=True)
    assert b"".join(stream) == b"1\n2\n3\n"


def test_exec_by_socket(client: docker_py.DockerClient) -> None:
    container = client.containers.run("busybox", ["sleep", "600"], detach=True)
    _, sock = container.exec_run(["cat"], stdin=True, socket=True, tty=True)
    sock._sock.sendall(b"typed\n")
    assert sock._sock.recv(5) == b"typed"
    sock._sock.close()
    sock.close()


def test_logs_and_attach(client: docker_py.DockerClient) -> None:
    script = "for i in 1 2 3; do echo $i; sleep 0.2; done"
    container = client.containers.run("busybox", ["sh", "-c", script], detach=True)
    assert b"".join(container.logs(stream=True, follow=True)) == b"1\n2\n3\n"
    assert container.logs(tail=1) == b"3\n"
    quick = client.containers.create("busybox", ["echo", "hi"])
    stream = quick.attach(stream=True, logs=True)
    quick.start()
    assert b"".join(stream) == b"hi\n"


def test_archives(client: docker_py.DockerClient) -> None:
    container = client.containers.create("busybox")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("file")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"text"))
    assert container.put_archive("/tmp", archive.getvalue())
    stream, stat = container.get_archive("/tmp/file")
    assert stat["size"] == 4
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
        member = tar.extractfile("file")
        assert member is not None
        assert member.read() == b"text"


def test_images(client: docker_py.DockerClient, lab: Lab) -> None:
    assert client.images.get("busybox").tags
    assert any("busybox:latest" in image.tags for image in client.images.list())
    with pytest.raises(ImageNotFound):
        client.images.get("no/such")
    image = client.images.pull("mbajor/deepthought", tag="latest")
    assert image.tags == ["mbajor/deepthought:latest"]
    lines = client.api.pull("busybox", tag="latest", stream=True, decode=True)
    assert any("status" in line for line in lines)


def test_missing_image_is_pulled(client: docker_py.DockerClient, lab: Lab) -> None:
    remove_app(lab, Api(lab.manager.endpoint))
    output = client.containers.run("mbajor/deepthought", ["echo", "42"], remove=True)
    assert output == b"42\n"


def test_events(client: docker_py.DockerClient) -> None:
    events = client.events(decode=True, filters={"type": "container"})
    client.containers.run("busybox", ["true"], remove=True)
    seen = []
    for event in events:
        seen.append(event["Action"])
        assert event["node"]["Name"].startswith("dockerhost")
        if event["Action"] == "destroy":
            break
    events.close()
    assert {"create", "start", "die", "destroy"} <= set(seen)


def test_filters(client: docker_py.DockerClient) -> None:
    client.containers.run("busybox", ["sleep", "60"], detach=True, labels={"a": "b"}, name="one")
    client.containers.run("busybox", ["sleep", "60"], detach=True, name="two")
    found = client.containers.list(filters={"label": "a=b"})
    assert [one.name for one in found] == ["one"]
    assert len(client.containers.list(limit=1)) == 1


def test_conflict(client: docker_py.DockerClient) -> None:
    client.containers.create("busybox", name="web")
    with pytest.raises(APIError) as caught:
        client.containers.create("busybox", name="web")
    assert caught.value.status_code == 409
