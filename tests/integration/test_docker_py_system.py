"""docker-py: the cluster as one machine: info, events, df, login, and the ways to connect."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import docker as docker_py
import pytest
from docker import APIClient, DockerClient
from docker.errors import APIError, DockerException, NotFound
from docker_py_tools import connect, run, script, sleeper
from integration_tools import until

from lab.cluster import Lab


def test_ping_version_info(client: DockerClient) -> None:
    assert client.ping() is True
    assert client.version()["Version"] == "swarm/2.0.0"
    assert client.info()["ServerVersion"] == "swarm/2.0.0"


def test_info_counts(client: DockerClient) -> None:
    before = client.info()
    sleeper(client)
    sleeper(client).pause()
    client.containers.create("busybox")
    told = client.info()
    assert (told["Containers"], told["ContainersRunning"]) == (3, 1)
    assert (told["ContainersPaused"], told["ContainersStopped"]) == (1, 1)
    assert (told["NCPU"], told["MemTotal"]) == (before["NCPU"], before["MemTotal"])
    assert told["Swarm"]["LocalNodeState"] == "inactive"


def test_df(client: DockerClient) -> None:
    container = client.containers.run("busybox", script("head -c 5000 /dev/zero > /x"), detach=True)
    container.wait()
    told = client.df()
    (row,) = told["Containers"]
    assert (row["Id"], row["SizeRw"]) == (container.id, 5000)
    used = [image["Id"] for image in told["Images"] if image["Containers"] > 0]
    assert used == [container.image.id]
    assert told["LayersSize"] > 0


def test_events(client: DockerClient) -> None:
    events = client.events(decode=True, filters={"type": "container"})
    container = client.containers.run("busybox", "true", name="web", detach=True, remove=True)
    seen = []
    for event in events:
        seen.append(event["Action"])
        assert (event["Actor"]["ID"], event["Actor"]["Attributes"]["name"]) == (container.id, "web")
        assert event["node"]["Name"].startswith("dockerhost")
        if event["Action"] == "destroy":
            break
    events.close()
    assert seen == ["create", "start", "die", "destroy"]


def test_events_of_the_past(client: DockerClient) -> None:
    since = time.time()
    client.containers.run("busybox", "true", labels={"a": "b"}, remove=True)
    client.containers.run("busybox", "true", remove=True)
    asked = {"event": ["create", "destroy"], "label": "a=b"}
    until = time.time() + 0.5
    told = list(client.events(since=since, until=until, filters=asked, decode=True))
    assert [event["Action"] for event in told] == ["create", "destroy"]
    assert all(since - 1 < event["time"] <= until for event in told)
    none = client.events(
        since=datetime.fromtimestamp(since - 7200, UTC).replace(tzinfo=None),
        until=datetime.fromtimestamp(since - 3600, UTC).replace(tzinfo=None),
    )
    assert list(none) == []


def test_events_come_as_bytes_unless_decoded(client: DockerClient) -> None:
    events = client.events(filters={"event": "create"})
    container = client.containers.create("busybox")
    line = next(events)
    events.close()
    assert isinstance(line, bytes)
    assert container.id.encode() in line


def test_events_can_be_closed_by_another_thread(client: DockerClient) -> None:
    events = client.events(decode=True)
    seen: list[str] = []
    reader = threading.Thread(target=lambda: seen.extend(event["Action"] for event in events))
    reader.start()
    client.containers.create("busybox")
    until(lambda: seen, 5, "an event")
    events.close()
    reader.join(5)
    assert (reader.is_alive(), seen) == (False, ["create"])


def test_login(client: DockerClient, lab: Lab) -> None:
    registry = f"http://{lab.registry.endpoint}"
    told = client.login("me", "secret", email="me@lab.test", registry=registry, reauth=True)
    assert told["Status"] == "Login Succeeded"


def test_login_where_nobody_is(client: DockerClient) -> None:
    with pytest.raises(APIError, match="connection refused") as caught:
        client.login("me", "secret", registry="http://127.0.0.1:1", reauth=True)
    assert caught.value.is_server_error()


@pytest.mark.parametrize("version", ["auto", None, "1.24", "1.30", "1.41"])
def test_versions(lab: Lab, version: str | None) -> None:
    with connect(lab.manager.url, version=version) as client:
        assert client.api.api_version == (version if version and version != "auto" else "1.41")
        assert run(client, ["echo", "hi"], labels={"a": "b"}) == "hi\n"
        container = sleeper(client, name="web")
        assert client.containers.list(filters={"name": "web"}) == [container]
        container.remove(force=True)


@pytest.mark.parametrize("version", ["1.99", "1.23"])
def test_versions_that_nobody_speaks(lab: Lab, version: str) -> None:
    with (
        pytest.raises((APIError, DockerException), match="version"),
        connect(lab.manager.url, version=version) as client,
    ):
        client.info()


def test_the_environment_says_where(lab: Lab) -> None:
    client = docker_py.from_env(environment={**os.environ, "DOCKER_HOST": lab.manager.url})
    assert client.info()["ServerVersion"] == "swarm/2.0.0"
    client.close()


def test_a_unix_socket(unix_socket: Path) -> None:
    with connect(f"unix://{unix_socket}") as client:
        assert run(client, ["echo", "hi"]) == "hi\n"
        container = sleeper(client)
        assert container.exec_run("echo hi").output == b"hi\n"
        logs = container.logs(stream=True, follow=True)
        container.remove(force=True)
        assert list(logs) == []


def test_a_closed_client_can_be_used_again(lab: Lab) -> None:
    api = APIClient(base_url=lab.manager.url, version="auto")
    with api:
        assert api.ping() is True
    assert api.ping() is True
    api.close()


def test_a_manager_that_is_not_there() -> None:
    with pytest.raises(DockerException, match="Error while fetching server API version"):
        DockerClient(base_url="tcp://127.0.0.1:1")


def test_an_error_tells_all(client: DockerClient) -> None:
    with pytest.raises(NotFound) as caught:
        client.api.inspect_container("no-such")
    error = caught.value
    assert (error.status_code, error.explanation) == (404, "No such container: no-such")
    assert (error.is_error(), error.is_client_error(), error.is_server_error()) == (
        True, True, False,
    )  # fmt: skip
    assert error.response.headers["Content-Type"] == "application/json"


def test_twenty_threads_run_containers(client: DockerClient) -> None:
    def one(number: int) -> str:
        return run(client, ["echo", str(number)], name=f"number{number}")

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(one, range(20))) == [f"{number}\n" for number in range(20)]
    assert client.containers.list(all=True) == []


def test_plugins(client: DockerClient) -> None:
    assert client.plugins.list() == []
    with pytest.raises(NotFound, match='plugin "no/such" not found'):
        client.plugins.get("no/such")
