"""docker-py: the life of a container, verb by verb."""

import signal
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime
from typing import Any

import pytest
from docker import DockerClient
from docker.errors import APIError, NotFound
from docker_py_tools import SLEEP, node_of, script, sleeper
from integration_tools import Api, until

from lab.cluster import Lab


def test_a_created_one_waits_for_its_start(client: DockerClient) -> None:
    container = client.containers.create("busybox", SLEEP, name="web")
    assert (container.name, container.status) == ("web", "created")
    container.start()
    container.start()  # a second start changes nothing
    container.reload()
    assert container.status == "running"
    assert node_of(container).startswith("dockerhost")


@pytest.mark.parametrize("reference", ["id", "short_id", "name"])
def test_it_is_found_by(client: DockerClient, reference: str) -> None:
    container = client.containers.create("busybox", name="web")
    assert client.containers.get(getattr(container, reference)) == container


def test_it_is_found_by_node_and_name(client: DockerClient) -> None:
    container = client.containers.create("busybox", name="web")
    assert client.containers.get(f"{node_of(container)}/web") == container


def test_an_unknown_one(client: DockerClient) -> None:
    with pytest.raises(NotFound) as caught:
        client.containers.get("no-such")
    assert caught.value.status_code == 404
    assert caught.value.explanation == "No such container: no-such"
    assert "404 Client Error" in str(caught.value)


def test_stop_and_start(client: DockerClient) -> None:
    container = client.containers.run(
        "busybox", script("trap 'exit 7' TERM; touch /ready; sleep 600 & wait"), detach=True
    )
    until(lambda: container.exec_run(["test", "-e", "/ready"]).exit_code == 0, 5, "its trap")
    container.stop(timeout=10)
    container.reload()
    assert (container.status, container.attrs["State"]["ExitCode"]) == ("exited", 7)
    container.start()
    container.reload()
    assert container.status == "running"


def test_stop_kills_in_the_end(client: DockerClient) -> None:
    container = client.containers.run("busybox", SLEEP, detach=True)
    container.stop(timeout=0)
    assert container.wait()["StatusCode"] == 137


def test_restart(client: DockerClient) -> None:
    container = sleeper(client)
    container.reload()
    before = container.attrs["State"]
    container.restart(timeout=0)
    container.reload()
    after = container.attrs["State"]
    assert (after["Status"], after["StartedAt"] > before["StartedAt"]) == ("running", True)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(None, 137, id="default"),
        pytest.param("SIGUSR1", 138, id="name"),
        pytest.param("USR1", 138, id="short-name"),
        pytest.param(9, 137, id="number"),
        pytest.param(signal.SIGKILL, 137, id="enum"),
    ],
)
def test_kill(client: DockerClient, sent: str | int | None, status: int) -> None:
    # A first process with the default action for a signal is not hit by it: hence the init.
    container = client.containers.run("busybox", SLEEP, init=True, detach=True)
    until(lambda: len(container.top()["Processes"]) == 2, 5, "init's child")
    container.kill(sent)
    assert container.wait(timeout=10)["StatusCode"] == status


def test_what_does_not_run_cannot_be_killed(client: DockerClient) -> None:
    container = client.containers.create("busybox", name="web")
    with pytest.raises(APIError, match="is not running") as caught:
        container.kill()
    assert caught.value.status_code == 409


def test_pause_and_unpause(client: DockerClient) -> None:
    container = sleeper(client)
    container.pause()
    container.reload()
    assert container.status == "paused"
    assert client.containers.list(filters={"status": "paused"}) == [container]
    with pytest.raises(APIError, match="is already paused"):
        container.pause()
    container.unpause()
    container.reload()
    assert container.status == "running"


def test_rename(client: DockerClient) -> None:
    container = client.containers.create("busybox", name="web")
    container.rename("other")
    assert client.containers.get("other") == container
    with pytest.raises(NotFound):
        client.containers.get("web")
    client.containers.create("busybox", name="web")
    with pytest.raises(APIError) as caught:
        container.rename("web")
    assert caught.value.status_code == 409


