"""``docker system df``, the prunes, ``docker commit``, plugins, checkpoints."""

from collections.abc import Iterator

import docker as docker_py
import pytest
from integration_tools import Api, Cli, message

from lab.cluster import Lab


@pytest.fixture
def made_images(docker: Cli) -> Iterator[list[str]]:
    """Names of images that the test makes; they are removed at its end."""
    names: list[str] = []
    yield names
    for container in docker("ps", "-aq").lines:
        docker("rm", "-f", container)
    for name in names:
        docker("rmi", "-f", name, check=False)


def test_df(any_docker: Cli, api: Api) -> None:
    for number in (1, 2, 3):
        api.create(Env=[f"constraint:node==dockerhost0{number}"])
    rows = any_docker("system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}").lines
    assert "Containers 3 0" in rows
    images = len({row["Id"] for row in api.get("/images/json")})
    assert any(row.startswith(f"Images {images} ") for row in rows)
    assert "CONTAINER ID" in any_docker("system", "df", "-v").out


def test_df_counts_all_engines(lab: Lab, api: Api) -> None:
    for number in (1, 2, 3):
        api.create(Env=[f"constraint:node==dockerhost0{number}"])
    single = [Api(engine.socket).get("/system/df") for engine in lab.engines]
    usage = api.get("/system/df")
    assert usage["LayersSize"] == sum(one["LayersSize"] for one in single)
    ids = {row["Id"] for one in single for row in one["Containers"]}
    assert {row["Id"] for row in usage["Containers"]} == ids
    busybox = next(r for r in usage["Images"] if "busybox:latest" in r["RepoTags"])
    assert busybox["Containers"] == 3


def test_container_prune(docker: Cli, api: Api) -> None:
    api.run("alive")
    for number in (1, 2, 3):
        api.create(f"dead{number}", Env=[f"constraint:node==dockerhost0{number}"])
    api.create("kept", Labels={"keep": ""})
    said = docker("container", "prune", "-f", "--filter", "label!=keep").out
    assert len([line for line in said.split("\n") if len(line) == 64]) == 3
    assert "Total reclaimed space" in said
    assert docker("ps", "-a", "--format", "{{.Names}}").out.count("dead") == 0
    assert len(docker("ps", "-aq").lines) == 2
    api.create("dead1")  # its name is free at once


def test_system_prune(docker: Cli, api: Api) -> None:
    api.create()
    assert "Total reclaimed space" in docker("system", "prune", "-f", timeout_s=60).out
    assert docker("ps", "-aq").lines == []


def test_a_wrong_filter_is_told_in_the_engines_words(target: Api) -> None:
    answer = target("POST", "/containers/prune?filters=%7B%22x%22%3A%5B%22y%22%5D%7D")
    assert answer.status == 400
    assert message(answer).lower() == "invalid filter 'x'"


def test_build_prune(docker: Cli) -> None:
    assert "Total" in docker("builder", "prune", "-f", check=False).out


@pytest.mark.parametrize("by", ["name", "node/name", "id", "swarm-id"])
def test_commit(docker: Cli, api: Api, made_images: list[str], by: str) -> None:
    made_images.append("committed:one")
    container = docker(
        "run", "-d", "--name", "web", "-e", "constraint:node==dockerhost02", "busybox", "sleep", "9"
    ).line
    docker("exec", "web", "sh", "-c", "echo mine >/mine")
    labels = api.get("/containers/web/json")["Config"]["Labels"]
    reference = {
        "name": "web",
        "node/name": "dockerhost02/web",
        "id": container[:12],
        "swarm-id": labels["com.docker.swarm.id"],
    }[by]
    image = docker("commit", "-m", "a&b c", "--author", "me", reference, "committed:one").line
    assert image.startswith("sha256:")
    assert "committed:one" in docker("images", "--format", "{{.Repository}}:{{.Tag}}").lines
    told = api.get("/images/committed:one/json")
    assert (told["Comment"], told["Author"]) == ("a&b c", "me")
    docker("rm", "-f", "web")
    assert docker("run", "--rm", "committed:one", "cat", "/mine").out == "mine\n"


def test_commit_of_nothing(target: Api) -> None:
    answer = target("POST", "/commit?container=nobody&repo=x", {})
    assert (answer.status, message(answer)) == (404, "No such container: nobody")


def test_commit_without_a_container(engine: Api, api: Api) -> None:
    through, direct = api("POST", "/commit?repo=x", {}), engine("POST", "/commit?repo=x", {})
    assert (through.status, message(through)) == (direct.status, message(direct))


def test_commit_with_docker_py(lab: Lab, made_images: list[str]) -> None:
    made_images.append("committed:py")
    client = docker_py.DockerClient(lab.manager.url)
    try:
        container = client.containers.run("busybox", "touch /there", detach=True)
        container.wait()
        image = container.commit("committed", "py", changes="LABEL by=py")
        assert image.labels["by"] == "py"
        assert "committed:py" in image.tags
    finally:
        client.close()


def test_checkpoints_are_the_engines_affair(lab: Lab, api: Api) -> None:
    container = api.run("web", Env=["constraint:node==dockerhost01"])
    direct = Api(lab.engines[0].socket)
    for method, path, body in (
        ("GET", f"/containers/{container}/checkpoints", None),
        ("POST", f"/containers/{container}/checkpoints", {"CheckpointID": "one"}),
        ("DELETE", f"/containers/{container}/checkpoints/one", None),
    ):
        through, itself = api(method, path, body), direct(method, path, body)
        assert (through.status, through.body) == (itself.status, itself.body)
    assert api.get("/containers/web/json")["State"]["Running"]


def test_plugins(any_docker: Cli, target: Api) -> None:
    assert any_docker("plugin", "ls", "-q").lines == []
    assert target.get("/plugins") == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("GET", "/plugins/a/b:c/json", None, id="inspect"),
        pytest.param("POST", "/plugins/nope/enable?timeout=1", None, id="enable"),
        pytest.param("POST", "/plugins/nope/disable", None, id="disable"),
        pytest.param("POST", "/plugins/nope/set", ["A=b"], id="set"),
        pytest.param("DELETE", "/plugins/nope", None, id="remove"),
    ],
)
def test_an_unknown_plugin(engine: Api, api: Api, method: str, path: str, body: object) -> None:
    direct, through = engine(method, path, body), api(method, path, body)
    assert (through.status, message(through)) == (direct.status, message(direct))


def test_a_plugin_that_no_registry_has(docker: Cli) -> None:
    said = docker.fails("plugin", "install", "--grant-all-permissions", "127.0.0.1:9/no/such").err
    assert "127.0.0.1:9" in said
