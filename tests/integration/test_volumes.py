"""``docker volume``: a local volume has a home, and what mounts it lands there."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker as docker_py
import pytest
from docker.errors import NotFound
from integration_tools import (
    Api,
    Cli,
    message,
    nodes_of,
    remove_containers,
    remove_volumes,
    until,
)

from lab.cluster import Lab


@pytest.fixture(autouse=True)
def _no_volumes(lab: Lab, api: Api) -> Iterator[None]:
    """Each test begins without volumes, and leaves none."""
    yield
    for engine in lab.engines:
        direct = Api(engine.socket)
        remove_containers(direct)
        remove_volumes(direct)
    api("POST", "/containers/prune")


def home_of(lab: Lab, name: str) -> list[str]:
    """Names of the engines that have a volume, asked without the manager."""
    return [
        engine.plan.name
        for engine in lab.engines
        if name in [v["Name"] for v in Api(engine.socket).get("/volumes")["Volumes"] or ()]
    ]


def test_create_list_inspect_remove(any_docker: Cli, lab: Lab) -> None:
    assert any_docker("volume", "create", "--label", "a=b", "data").line == "data"
    assert any_docker("volume", "ls", "-q").lines == ["data"]
    assert any_docker("volume", "inspect", "-f", "{{.Name}} {{.Labels.a}}", "data").line == "data b"
    assert len(home_of(lab, "data")) == 1
    assert any_docker("volume", "rm", "data").line == "data"
    assert any_docker("volume", "ls", "-q").lines == []
    assert home_of(lab, "data") == []


def test_a_second_create_answers_the_first_volume(docker: Cli, lab: Lab) -> None:
    for _ in range(3):
        docker("volume", "create", "data")
    assert len(home_of(lab, "data")) == 1


def test_an_unnamed_volume_gets_a_name(docker: Cli) -> None:
    name = docker("volume", "create").line
    assert len(name) == 64
    assert docker("volume", "ls", "-q").lines == [name]


def test_a_label_or_a_prefix_chooses_the_node(docker: Cli, api: Api, lab: Lab) -> None:
    label = 'com.docker.swarm.constraints=["node==dockerhost02"]'
    docker("volume", "create", "--label", label, "by-label")
    docker("volume", "create", "dockerhost03/by-prefix")
    assert home_of(lab, "by-label") == ["dockerhost02"]
    assert home_of(lab, "by-prefix") == ["dockerhost03"]
    assert api.get("/volumes/by-prefix")["Node"]["Name"] == "dockerhost03"
    assert docker("volume", "ls", "-q", "-f", "node=dockerhost03").lines == ["by-prefix"]


def test_a_volume_of_several_homes_is_called_by_node(docker: Cli, api: Api, lab: Lab) -> None:
    docker("volume", "create", "dockerhost01/twin")
    docker("volume", "create", "dockerhost02/twin")
    assert docker("volume", "ls", "-q").lines == ["dockerhost01/twin", "dockerhost02/twin"]
    answer = api("GET", "/volumes/twin")
    assert answer.status == 404
    assert "dockerhost01/twin, dockerhost02/twin" in message(answer)
    assert api("DELETE", "/volumes/twin").status == 409
    assert api("POST", "/volumes/create", {"Name": "twin"}).status == 409
    assert api.get("/volumes/dockerhost02/twin")["Name"] == "dockerhost02/twin"
    docker("volume", "rm", "dockerhost01/twin")
    assert docker("volume", "ls", "-q").lines == ["twin"]
    assert home_of(lab, "twin") == ["dockerhost02"]


def test_a_container_lands_where_its_data_is(any_docker: Cli, api: Api) -> None:
    any_docker("volume", "create", "dockerhost03/data")
    # Two more there, so that spread alone would go elsewhere.
    for _ in range(2):
        api.run(Env=["constraint:node==dockerhost03"])
    any_docker("run", "--rm", "-v", "data:/d", "busybox", "sh", "-c", "echo hi >/d/x")
    assert any_docker("run", "--rm", "-v", "data:/d:ro", "busybox", "cat", "/d/x").out == "hi\n"
    mount = "type=volume,source=data,target=/d"
    container = any_docker("create", "--mount", mount, "busybox", "true").line
    assert api.node_of(container) == "dockerhost03"


def test_a_new_volume_is_where_its_container_landed(docker: Cli, api: Api, lab: Lab) -> None:
    container = docker("run", "-d", "-v", "fresh:/d", "busybox", "sleep", "600").line
    assert home_of(lab, "fresh") == [api.node_of(container)]
    for index in range(4):
        again = docker("create", "--name", f"more{index}", "-v", "fresh:/d", "busybox").line
        assert api.node_of(again) == api.node_of(container)
    assert len(docker("ps", "-aq", "-f", "volume=fresh").lines) == 5


def test_a_bind_may_name_the_node(docker: Cli, api: Api, lab: Lab) -> None:
    container = docker("create", "-v", "dockerhost02/named:/d", "busybox").line
    assert api.node_of(container) == "dockerhost02"
    assert home_of(lab, "named") == ["dockerhost02"]


def test_volumes_on_two_nodes_fit_no_container(docker: Cli) -> None:
    docker("volume", "create", "dockerhost01/a1")
    docker("volume", "create", "dockerhost02/b2")
    said = docker.fails("run", "--rm", "-v", "a1:/a", "-v", "b2:/b", "busybox", "true").err
    assert "dockerhost01: volume: volume b2 is on dockerhost02" in said
    assert "dockerhost02: volume: volume a1 is on dockerhost01" in said


def test_creates_at_once_agree_on_a_new_volumes_home(api: Api, lab: Lab) -> None:
    body: dict[str, Any] = {"HostConfig": {"Binds": ["shared:/d"]}}
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: api.create(**body), range(8)))
    assert len({api.node_of(container) for container in found}) == 1
    assert len(home_of(lab, "shared")) == 1


def test_volume_creates_at_once_make_one(api: Api, lab: Lab) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(lambda _: api("POST", "/volumes/create", {"Name": "once"}).status, range(8))
        )
    assert found == [201] * 8
    assert len(home_of(lab, "once")) == 1


def test_a_groups_volumes_share_a_node(docker: Cli, api: Api, lab: Lab) -> None:
    label = "com.docker.compose.project=shop"
    docker("volume", "create", "--label", label, "shop_a1")
    home = home_of(lab, "shop_a1")
    for _ in range(3):
        api.run(Env=[f"constraint:node=={home[0]}"])
    docker("volume", "create", "--label", label, "shop_b2")
    assert home_of(lab, "shop_b2") == home
    # One of the group's that mounts nothing stays with its data too.
    assert api.node_of(docker("create", "--label", label, "busybox").line) == home[0]


def test_filters(docker: Cli, api: Api) -> None:
    docker("volume", "create", "--label", "tier=db", "used")
    docker("volume", "create", "--label", "tier=web", "idle")
    docker("create", "-v", "used:/d", "busybox")
    assert docker("volume", "ls", "-q", "-f", "dangling=true").lines == ["idle"]
    assert docker("volume", "ls", "-q", "-f", "dangling=false").lines == ["used"]
    assert docker("volume", "ls", "-q", "-f", "label=tier=db").lines == ["used"]
    assert docker("volume", "ls", "-q", "-f", "label=tier").lines == ["idle", "used"]
    assert docker("volume", "ls", "-q", "-f", "name=us").lines == ["used"]
    assert docker("volume", "ls", "-q", "-f", "driver=local").lines == ["idle", "used"]
    assert docker("volume", "ls", "-q", "-f", "driver=nfs").lines == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("GET", "/volumes/nothing", None, id="inspect"),
        pytest.param("DELETE", "/volumes/nothing", None, id="remove"),
        pytest.param("DELETE", "/volumes/nothing?force=1", None, id="force"),
        pytest.param("GET", "/volumes?filters=%7B%22x%22%3A%5B%22y%22%5D%7D", None, id="filter"),
        pytest.param("POST", "/volumes/create", {"Name": "x x"}, id="bad-name"),
        pytest.param("POST", "/volumes/create", {"Name": "a/b"}, id="slash"),
        pytest.param("POST", "/volumes/create", {"Name": "ok", "Driver": "nope"}, id="driver"),
    ],
)
def test_errors_are_an_engines_own(
    engine: Api, api: Api, method: str, path: str, body: object
) -> None:
    direct, through = engine(method, path, body), api(method, path, body)
    assert through.status == direct.status
    if direct.status >= 400:
        # Engines before 25 begin some of their sentences with a capital.
        assert message(through).lower() == message(direct).lower()


def test_a_cluster_volume_needs_a_swarm(api: Api) -> None:
    answer = api("PUT", "/volumes/nothing?version=1", {"Spec": {}})
    assert answer.status == 503
    assert message(answer).startswith("This node is not a swarm manager.")


def test_volumes_without_a_container_wait_together(docker: Cli, api: Api, lab: Lab) -> None:
    docker("volume", "create", "first")
    home = home_of(lab, "first")
    for _ in range(3):
        api.run(Env=[f"constraint:node=={home[0]}"])
    docker("volume", "create", "second")
    assert home_of(lab, "second") == home
    both = docker("create", "-v", "first:/1", "-v", "second:/2", "busybox").line
    assert api.node_of(both) == home[0]
    # They have their container now, so the next one goes where there is most room.
    docker("volume", "create", "third")
    assert home_of(lab, "third") != home


@pytest.mark.fault
def test_a_volume_whose_node_is_gone_is_not_made_anew(docker: Cli, api: Api, lab: Lab) -> None:
    docker("volume", "create", "dockerhost02/data")
    lab.engines[1].pause()
    try:
        until(lambda: "x-cluster-partial" in api("GET", "/volumes").headers, 30, "a lost node")
        assert api("GET", "/volumes").headers["x-cluster-partial"] == "dockerhost02"
        said = docker.fails("create", "-v", "data:/d", "busybox").err
        assert "volume data is on dockerhost02" in said
        assert docker("volume", "ls", "-q").lines == ["data"]
        assert "dockerhost02" in message(api("GET", "/volumes/data"))
    finally:
        lab.engines[1].unpause()
    until(lambda: is_whole(api), 30, "the node's return")
    assert api("GET", "/volumes/data").status == 200


def is_whole(api: Api) -> bool:
    return all(node["Status"] == "Healthy" for node in nodes_of(api.get("/info")).values())


def test_a_volume_in_use_stays(docker: Cli, api: Api) -> None:
    container = docker("create", "-v", "busy:/d", "busybox").line
    answer = api("DELETE", "/volumes/busy")
    assert answer.status == 409
    assert message(answer) == f"remove busy: volume is in use - [{container}]"
    docker("rm", container)
    docker("volume", "rm", "busy")


def test_prune(docker: Cli, api: Api, lab: Lab) -> None:
    for host in ("dockerhost01", "dockerhost02"):
        docker("volume", "create", f"{host}/twin")
    docker("volume", "create", "single")
    docker("create", "-v", "kept:/d", "busybox")
    told = api("POST", "/v1.41/volumes/prune").json()
    assert sorted(told["VolumesDeleted"]) == ["dockerhost01/twin", "dockerhost02/twin", "single"]
    assert isinstance(told["SpaceReclaimed"], int)
    assert docker("volume", "ls", "-q").lines == ["kept"]


def test_docker_py(lab: Lab) -> None:
    client = docker_py.DockerClient(lab.manager.url)
    try:
        made = client.volumes.create("py", driver="local", labels={"a": "b"})
        assert made.name == made.id == "py"
        assert [volume.name for volume in client.volumes.list(filters={"name": "py"})] == ["py"]
        assert client.volumes.get("py").attrs["Labels"] == {"a": "b"}
        said = client.containers.run(
            "busybox", "sh -c 'echo 1 >/d/x; cat /d/x'", volumes={"py": {"bind": "/d"}}, remove=True
        )
        assert said == b"1\n"
        made.remove()
        with pytest.raises(NotFound):
            client.volumes.get("py")
        assert client.volumes.prune()["SpaceReclaimed"] == 0
    finally:
        client.close()
