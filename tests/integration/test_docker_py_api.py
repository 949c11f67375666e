"""docker-py's low-level client: ``APIClient``, one method for each call of the Engine API."""

from collections.abc import Iterator

import pytest
from docker import APIClient, DockerClient
from docker.errors import APIError, NotFound, NullResource
from docker_py_tools import SLEEP, script
from integration_tools import until

HOST = {"mem_limit": "64m", "binds": ["data:/data"], "port_bindings": {80: 18080}}


@pytest.fixture
def api_client(client: DockerClient) -> Iterator[APIClient]:
    """The low-level client, pointed at the manager."""
    yield client.api
    for row in client.api.containers(all=True):
        client.api.remove_container(row, v=True, force=True)
    for volume in client.volumes.list():
        volume.remove()


def create(api: APIClient, command: list[str] = SLEEP, **options: object) -> dict[str, str]:
    """Create a container of busybox."""
    made: dict[str, str] = api.create_container("busybox", command, **options)
    return made


def test_create_start_inspect(api_client: APIClient) -> None:
    host = api_client.create_host_config(**HOST)
    made = create(api_client, name="web", ports=[80], volumes=["/data"], host_config=host)
    assert not made["Warnings"]
    api_client.start(made)
    told = api_client.inspect_container(made)
    assert (told["Id"], told["Name"]) == (made["Id"], "/web")
    assert told["HostConfig"]["Memory"] == 64 << 20
    assert [mount["Destination"] for mount in told["Mounts"]] == ["/data"]
    assert api_client.port("web", 80)[0]["HostPort"] == "18080"


def test_any_reference_will_do(api_client: APIClient) -> None:
    made = create(api_client, name="web")
    found = [
        api_client.inspect_container(reference)["Id"]
        for reference in (made, made["Id"], made["Id"][:7], "web", "/web")
    ]
    assert found == [made["Id"]] * 5
    with pytest.raises(NullResource):
        api_client.inspect_container("")


def test_a_whole_configuration(api_client: APIClient) -> None:
    config = api_client.create_container_config(
        "busybox", SLEEP, labels={"a": "b"}, environment={"A": "1"}
    )
    made = api_client.create_container_from_config(config, name="web")
    told = api_client.inspect_container(made)["Config"]
    assert (told["Labels"]["a"], told["Cmd"], told["Env"][0]) == ("b", SLEEP, "A=1")


def test_stop_start_wait_logs(api_client: APIClient) -> None:
    made = create(api_client, script("echo out; echo err >&2; exit 3"))
    api_client.start(made)
    told = api_client.wait(made)
    # An engine of 20.10 says that there is no error, a newer one doesn't mention it.
    assert {"Error": None, **told} == {"Error": None, "StatusCode": 3}
    assert api_client.logs(made, stderr=False) == b"out\n"
    assert api_client.logs(made, stdout=False) == b"err\n"
    api_client.start(made)
    api_client.stop(made, timeout=0)
    assert api_client.inspect_container(made)["State"]["Running"] is False


def test_rows(api_client: APIClient) -> None:
    made = create(api_client, name="web", labels={"a": "b"})
    (row,) = api_client.containers(all=True, size=True)
    assert (row["Id"], row["Image"], row["Command"]) == (made["Id"], "busybox", "sleep 600")
    assert (row["State"], row["Labels"]["a"]) == ("created", "b")
    assert row["SizeRootFs"] > 0
    assert api_client.containers(quiet=True, all=True) == [{"Id": made["Id"]}]
    assert api_client.containers(latest=True)[0]["Id"] == made["Id"]
    assert api_client.containers() == []
    assert api_client.containers(trunc=True, all=True)[0]["Id"] == made["Id"][:12]


def test_an_exec_in_steps(api_client: APIClient) -> None:
    made = create(api_client)
    api_client.start(made)
    command = api_client.exec_create(made, script("echo out; exit 4"), environment=["A=1"])
    assert api_client.exec_start(command["Id"]) == b"out\n"
    told = api_client.exec_inspect(command)
    assert (told["ID"], told["ExitCode"], told["Running"]) == (command["Id"], 4, False)


def test_images(api_client: APIClient) -> None:
    told = api_client.inspect_image("busybox")
    (row,) = api_client.images("busybox")
    assert (row["Id"], row["Containers"]) == (told["Id"], -1)
    assert api_client.images(quiet=True) == [told["Id"]]
    assert api_client.tag("busybox", "made", "1") is True
    assert api_client.remove_image("made:1") == [{"Untagged": "made:1"}]


def test_volumes(api_client: APIClient) -> None:
    made = api_client.create_volume("data", labels={"a": "b"})
    assert api_client.inspect_volume("data")["CreatedAt"] == made["CreatedAt"]
    told = api_client.volumes(filters={"label": "a=b"})
    assert [row["Name"] for row in told["Volumes"]] == ["data"]
    api_client.remove_volume("data")
    with pytest.raises(NotFound):
        api_client.inspect_volume("data")


def test_network_membership(api_client: APIClient) -> None:
    network = api_client.create_network("web")
    made = create(api_client)
    api_client.start(made)
    api_client.connect_container_to_network(made, network["Id"], aliases=["db"])
    told = api_client.inspect_container(made)["NetworkSettings"]["Networks"]
    assert (told["web"]["NetworkID"], "db" in told["web"]["Aliases"]) == (network["Id"], True)
    api_client.disconnect_container_from_network(made, "web")
    assert api_client.inspect_network("web")["Containers"] == {}
    api_client.remove_network("web")
    assert [row["Name"] for row in api_client.networks(names=["web"])] == []


def test_rename_restart_pause_top(api_client: APIClient) -> None:
    made = create(api_client)
    api_client.start(made)
    api_client.rename(made, "other")
    api_client.restart("other", timeout=0)
    api_client.pause("other")
    assert api_client.inspect_container("other")["State"]["Paused"] is True
    api_client.unpause("other")
    until(lambda: api_client.top("other")["Processes"][0][-1] == "sleep 600", 5, "the process")
    api_client.kill("other", signal="KILL")
    until(lambda: api_client.containers() == [], 5, "its end")


def test_update_and_prune(api_client: APIClient) -> None:
    made = create(api_client)
    assert not api_client.update_container(made, mem_limit="48m", memswap_limit="48m")["Warnings"]
    assert api_client.inspect_container(made)["HostConfig"]["Memory"] == 48 << 20
    assert api_client.prune_containers()["ContainersDeleted"] == [made["Id"]]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param({"Image": ""}, "[Nn]o command specified", id="no-image"),
        pytest.param({"Image": "busybox", "Cmd": 7}, "json: cannot unmarshal", id="wrong-type"),
        pytest.param(
            {"Image": "busybox", "HostConfig": {"Memory": 1}}, "Minimum memory limit", id="memory"
        ),
        pytest.param({"Image": "Busy"}, "must be lowercase", id="image-name"),
    ],
)
def test_wrong_configurations(api_client: APIClient, body: dict[str, object], text: str) -> None:
    with pytest.raises(APIError, match=text) as caught:
        api_client.create_container_from_config(body)
    assert caught.value.is_error()
    assert api_client.containers(all=True) == []
