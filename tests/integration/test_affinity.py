"""Affinities and dependencies: beside what it belongs to, or away from it."""

import pytest
from integration_tools import APP, Api, knows_app, message, remove_app, until

from lab.cluster import Lab


@pytest.fixture(autouse=True)
def _db(api: Api) -> None:
    api.run("db", Env=["constraint:node==dockerhost02"], Labels={"role": "database"})


def land(api: Api, **body: object) -> str:
    """Name of the node that a container lands on; otherwise the refusal."""
    answer = api("POST", "/containers/create", {"Image": "busybox", **body})
    if answer.status != 201:
        return message(answer)
    return api.node_of(answer.json()["Id"])


@pytest.mark.parametrize(
    "expression",
    ["container==db", "container==d*", "container==/^db$/", "role==database", "role==data*"],
)
def test_beside(api: Api, expression: str) -> None:
    assert {land(api, Env=[f"affinity:{expression}"]) for _ in range(3)} == {"dockerhost02"}


@pytest.mark.parametrize("expression", ["container!=db", "role!=database"])
def test_away(api: Api, expression: str) -> None:
    nodes = {land(api, Env=[f"affinity:{expression}"]) for _ in range(4)}
    assert nodes == {"dockerhost01", "dockerhost03"}


def test_beside_a_container_by_id(api: Api) -> None:
    container = api.get("/containers/db/json")["Id"]
    assert land(api, Env=[f"affinity:container=={container}"]) == "dockerhost02"
    assert land(api, Env=[f"affinity:container=={container[:12]}"]) == "dockerhost02"


def test_away_from_its_own_kind(api: Api) -> None:
    env, labels = ["affinity:app!=web"], {"app": "web"}
    nodes = [land(api, Env=env, Labels=labels) for _ in range(3)]
    assert sorted(nodes) == ["dockerhost01", "dockerhost02", "dockerhost03"]
    assert "app!=web" in land(api, Env=env, Labels=labels)


def test_nobody_to_be_beside(api: Api) -> None:
    assert "container==ghost" in land(api, Env=["affinity:container==ghost"])
    assert land(api, Env=["affinity:container==~ghost"]).startswith("dockerhost")


def test_as_label(api: Api) -> None:
    labels = {"com.docker.swarm.affinities": '["container==db"]'}
    assert land(api, Labels=labels) == "dockerhost02"


def test_where_the_image_is(api: Api, lab: Lab) -> None:
    image = APP
    remove_app(lab, api)
    lab.engines[2].docker("pull", "-q", image)
    until(lambda: knows_app(api), 5, "the image on one node")
    nodes = {land(api, Image=image, Env=[f"affinity:image=={image}"]) for _ in range(3)}
    assert nodes == {"dockerhost03"}
    assert land(api, Env=[f"affinity:image!={image}"]) != "dockerhost03"


@pytest.mark.parametrize(
    "host",
    [
        pytest.param({"VolumesFrom": ["db"]}, id="volumes"),
        pytest.param({"VolumesFrom": ["db:ro"]}, id="volumes-read-only"),
        pytest.param({"Links": ["db:base"]}, id="link"),
        pytest.param({"NetworkMode": "container:db"}, id="network"),
    ],
)
def test_dependencies_are_on_one_host(api: Api, host: dict[str, object]) -> None:
    assert {land(api, HostConfig=host) for _ in range(2)} == {"dockerhost02"}


def test_dependencies_on_two_hosts(api: Api) -> None:
    api.run("cache", Env=["constraint:node==dockerhost03"])
    text = land(api, HostConfig={"VolumesFrom": ["db"], "Links": ["cache:cache"]})
    assert "--volumes-from=db" in text
    assert "--link=cache:cache" in text