def test_remove(client: DockerClient) -> None:
    container = sleeper(client)
    # The first is an engine of 20.10, the second a newer one.
    words = "cannot remove a running container|cannot remove container .*: container is running"
    with pytest.raises(APIError, match=words) as caught:
        container.remove()
    assert caught.value.status_code == 409
    container.remove(force=True)
    assert client.containers.list(all=True) == []
    with pytest.raises(NotFound):
        container.remove()


@pytest.mark.parametrize("condition", [None, "not-running", "removed"])
def test_wait_for_a_condition(client: DockerClient, condition: str | None) -> None:
    container = client.containers.create(
        "busybox", script("read x; exit 5"), stdin_open=True, auto_remove=condition == "removed"
    )
    keyboard = container.attach_socket(params={"stdin": 1, "stream": 1})
    container.start()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(container.wait, timeout=10, condition=condition)
        keyboard._sock.sendall(b"go on\n")
        assert waiting.result()["StatusCode"] == 5


def test_wait_for_the_next_exit(client: DockerClient) -> None:
    container = client.containers.run("busybox", ["false"], detach=True)
    container.wait()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(container.wait, timeout=10, condition="next-exit")

        def ended_again() -> bool:
            # It may not wait yet. A start soon after an end would change the code that is told.
            container.start()
            return bool(wait([waiting], timeout=2).done)

        until(ended_again, 10, "the next exit")
        assert waiting.result()["StatusCode"] == 1


def test_wait_gives_up(client: DockerClient) -> None:
    container = sleeper(client)
    with pytest.raises(Exception, match="Read timed out"):
        container.wait(timeout=0.3)
    container.reload()
    assert container.status == "running"


def test_diff(client: DockerClient) -> None:
    container = client.containers.run(
        "busybox", script("touch /tmp/new; rm /etc/group"), detach=True
    )
    container.wait()
    changes = {row["Path"]: row["Kind"] for row in container.diff()}
    assert changes == {"/tmp": 0, "/tmp/new": 1, "/etc": 0, "/etc/group": 2}
    assert client.containers.create("busybox").diff() is None


@pytest.mark.parametrize("arguments", [None, "-o pid,args"])
def test_top(client: DockerClient, arguments: str | None) -> None:
    container = sleeper(client)
    how = {"ps_args": arguments} if arguments else {}
    # For a moment a started container is the runtime's own process.
    until(lambda: container.top(**how)["Processes"][0][-1] == "sleep 600", 5, "the process")
    top = container.top(**how)
    (process,) = top["Processes"]
    assert len(top["Titles"]) == len(process) == (2 if arguments else 8)


def test_one_reading_of_the_stats(client: DockerClient) -> None:
    container = sleeper(client, mem_limit="64m")
    reading = container.stats(stream=False)
    assert (reading["id"], reading["name"]) == (container.id, f"/{container.name}")
    assert reading["memory_stats"]["limit"] == 64 << 20
    assert reading["pids_stats"]["current"] == 1


def test_a_stream_of_stats(client: DockerClient) -> None:
    container = sleeper(client)
    readings = container.stats(stream=True, decode=True)
    first, second = next(readings), next(readings)
    assert first["id"] == second["id"] == container.id
    assert first["read"] < second["read"]


def test_update(client: DockerClient) -> None:
    container = sleeper(client, mem_limit="64m")
    answer = container.update(
        mem_limit="48m", cpu_shares=512, restart_policy={"Name": "on-failure"}
    )
    assert not answer["Warnings"]
    container.reload()
    host = container.attrs["HostConfig"]
    assert (host["Memory"], host["CpuShares"]) == (48 << 20, 512)
    assert host["RestartPolicy"]["Name"] == "on-failure"


def test_resize(client: DockerClient) -> None:
    container = sleeper(client, tty=True)
    container.resize(height=33, width=99)
    size = ["sh", "-c", "stty size < /dev/console"]
    until(lambda: container.exec_run(size).output == b"33 99\n", 5, "the new size")


def test_inspect_tells_everything(client: DockerClient, lab: Lab) -> None:
    container = sleeper(client, name="web", hostname="there", labels={"a": "b"})
    (engine,) = (Api(e.socket) for e in lab.engines if e.plan.name == node_of(container))
    direct = engine.get(f"/containers/{container.id}/json")
    container.reload()
    assert set(container.attrs) - set(direct) == {"Node"}
    for key in ("Id", "Created", "Path", "Args", "Config", "State", "HostConfig", "Mounts"):
        assert container.attrs[key] == direct[key]
    assert datetime.fromisoformat(container.attrs["Created"][:19]).year >= 2020
    assert (container.image.id, container.labels["a"]) == (direct["Image"], "b")


