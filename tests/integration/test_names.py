"""Names are unique in the whole cluster."""

import pytest
from integration_tools import Api, Cli, message, until

from lab.cluster import Lab

TAKEN = (
    "Conflict: The name {0} is already assigned. You have to delete (or rename) that container"
    " to be able to assign {0} to a container again."
)


def test_a_name_is_taken_on_every_host(api: Api) -> None:
    api.create("web", Env=["constraint:node==dockerhost01"])
    answer = api(
        "POST", "/containers/create?name=web",
        {"Image": "busybox", "Env": ["constraint:node==dockerhost02"]},
    )  # fmt: skip
    assert (answer.status, message(answer)) == (409, TAKEN.format("web"))


def test_a_name_taken_behind_the_managers_back(api: Api, engine: Api) -> None:
    engine.create("web")
    until(lambda: api("GET", "/containers/web/json").status == 200, 3, "the event")
    body = {"Image": "busybox", "Env": ["constraint:node==dockerhost02"]}
    answer = api("POST", "/containers/create?name=web", body)
    assert answer.status == 409
    assert message(answer) == TAKEN.format("web")


def test_a_name_is_free_again_at_once(api: Api) -> None:
    for _ in range(5):
        container = api.create("web")
        assert api("DELETE", f"/containers/{container}").status == 204


def test_a_name_freed_behind_the_managers_back_is_free(api: Api, engine: Api) -> None:
    for _ in range(3):
        container = api.create("web", Env=["constraint:node==dockerhost01"])
        assert engine("DELETE", f"/containers/{container}").status == 204
        again = api.create("web", Env=["constraint:node==dockerhost02"])
        assert api("DELETE", f"/containers/{again}").status == 204


def test_rename(any_docker: Cli) -> None:
    docker = any_docker
    docker("run", "-d", "--name", "one", "busybox", "sleep", "600")
    docker("rename", "one", "two")
    assert docker("ps", "--format", "{{.Names}}").line.endswith("/two")
    assert docker("inspect", "-f", "{{.Name}}", "two").line == "/two"
    assert "No such container: one" in docker.fails("exec", "one", "true").err
    docker("run", "-d", "--name", "one", "busybox", "sleep", "600")


def test_rename_to_a_name_on_another_host(api: Api) -> None:
    api.create("one", Env=["constraint:node==dockerhost01"])
    api.create("two", Env=["constraint:node==dockerhost02"])
    answer = api("POST", "/containers/one/rename?name=two")
    assert (answer.status, message(answer)) == (409, TAKEN.format("two"))
    assert api.get("/containers/one/json")["Name"] == "/one"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param("name=", 400, id="empty"),
        pytest.param("name=a%20b", 400, id="space"),
        pytest.param("name=-a", 400, id="begins-with-dash"),
    ],
)
def test_rename_to_no_name(target: Api, query: str, status: int) -> None:
    container = target.create()
    answer = target("POST", f"/containers/{container}/rename?{query}")
    # 20.10 answers an empty name with 500, later engines with 400.
    assert answer.status in (status, 500), message(answer)
    assert message(answer)


def test_bad_name_is_refused_in_the_engines_words(api: Api, engine: Api) -> None:
    ours = api("POST", "/containers/create?name=a%20b", {"Image": "busybox"})
    theirs = engine("POST", "/containers/create?name=a%20b", {"Image": "busybox"})
    assert (ours.status, message(ours)) == (theirs.status, message(theirs))


def test_node_and_name_choose_the_host(docker: Cli) -> None:
    docker("create", "--name", "dockerhost02/web", "busybox")
    assert docker("inspect", "-f", "{{.Node.Name}} {{.Name}}", "web").line == "dockerhost02 /web"


def test_same_name_on_two_hosts_behind_the_managers_back(api: Api, docker: Cli, lab: Lab) -> None:
    ids = [Api(one.plan.endpoint).create("twin") for one in lab.engines[:2]]
    assert api.get("/containers/dockerhost01/twin/json")["Id"] == ids[0]
    assert docker("inspect", "-f", "{{.Id}}", "dockerhost02/twin").line == ids[1]
    answer = api("GET", "/containers/twin/json")
    assert answer.status in (404, 409), message(answer)
