"""docker-py: ``containers.run``, what it returns and what it raises."""

import pytest
from docker import DockerClient
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound
from docker.types import LogConfig
from docker_py_tools import SLEEP, node_of, run, script, sleeper
from integration_tools import APP, Api, remove_app, until

from lab.cluster import Lab

BOTH = script("echo out; echo err >&2")


@pytest.mark.parametrize(
    ("command", "output"),
    [
        pytest.param(["echo", "hi   there"], "hi   there\n", id="list"),
        pytest.param("echo hi   there", "hi there\n", id="string"),
        pytest.param("sh -c 'echo \"a b\"; echo c'", "a b\nc\n", id="quoted"),
        pytest.param(["sh", "-c", "echo $0", "häß"], "häß\n", id="unicode"),
    ],
)
def test_the_output_is_returned(
    client: DockerClient, command: str | list[str], output: str
) -> None:
    assert run(client, command) == output
    assert client.containers.list(all=True) == []


def test_without_remove_the_container_stays(client: DockerClient) -> None:
    assert client.containers.run("busybox", ["echo", "hi"]) == b"hi\n"
    (left,) = client.containers.list(all=True)
    assert (left.status, left.logs()) == ("exited", b"hi\n")


@pytest.mark.parametrize(
    ("wanted", "output"),
    [
        pytest.param({}, b"out\n", id="default"),
        pytest.param({"stdout": False, "stderr": True}, b"err\n", id="stderr"),
        pytest.param({"stdout": True, "stderr": True}, b"err\nout\n", id="both"),
    ],
)
def test_the_streams_can_be_chosen(
    client: DockerClient, wanted: dict[str, bool], output: bytes
) -> None:
    got = client.containers.run("busybox", BOTH, remove=True, **wanted)
    assert sorted(got.splitlines()) == output.splitlines()


def test_the_output_can_be_a_stream(client: DockerClient) -> None:
    lines = client.containers.run("busybox", ["seq", "3"], stream=True)
    assert list(lines) == [b"1\n", b"2\n", b"3\n"]


def test_a_detached_one_is_a_container(client: DockerClient) -> None:
    container = client.containers.run("busybox", SLEEP, detach=True)
    assert client.containers.get(container.short_id) == container
    container.reload()
    assert container.status == "running"


@pytest.mark.parametrize("option", ["remove", "auto_remove"])
def test_a_detached_one_can_remove_itself(client: DockerClient, option: str) -> None:
    container = client.containers.run("busybox", SLEEP, detach=True, **{option: True})
    assert container.attrs["HostConfig"]["AutoRemove"] is True
    container.kill()
    until(lambda: client.api.containers(all=True) == [], 10, "its removal")
    with pytest.raises(NotFound, match="No such container"):
        container.reload()


def test_a_failure_carries_status_and_errors(client: DockerClient) -> None:
    command = script("echo good; echo bad >&2; exit 3")
    with pytest.raises(ContainerError) as caught:
        client.containers.run("busybox", command, remove=True)
    error = caught.value
    assert (error.exit_status, error.stderr) == (3, b"bad\n")
    assert (error.image, error.command) == ("busybox", command)
    assert "returned non-zero exit status 3: b'bad\\n'" in str(error)
    assert client.containers.list(all=True) == []


def test_a_failed_one_that_removes_itself_has_no_errors(client: DockerClient) -> None:
    with pytest.raises(ContainerError) as caught:
        client.containers.run("busybox", script("sleep 0.5; exit 4"), auto_remove=True)
    assert (caught.value.exit_status, caught.value.stderr) == (4, None)


def test_a_command_that_is_not_there(client: DockerClient) -> None:
    with pytest.raises(APIError, match="executable file not found") as caught:
        client.containers.run("busybox", ["no-such"])
    assert caught.value.status_code == 400
    (left,) = client.containers.list(all=True)
    assert (left.status, left.attrs["State"]["ExitCode"]) == ("created", 127)