def test_prune(client: DockerClient) -> None:
    kept = sleeper(client)
    ended = [client.containers.run("busybox", "true", detach=True) for _ in range(3)]
    for container in ended:
        container.wait()
    labelled = client.containers.create("busybox", labels={"keep": "me"})
    told = client.containers.prune(filters={"label!": ["keep"]})
    assert sorted(told["ContainersDeleted"]) == sorted(one.id for one in ended)
    assert {one.id for one in client.containers.list(all=True)} == {kept.id, labelled.id}
    assert client.containers.prune()["ContainersDeleted"] == [labelled.id]


def ids(containers: list[Any]) -> set[str]:
    """The IDs of some containers."""
    return {container.id for container in containers}


def test_list(client: DockerClient) -> None:
    first = client.containers.create("busybox", name="first")
    second = sleeper(client, name="second")
    third = sleeper(client, name="third")
    listed = client.containers.list
    assert ids(listed()) == {second.id, third.id}
    assert ids(listed(all=True)) == {first.id, second.id, third.id}
    assert ids(listed(limit=2)) == {second.id, third.id}
    assert ids(listed(since="first", all=True)) == {second.id, third.id}
    assert ids(listed(before=third.id, all=True)) == {first.id, second.id}
    assert ids(listed(before="third", since="first", all=True)) == {second.id}


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"name": "one"}, ["one"]),
    ({"name": "^o"}, ["one"]),
    ({"label": "a=b"}, ["one"]),
    ({"label": ["a", "c"]}, ["two"]),
    ({"status": "running"}, ["one"]),
    ({"status": ["exited", "created"]}, ["three", "two"]),
    ({"exited": 3}, ["three"]),
    ({"ancestor": "busybox"}, ["one", "three", "two"]),
    ({"ancestor": "alpine:no-such"}, []),
    ({"network": "none"}, ["two"]),
    ({"node": "dockerhost02"}, ["two"]),
    ({"is-task": False, "before": "three"}, ["one", "two"]),
    ({"since": "one", "volume": "/data"}, ["three"]),
]


def test_filters(client: DockerClient) -> None:
    sleeper(client, name="one", labels={"a": "b"})
    client.containers.create(
        "busybox", name="two", labels={"a": "x", "c": ""}, network_mode="none",
        environment=["constraint:node==dockerhost02"],
    )  # fmt: skip
    client.containers.run(
        "busybox", script("exit 3"), name="three", detach=True, volumes=["/data"],
        environment=["constraint:node==dockerhost01"],
    ).wait()  # fmt: skip

    def found(filters: dict[str, Any]) -> list[str]:
        return sorted(one.name for one in client.containers.list(all=True, filters=filters))

    assert [(filters, found(filters)) for filters, _ in FILTERS] == FILTERS


def test_a_filter_that_nobody_knows(client: DockerClient) -> None:
    with pytest.raises(APIError, match="no-such") as caught:
        client.containers.list(filters={"no-such": "x"})
    assert caught.value.status_code == 400


def test_a_sparse_list_asks_once(client: DockerClient) -> None:
    sleeper(client, name="web", labels={"a": "b"})
    (found,) = client.containers.list(sparse=True)
    assert (found.status, found.attrs["Labels"]["a"]) == ("running", "b")
    assert found.attrs["Names"][0] == "/web"
    found.reload()
    assert (found.name, found.attrs["State"]["Running"]) == ("web", True)


def test_a_list_may_overlook_what_goes_meanwhile(client: DockerClient) -> None:
    for _ in range(3):
        client.containers.run("busybox", ["sleep", "0.2"], detach=True, remove=True)
    until(lambda: client.containers.list(all=True, ignore_removed=True) == [], 10, "their removal")


def test_names_have_their_slash(client: DockerClient) -> None:
    client.containers.create("busybox", name="web")
    (row,) = client.api.containers(all=True)
    assert row["Names"][0] == "/web"
    assert client.api.inspect_container("web")["Name"] == "/web"
