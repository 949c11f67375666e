"""API versions: clients, the manager and engines of different ages speak to one another."""

import json
import os
from collections.abc import Iterator

import pytest
from integration_tools import Api, Cli, Manager, docker_clients, message

from lab.cluster import NEWER, Lab
from lab.state import EngineState


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, lab: Lab) -> Iterator[Manager]:
    """A manager over an engine of 20.10 (API up to 1.41) and a 26.1 that takes 1.44 and up."""
    other = Lab(
        f"test-{os.getpid()}-mixed"[:24], [EngineState(), NEWER], agents=False, manager=False
    )
    with other:
        hosts = ",".join(engine.plan.endpoint for engine in other.engines)
        with Manager(tmp_path_factory.mktemp("mixed"), f"nodes://{hosts}", nodes=2) as manager:
            yield manager


@pytest.fixture(params=sorted(docker_clients()) or ["missing"])
def client(request: pytest.FixtureRequest, mixed: Manager) -> Cli:
    """Each docker client, pointed at the mixed cluster."""
    return Cli(docker_clients()[request.param], mixed.url)


@pytest.mark.parametrize("node", ["dockerhost01", "dockerhost02"])
def test_old_and_new_engines_side_by_side(client: Cli, node: str) -> None:
    on = ("-e", f"constraint:node=={node}")
    done = client("run", "-i", "--rm", *on, "busybox", "cat", stdin=b"hi")
    assert done.out == "hi"
    client("run", "-d", "--name", "web", *on, "busybox", "sh", "-c", "echo log; sleep 600")
    try:
        assert client("exec", "web", "echo", "in").out == "in\n"
        assert client("ps", "--format", "{{.Names}}").line == f"{node}/web"
        assert client("logs", "web").out == "log\n"
        assert json.loads(client("inspect", "web").out)[0]["Node"]["Name"] == node
        assert "sleep 600" in client("top", "web").out
        assert client("stats", "--no-stream", "--format", "{{.Name}}", timeout_s=30).line
        assert client("cp", "web:/etc/passwd", "-").raw
    finally:
        client("rm", "-f", "web")


@pytest.fixture
def on_newer(mixed: Manager) -> Iterator[str]:
    """A container made by a client of 1.39 on the engine that takes only 1.44 and up."""
    body = {"Image": "busybox", "Cmd": ["echo", "hi"], "Env": ["constraint:node==dockerhost02"]}
    created = mixed.api("POST", "/v1.39/containers/create", body)
    assert created.status == 201
    container = created.json()["Id"]
    yield container
    assert mixed.api("DELETE", f"/v1.39/containers/{container}?force=1").status == 204


def test_an_old_client_gets_its_own_defaults_from_a_newer_engine(
    mixed: Manager, on_newer: str
) -> None:
    inspect = mixed.api.get(f"/v1.39/containers/{on_newer}/json")
    assert inspect["Node"]["Name"] == "dockerhost02"
    assert inspect["HostConfig"]["IpcMode"] == "shareable"


def test_an_old_client_gets_its_own_media_type_from_a_newer_engine(
    mixed: Manager, on_newer: str
) -> None:
    assert mixed.api("POST", f"/v1.39/containers/{on_newer}/start").status == 204
    assert mixed.api("POST", f"/v1.39/containers/{on_newer}/wait").status == 200
    logs = mixed.api("GET", f"/v1.39/containers/{on_newer}/logs?stdout=1")
    assert logs.body.endswith(b"hi\n")
    assert logs.headers["content-type"] == "application/vnd.docker.raw-stream"


def test_an_old_client_gets_virtual_sizes_from_every_engine(mixed: Manager) -> None:
    for row in mixed.api.get("/v1.39/images/json"):
        assert row["VirtualSize"] == row["Size"]
    assert mixed.api.get("/v1.39/images/busybox/json")["VirtualSize"] > 0


def test_an_old_client_prunes_named_volumes_on_every_engine(mixed: Manager) -> None:
    for node in ("dockerhost01", "dockerhost02"):
        body = {"Name": f"{node}/of-{node}"}
        assert mixed.api("POST", "/v1.39/volumes/create", body).status == 201
    pruned = mixed.api("POST", "/v1.39/volumes/prune").json()["VolumesDeleted"]
    assert sorted(pruned) == ["of-dockerhost01", "of-dockerhost02"]


def test_what_the_cluster_says_it_speaks(mixed: Manager) -> None:
    version = mixed.api.get("/version")
    lowest = [int(part) for part in version["MinAPIVersion"].split(".")]
    highest = [int(part) for part in version["ApiVersion"].split(".")]
    assert lowest <= [1, 24]
    assert highest >= [1, 41]
    assert mixed.api("GET", "/_ping").headers["api-version"] == version["ApiVersion"]


@pytest.mark.parametrize("version", ["1.24", "1.25", "1.30", "1.40", "1.41"])
def test_old_clients(api: Api, version: str) -> None:
    target = f"/v{version}"
    created = api("POST", f"{target}/containers/create", {"Image": "busybox", "Cmd": ["true"]})
    assert created.status == 201
    container = created.json()["Id"]
    assert api("POST", f"{target}/containers/{container}/start").status == 204
    assert api("POST", f"{target}/containers/{container}/wait").json()["StatusCode"] == 0
    paths = ["_ping", "info", "version", "containers/json?all=1", "images/json"]
    paths += [f"containers/{container}/json", f"containers/{container}/logs?stdout=1"]
    for path in paths:
        assert api("GET", f"{target}/{path}").status == 200, path
    assert api("DELETE", f"{target}/containers/{container}").status == 204


def test_a_version_that_is_too_new(target: Api) -> None:
    answer = target("GET", "/v1.99/info")
    assert answer.status == 400
    highest = target.get("/version")["ApiVersion"]
    assert message(answer) == (
        f"client version 1.99 is too new. Maximum supported API version is {highest}"
    )


def test_a_version_that_is_too_old(api: Api) -> None:
    lowest = api.get("/version")["MinAPIVersion"]
    for version in ("1.0", "1"):
        answer = api("GET", f"/v{version}/info")
        assert answer.status == 400
        assert message(answer) == (
            f"client version {version} is too old. Minimum supported API version is {lowest}, "
            "please upgrade your client to a newer version"
        )


def test_a_version_with_three_parts(target: Api) -> None:
    answer = target("GET", "/v1.41.2/info")
    assert answer.status == 400
    assert message(answer).startswith("client version 1.41.2 is too new.")


@pytest.mark.parametrize("path", ["/vx.y/info", "/v-1.4/info", "/v/info"])
def test_no_version(target: Api, path: str) -> None:
    answer = target("GET", path)
    assert (answer.status, message(answer)) == (404, "page not found")


def test_client_pinned_to_a_version(docker: Cli, lab: Lab) -> None:
    pinned = Cli(docker.program, docker.host, environment={"DOCKER_API_VERSION": "1.30"})
    assert pinned("run", "--rm", "busybox", "echo", "hi").out == "hi\n"
