"""docker-py: volumes, and everything that can be mounted."""

from collections.abc import Iterator
from typing import Any

import pytest
from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.types import Mount
from docker_py_tools import node_of, run, script, sleeper


@pytest.fixture(autouse=True)
def _no_volumes(client: DockerClient) -> Iterator[None]:
    remove_all(client)
    yield
    remove_all(client)


def remove_all(client: DockerClient) -> None:
    """Remove every volume, and the containers that may have one."""
    for container in client.containers.list(all=True):
        container.remove(force=True, v=True)
    for volume in client.volumes.list():
        volume.remove(force=True)


def test_create_get_list_remove(client: DockerClient) -> None:
    volume = client.volumes.create("data", driver="local", labels={"team": "blue"})
    assert (volume.name, volume.id) == ("data", "data")
    assert volume.attrs["Labels"] == {"team": "blue"}
    assert client.volumes.get("data") == volume
    assert client.volumes.list() == [volume]
    volume.remove()
    with pytest.raises(NotFound, match="get data: no such volume"):
        client.volumes.get("data")
    assert client.volumes.list() == []


def test_a_volume_without_a_name_gets_one(client: DockerClient) -> None:
    volume = client.volumes.create()
    assert len(volume.name) == 64
    assert client.volumes.get(volume.name).attrs["Driver"] == "local"


def test_the_same_volume_again_is_the_same(client: DockerClient) -> None:
    first = client.volumes.create("data")
    assert client.volumes.create("data").attrs["Node"] == first.attrs["Node"]
    assert client.volumes.list() == [first]


def test_driver_options(client: DockerClient) -> None:
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=4m"}
    volume = client.volumes.create("scratch", driver_opts=options)
    assert volume.attrs["Options"] == options
    size = script("df -k /data | awk '/data/ {print $2}'")
    assert run(client, size, volumes=["scratch:/data"]) == "4096\n"


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        pytest.param({"label": "team=blue"}, ["blue"], id="label"),
        pytest.param({"label": ["team"]}, ["blue", "red"], id="label-key"),
        pytest.param({"name": "re"}, ["red"], id="name"),
        pytest.param({"dangling": False}, ["red"], id="in-use"),
        pytest.param({"dangling": True}, ["blue", "plain"], id="dangling"),
        pytest.param({"driver": "local"}, ["blue", "plain", "red"], id="driver"),
    ],
)
def test_filters(client: DockerClient, filters: dict[str, Any], names: list[str]) -> None:
    client.volumes.create("blue", labels={"team": "blue"})
    client.volumes.create("red", labels={"team": "red"})
    client.volumes.create("plain")
    client.containers.create("busybox", volumes=["red:/data"])
    assert sorted(v.name for v in client.volumes.list(filters=filters)) == names


def test_prune(client: DockerClient) -> None:
    client.volumes.create("used")
    client.volumes.create("free")
    client.containers.create("busybox", volumes=["used:/data"])
    assert client.volumes.prune()["VolumesDeleted"] == ["free"]
    assert [volume.name for volume in client.volumes.list()] == ["used"]


def test_a_volume_in_use_stays(client: DockerClient) -> None:
    volume = client.volumes.create("data")
    container = sleeper(client, volumes=["data:/data"])
    with pytest.raises(APIError, match=f"volume is in use - .*{container.id}") as caught:
        volume.remove()
    assert caught.value.status_code == 409
    container.remove(force=True)
    volume.remove()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"volumes": {"data": {"bind": "/data", "mode": "rw"}}}, id="dictionary"),
        pytest.param({"volumes": ["data:/data"]}, id="list"),
        pytest.param({"mounts": [Mount("/data", "data")]}, id="mount"),
    ],
)
def test_what_is_written_is_found_again(client: DockerClient, options: dict[str, Any]) -> None:
    run(client, script("echo kept > /data/file"), **options)
    assert run(client, ["cat", "/data/file"], **options) == "kept\n"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"volumes": {"data": {"bind": "/data", "mode": "ro"}}}, id="dictionary"),
        pytest.param({"volumes": ["data:/data:ro"]}, id="list"),
        pytest.param({"mounts": [Mount("/data", "data", read_only=True)]}, id="mount"),
    ],
)
def test_read_only(client: DockerClient, options: dict[str, Any]) -> None:
    touch = script("touch /data/file 2>&1 || true")
    assert "Read-only file system" in run(client, touch, **options)


def test_a_folder_of_the_node(client: DockerClient) -> None:
    volumes = {"/run": {"bind": "/there", "mode": "ro"}}
    assert run(client, script("test -S /there/docker.sock && echo yes"), volumes=volumes) == "yes\n"
    mount = Mount("/there", "/run", type="bind", read_only=True)
    assert run(client, script("test -S /there/docker.sock && echo yes"), mounts=[mount]) == "yes\n"


def test_a_folder_that_is_not_there(client: DockerClient) -> None:
    with pytest.raises(APIError, match="bind source path does not exist: /no/such") as caught:
        client.containers.create("busybox", mounts=[Mount("/there", "/no/such", type="bind")])
    assert caught.value.status_code == 400


def test_memory_as_a_mount(client: DockerClient) -> None:
    mount = Mount("/scratch", None, type="tmpfs", tmpfs_size=4 << 20)
    size = script("df -k /scratch | awk '/scratch/ {print $1, $2}'")
    assert run(client, size, mounts=[mount]) == "tmpfs 4096\n"


def test_mounts_are_told(client: DockerClient) -> None:
    container = client.containers.create("busybox", volumes=["data:/data", "/own"])
    mounts = {m["Destination"]: m for m in container.attrs["Mounts"]}
    assert mounts["/data"]["Name"] == "data"
    assert (mounts["/own"]["Type"], len(mounts["/own"]["Name"])) == ("volume", 64)
    assert [one.id for one in client.containers.list(all=True, filters={"volume": "data"})] == [
        container.id
    ]


def test_volumes_go_with_their_container(client: DockerClient) -> None:
    container = client.containers.create("busybox", volumes=["data:/data", "/own"])
    assert len(client.volumes.list()) == 2
    container.remove(v=True)
    assert [volume.name for volume in client.volumes.list()] == ["data"]


def test_containers_of_a_volume_share_its_node(client: DockerClient) -> None:
    volume = client.volumes.create("data", labels={"com.docker.swarm.constraints": '["disk==hdd"]'})
    assert volume.attrs["Node"]["Name"] == "dockerhost02"
    assert {node_of(sleeper(client, volumes=["data:/data"])) for _ in range(3)} == {"dockerhost02"}
