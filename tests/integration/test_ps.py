"""``docker ps``: the containers of every host, where they are, and Docker's own filters."""

import json
from urllib.parse import quote

import pytest
from integration_tools import Api, Cli, message, until

from lab.cluster import Lab

ON = "constraint:node==dockerhost{:02d}"


def test_names_tell_the_node(any_docker: Cli) -> None:
    any_docker("run", "-d", "--name", "web", "-e", ON.format(3), "busybox", "sleep", "600")
    assert any_docker("ps", "--format", "{{.Names}}").line == "dockerhost03/web"


def test_ports_tell_the_hosts_address(any_docker: Cli, lab: Lab) -> None:
    any_docker(
        "run", "-d", "-p", "8080:80", "-e", ON.format(2), "busybox", "httpd", "-f", "-p", "80"
    )
    address = lab.engines[1].plan.address
    assert any_docker("ps", "--format", "{{.Ports}}").line == f"{address}:8080->80/tcp"
    assert any_docker("port", any_docker("ps", "-q").line).line.endswith(f"{address}:8080")


def test_others_find_the_plain_name_first(api: Api) -> None:
    api.run("web", Env=[ON.format(1)])
    assert api.get("/containers/json")[0]["Names"] == ["/web", "/dockerhost01/web"]


def test_a_client_that_hides_slashes_is_given_the_plain_name(api: Api) -> None:
    api.run("web", Env=[ON.format(1)])
    for agent, names in (
        ("Docker-Client/29.3.1 (linux)", ["/dockerhost01/web"]),
        ("Docker-Client/29.4.0 (linux)", ["/web", "/dockerhost01/web"]),
    ):
        answer = api("GET", "/containers/json", headers={"User-Agent": agent})
        assert answer.json()[0]["Names"] == names


def test_all_hosts_newest_first(docker: Cli) -> None:
    for number in (1, 2, 3):
        docker(
            "run", "-d", "--name", f"c{number}", "-e", ON.format(number), "busybox", "sleep", "9"
        )
    shown = docker("ps", "--format", "{{.Names}}").out.split()
    assert shown == ["dockerhost03/c3", "dockerhost02/c2", "dockerhost01/c1"]
    assert len(docker("ps", "-q").out.split()) == 3
    assert len(docker("ps", "-aq", "--no-trunc").out.split()[0]) == 64
    assert docker("ps", "-n", "2", "--format", "{{.Names}}").out.split() == shown[:2]
    assert docker("ps", "-l", "--format", "{{.Names}}").out.split() == shown[:1]


def test_stopped_ones_are_shown_with_all(docker: Cli) -> None:
    docker("run", "--name", "short", "busybox", "true")
    docker("create", "--name", "never", "busybox", "true")
    assert docker("ps", "-q").out == ""
    shown = docker("ps", "-a", "--format", "{{.Names}} {{.State}}").out
    assert "/short exited" in shown
    assert "/never created" in shown


def test_status_text(docker: Cli) -> None:
    docker("run", "-d", "--name", "up", "busybox", "sleep", "600")
    docker("run", "--name", "down", "busybox", "sh", "-c", "exit 3", check=False)
    shown = docker("ps", "-a", "--format", "{{.Status}}").out
    assert "Up " in shown
    assert "Exited (3) " in shown


def _zoo(api: Api) -> None:
    """Some containers, each of which differs in one thing."""
    api.run("running", Labels={"kind": "a", "only": ""}, Env=[ON.format(1)])
    paused = api.run("paused", Labels={"kind": "b"}, Env=[ON.format(2)])
    api("POST", f"/containers/{paused}/pause")
    api.create("created", Env=[ON.format(3)], Labels={"kind": "b"})
    for code in (0, 4):
        one = api.run(f"exited{code}", Cmd=["sh", "-c", f"exit {code}"], Env=[ON.format(2)])
        api("POST", f"/containers/{one}/wait")
    api.run(
        "mounted",
        HostConfig={"Binds": ["data:/data"], "PortBindings": {"80/tcp": [{"HostPort": "8081"}]}},
        ExposedPorts={"80/tcp": {}, "99/udp": {}},
        Env=[ON.format(3)],
        Healthcheck={"Test": ["CMD", "true"], "Interval": 10**9},
    )