def test_a_missing_image_is_pulled(client: DockerClient, lab: Lab) -> None:
    remove_app(lab, Api(lab.manager.endpoint))
    assert client.containers.run(APP, ["echo", "42"], remove=True) == b"42\n"


def test_an_image_that_nobody_has(client: DockerClient, lab: Lab) -> None:
    name = f"{lab.registry.endpoint}/no/such"
    with pytest.raises(ImageNotFound) as direct:
        client.images.get(name)
    assert direct.value.explanation == f"No such image: {name}:latest"
    with pytest.raises(NotFound, match=r"manifest for .*/no/such:latest not found"):
        client.containers.run(name, "true")


def test_an_image_object_is_as_good_as_its_name(client: DockerClient) -> None:
    image = client.images.get("busybox")
    container = client.containers.create(image)
    assert (container.attrs["Config"]["Image"], container.image) == (image.id, image)


def test_a_taken_name(client: DockerClient) -> None:
    first = client.containers.create("busybox", name="web")
    with pytest.raises(APIError, match="web") as caught:
        client.containers.run("busybox", "true", name="web")
    assert (caught.value.status_code, caught.value.is_client_error()) == (409, True)
    assert client.containers.list(all=True) == [first]


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param(["constraint:disk==hdd"], id="list"),
        pytest.param({"constraint:disk": "=hdd"}, id="dictionary"),
    ],
)
def test_a_constraint_chooses_the_node(
    client: DockerClient, environment: list[str] | dict[str, str]
) -> None:
    container = client.containers.run("busybox", "true", environment=environment, detach=True)
    assert node_of(container) == "dockerhost02"
    assert not any("constraint" in one for one in container.attrs["Config"]["Env"])


def test_a_constraint_that_no_node_meets(client: DockerClient) -> None:
    with pytest.raises(APIError, match="Unable to find a node") as caught:
        client.containers.run("busybox", "true", environment=["constraint:disk==tape"])
    assert (caught.value.status_code, caught.value.is_server_error()) == (500, True)


def test_containers_spread(client: DockerClient) -> None:
    nodes = {node_of(sleeper(client)) for _ in range(3)}
    assert nodes == {"dockerhost01", "dockerhost02", "dockerhost03"}


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(LogConfig(type=LogConfig.types.NONE), id="object"),
        pytest.param({"type": "none"}, id="dictionary"),
    ],
)
def test_without_a_log_there_is_no_output(client: DockerClient, wanted: object) -> None:
    assert client.containers.run("busybox", ["echo", "hi"], log_config=wanted) is None
    (container,) = client.containers.list(all=True)
    with pytest.raises(APIError, match="logging driver does not support reading") as caught:
        container.logs()
    assert caught.value.status_code == 501


def test_a_log_has_options(client: DockerClient) -> None:
    wanted = LogConfig(type=LogConfig.types.JSON, config={"max-size": "1m", "labels": "a"})
    assert run(client, ["echo", "hi"], log_config=wanted) == "hi\n"
    container = client.containers.create("busybox", log_config=wanted)
    assert container.attrs["HostConfig"]["LogConfig"] == {
        "Type": "json-file",
        "Config": {"max-size": "1m", "labels": "a"},
    }


def test_healthy_is_told(client: DockerClient) -> None:
    second = 10**9
    check = {"test": ["CMD", "true"], "interval": second // 10, "timeout": 5 * second}
    container = sleeper(client, healthcheck=check)

    def is_healthy() -> bool:
        container.reload()
        return container.health == "healthy"

    until(is_healthy, 10, "good health")
    assert client.containers.list(filters={"health": "healthy"}) == [container]
    assert client.containers.list(filters={"health": "unhealthy"}) == []


def test_it_is_restarted(client: DockerClient) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 1}
    container = client.containers.run("busybox", "false", restart_policy=policy, detach=True)

    def gave_up() -> bool:
        container.reload()
        return container.status == "exited" and container.attrs["RestartCount"] == 1

    until(gave_up, 10, "one restart")
    assert container.attrs["State"]["ExitCode"] == 1