_FILTERS: list[tuple[dict[str, list[str]], str]] = [
    ({"name": ["exited"]}, "exited0 exited4"),
    ({"name": ["^paused$"]}, "paused"),
    ({"name": ["dockerhost02/"]}, "exited0 exited4 paused"),
    ({"label": ["only"]}, "running"),
    ({"label": ["kind=b"]}, "created paused"),
    ({"label": ["kind=b", "only"]}, ""),
    ({"status": ["paused", "created"]}, "created paused"),
    ({"status": ["exited"]}, "exited0 exited4"),
    ({"exited": ["4"]}, "exited4"),
    ({"node": ["dockerhost03"]}, "created mounted"),
    ({"volume": ["data"]}, "mounted"),
    ({"volume": ["/data"]}, "mounted"),
    ({"publish": ["8081"]}, "mounted"),
    ({"expose": ["99/udp"]}, "mounted"),
    ({"expose": ["70-90"]}, "mounted"),
    ({"before": ["created"]}, "paused running"),
    ({"since": ["exited0"]}, "exited4 mounted"),
    ({"ancestor": ["alpine"], "status": ["paused"]}, "paused"),
    ({"ancestor": ["unknown"]}, ""),
    ({"is-task": ["true"]}, ""),
    ({"network": ["bridge"], "status": ["running"]}, "mounted running"),
    ({"health": ["starting", "healthy"]}, "mounted"),
]


def test_filters(api: Api) -> None:
    _zoo(api)
    wrong = {}
    for filters, names in _FILTERS:
        found = api.get("/containers/json?all=1&filters=" + quote(json.dumps(filters)))
        # API 1.21 and before wrote each key as an object of trues.
        old = {key: dict.fromkeys(values, True) for key, values in filters.items()}
        assert api.get("/containers/json?all=1&filters=" + quote(json.dumps(old))) == found
        shown = " ".join(sorted(one["Names"][0].removeprefix("/") for one in found))
        if shown != names:
            wrong[str(filters)] = shown
    assert wrong == {}


def test_filter_by_id(api: Api) -> None:
    one, _ = api.run(), api.run()
    text = quote(json.dumps({"id": [one[:7]]}))
    assert [found["Id"] for found in api.get(f"/containers/json?filters={text}")] == [one]


@pytest.mark.parametrize(
    "filters",
    [
        pytest.param('{"nonsense":["x"]}', id="unknown-key"),
        pytest.param('{"status":["sleepy"]}', id="unknown-status"),
        pytest.param('{"exited":["x"]}', id="exit-code-in-words"),
        pytest.param('{"health":["x"]}', id="unknown-health"),
        pytest.param("{nonsense", id="no-json"),
        pytest.param('["a"]', id="no-object"),
        pytest.param('{"name":3}', id="no-list"),
    ],
)
def test_bad_filter_is_the_clients_fault_here_as_there(api: Api, engine: Api, filters: str) -> None:
    query = "/containers/json?filters=" + quote(filters)
    ours, theirs = api("GET", query), engine("GET", query)
    # 20.10 answers some of them with 500; newer engines always with 400.
    assert ours.status == 400
    assert theirs.status in (400, 500)
    message(ours)


def test_sizes(docker: Cli) -> None:
    docker("run", "--name", "big", "busybox", "dd", "if=/dev/zero", "of=/x", "bs=1024", "count=70")
    assert docker("ps", "-as", "--format", "{{.Size}}").line.startswith("71.7kB (virtual ")


def test_a_list_knows_what_a_client_has_just_done(api: Api) -> None:
    for number in range(10):
        name = f"quick{number}"
        container = api.run(name)
        listed = {one["Id"]: one["State"] for one in api.get("/containers/json?all=1")}
        assert listed[container] == "running"
        api("POST", f"/containers/{name}/kill")
        listed = {one["Id"]: one["State"] for one in api.get("/containers/json?all=1")}
        assert listed[container] == "exited"
        api("DELETE", f"/containers/{name}")
        assert api.get("/containers/json?all=1") == []


def test_changes_behind_the_managers_back_show_up(api: Api, engine: Api) -> None:
    container = engine.run("direct")
    until(lambda: [one["Id"] for one in api.get("/containers/json")] == [container], 3)
    engine("DELETE", f"/containers/{container}?force=1")
    until(lambda: api.get("/containers/json?all=1") == [], 3)
