"""`docker network` over three hosts: one network, bridges where they are needed."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from integration_tools import Api, Cli, Manager, is_whole, message, nodes_of, until
from network_tools import hosts_with, networks_on, remove_networks

from lab.cluster import Lab

SPREAD = "com.docker.swarm.network.spread=true"


@pytest.fixture(autouse=True)
def _no_networks(lab: Lab) -> Iterator[None]:
    yield
    remove_networks(lab)


def _on_host(lab: Lab, index: int) -> list[str]:
    return ["-e", f"constraint:node=={lab.engines[index].plan.name}"]


def test_a_network_is_one_object_with_one_id(lab: Lab, any_docker: Cli, api: Api) -> None:
    network_id = any_docker("network", "create", "--label", "team=blue", "web").line
    assert len(network_id) == 64
    assert any_docker("network", "ls", "--no-trunc", "-q", "-f", "name=web").line == network_id
    assert len(hosts_with(lab, "web")) == 1
    shown = json.loads(any_docker("network", "inspect", "web").out)
    assert [(n["Id"], n["Scope"], n["Driver"], n["Labels"]) for n in shown] == [
        (network_id, "local", "bridge", {"team": "blue"})
    ]
    for reference in (network_id, network_id[:12], "web"):
        assert api.get(f"/networks/{reference}")["Id"] == network_id
    assert any_docker("network", "rm", "web").line == "web"
    assert hosts_with(lab, "web") == []
    failed = any_docker.fails("network", "inspect", "web", code=1)
    assert "network web not found" in failed.err or "No such network: web" in failed.err


def test_predefined_networks_are_shown_once(lab: Lab, docker: Cli, api: Api) -> None:
    names = [row["Name"] for row in api.get("/networks")]
    assert sorted(names) == ["bridge", "host", "none"]
    failed = docker.fails("network", "rm", "bridge")
    assert "bridge is a pre-defined network and cannot be removed" in failed.err
    node = lab.engines[1].plan.name
    own = Api(lab.engines[1].socket).get("/networks/bridge")
    assert api.get(f"/networks/{node}/bridge")["Id"] == own["Id"]
    assert json.loads(docker("network", "inspect", f"{node}/bridge").out)[0]["Id"] == own["Id"]


def test_a_name_is_taken_on_every_host(lab: Lab, docker: Cli, api: Api) -> None:
    docker("network", "create", "web")
    failed = docker.fails("network", "create", "web")
    assert "network with name web already exists" in failed.err
    body = {"Name": "web", "CheckDuplicate": True}
    assert api("POST", "/networks/create", body).status == 409
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda _: api("POST", "/networks/create", {"Name": "one"}).status, range(8))
        )
    assert sorted(made) == [201] + [409] * 7
    assert len(hosts_with(lab, "one")) == 1


def test_members_keep_together_and_reach_each_other(lab: Lab, docker: Cli, api: Api) -> None:
    network_id = docker("network", "create", "web").line
    docker("run", "-d", "--name", "aa", "--network", "web", "--network-alias", "first",
           *_on_host(lab, 2), "busybox", "sleep", "600")  # fmt: skip
    for name in ("bb", "cc"):
        docker("run", "-d", "--name", name, "--network", network_id, "busybox", "sleep", "600")
    assert {api.node_of(name) for name in ("aa", "bb", "cc")} == {lab.engines[2].plan.name}
    docker("exec", "bb", "ping", "-c", "1", "-W", "3", "aa")
    docker("exec", "cc", "ping", "-c", "1", "-W", "3", "first")
    told = api.get("/networks/web")["Containers"].values()
    assert {(c["Name"], c["Node"]) for c in told} == {
        (name, lab.engines[2].plan.name) for name in ("aa", "bb", "cc")
    }
    failed = docker.fails("run", "--network", "web", *_on_host(lab, 0), "busybox", "true")
    assert f"only {lab.engines[2].plan.name} fits the container's networks (web)" in failed.err
    failed = docker.fails("network", "rm", "web")
    assert "has active endpoints" in failed.err
    assert network_id in failed.err
    assert api.get("/networks/web")["Id"] == network_id


def test_concurrent_creates_keep_together(lab: Lab, docker: Cli, api: Api) -> None:
    docker("network", "create", "web")
    with ThreadPoolExecutor(6) as pool:
        made = pool.map(lambda _: api.create(HostConfig={"NetworkMode": "web"}), range(6))
        nodes = {api.node_of(container) for container in made}
    assert len(nodes) == 1


def test_spread_lifts_it_and_makes_a_bridge_on_each_host(lab: Lab, docker: Cli, api: Api) -> None:
    network_id = docker("network", "create", "--label", SPREAD, "wide").line
    assert len(hosts_with(lab, "wide")) == 1
    names = [f"w{number}" for number in range(3)]
    for name in names:
        docker("run", "-d", "--name", name, "--network", "wide", "busybox", "sleep", "600")
    hosts = sorted(engine.plan.name for engine in lab.engines)
    assert sorted(api.node_of(name) for name in names) == hosts
    assert sorted(hosts_with(lab, "wide")) == hosts
    assert docker("network", "ls", "-q", "--no-trunc", "-f", "name=wide").line == network_id
    told = api.get("/networks/wide")["Containers"].values()
    assert sorted(c["Node"] for c in told) == hosts
    # Every bridge knows all that is needed to make the next one.
    for rows in networks_on(lab).values():
        labels = [row["Labels"] for row in rows]
        assert [one["com.docker.swarm.network.id"] for one in labels] == [network_id]
    docker("rm", "-f", *names)
    docker("network", "rm", "wide")
    assert hosts_with(lab, "wide") == []


def test_containers_show_the_clusters_id(docker: Cli, api: Api) -> None:
    network_id = docker("network", "create", "web").line
    docker("run", "-d", "--name", "aa", "--network", "web", "busybox", "sleep", "600")
    inspected = api.get("/containers/aa/json")["NetworkSettings"]["Networks"]["web"]
    assert inspected["NetworkID"] == network_id
    (row,) = api.get("/containers/json")
    assert row["NetworkSettings"]["Networks"]["web"]["NetworkID"] == network_id
    for wanted in ("web", network_id, network_id[:12]):
        assert docker("ps", "-q", "-f", f"network={wanted}").line
    bridge = api.get("/networks/bridge")["Id"]
    docker("run", "-d", "--name", "bb", "busybox", "sleep", "600")
    inspected = api.get("/containers/bb/json")["NetworkSettings"]["Networks"]["bridge"]
    assert inspected["NetworkID"] == bridge


def test_connect_and_disconnect(lab: Lab, docker: Cli, api: Api) -> None:
    network_id = docker("network", "create", "--subnet", "172.31.99.0/24", "back").line
    docker("run", "-d", "--name", "aa", *_on_host(lab, 0), "busybox", "sleep", "600")
    docker("network", "connect", "--ip", "172.31.99.7", "--alias", "db", "back", "aa")
    settings = api.get("/containers/aa/json")["NetworkSettings"]["Networks"]["back"]
    assert (settings["IPAddress"], settings["NetworkID"]) == ("172.31.99.7", network_id)
    assert "db" in settings["Aliases"]
    docker("run", "-d", "--name", "bb", "--network", "back", "busybox", "sleep", "600")
    assert api.node_of("bb") == lab.engines[0].plan.name
    docker("exec", "bb", "ping", "-c", "1", "-W", "3", "db")
    docker("network", "disconnect", network_id, "aa")
    assert "back" not in api.get("/containers/aa/json")["NetworkSettings"]["Networks"]
    failed = docker.fails("network", "disconnect", "back", "aa")
    assert "is not connected to" in failed.err
    assert "No such container: nope" in docker.fails("network", "connect", "back", "nope").err
    assert "network nope not found" in docker.fails("network", "connect", "nope", "aa").err


def test_a_container_that_is_connected_stays_where_it_is(lab: Lab, docker: Cli, api: Api) -> None:
    network_id = docker("network", "create", "back").line
    docker("run", "-d", "--name", "aa", "--network", "back", *_on_host(lab, 0),
           "busybox", "sleep", "600")  # fmt: skip
    docker("run", "-d", "--name", "bb", *_on_host(lab, 1), "busybox", "sleep", "600")
    docker("network", "connect", "--alias", "db", "back", "bb")
    assert api.node_of("bb") == lab.engines[1].plan.name
    joined = api.get("/containers/bb/json")["NetworkSettings"]["Networks"]["back"]
    assert joined["NetworkID"] == network_id
    told = api.get("/networks/back")["Containers"].values()
    assert {(c["Name"], c["Node"]) for c in told} == {
        ("aa", lab.engines[0].plan.name),
        ("bb", lab.engines[1].plan.name),
    }
    # Who joins one of them by a constraint reaches that one.
    docker("run", "--rm", "--network", "back", *_on_host(lab, 1),
           "busybox", "ping", "-c", "1", "-W", "3", "db")  # fmt: skip


def test_node_and_name_make_it_there_only(lab: Lab, docker: Cli, api: Api) -> None:
    first, second = lab.engines[0].plan.name, lab.engines[1].plan.name
    docker("network", "create", f"{second}/own")
    assert hosts_with(lab, "own") == [second]
    docker("run", "-d", "--name", "aa", "--network", "own", "busybox", "sleep", "600")
    assert api.node_of("aa") == second
    docker("network", "create", f"{first}/own")
    assert sorted(r["Name"] for r in api.get("/networks?filters=%7B%22name%22:[%22own%22]%7D")) == [
        f"{first}/own",
        f"{second}/own",
    ]
    assert message(api("GET", "/networks/own")).startswith("network own is ambiguous (2 matches")
    docker("run", "-d", "--name", "bb", "--network", f"{first}/own", "busybox", "sleep", "600")
    assert api.node_of("bb") == first
    docker("rm", "-f", "bb")
    docker("network", "rm", f"{first}/own")
    assert hosts_with(lab, "own") == [second]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        pytest.param({"name": ["we"]}, ["web"], id="name"),
        pytest.param({"driver": ["bridge"]}, ["back", "bridge", "web"], id="driver"),
        pytest.param({"label": ["team=blue"]}, ["web"], id="label"),
        pytest.param({"type": ["custom"]}, ["back", "web"], id="custom"),
        pytest.param({"type": ["builtin"]}, ["bridge", "host", "none"], id="builtin"),
        pytest.param({"scope": ["swarm"]}, [], id="scope"),
        pytest.param({"dangling": ["true"]}, ["back"], id="dangling"),
        pytest.param({"dangling": {"0": True}}, ["bridge", "host", "none", "web"], id="used"),
        pytest.param({"node": ["nowhere"]}, [], id="node"),
    ],
)
def test_list_filters(docker: Cli, api: Api, filters: dict[str, object], names: list[str]) -> None:
    docker("network", "create", "--label", "team=blue", "web")
    docker("network", "create", "back")
    docker("run", "-d", "--network", "web", "busybox", "sleep", "600")
    rows = api.get(f"/networks?filters={quote(json.dumps(filters))}")
    assert sorted(row["Name"] for row in rows) == names


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("GET", "/networks/nope", None, id="inspect-unknown"),
        pytest.param("DELETE", "/networks/nope", None, id="remove-unknown"),
        pytest.param("DELETE", "/networks/bridge", None, id="remove-bridge"),
        pytest.param("POST", "/networks/create", {"Name": "bridge"}, id="create-bridge"),
        pytest.param("POST", "/networks/create", {"Name": ""}, id="no-name"),
        pytest.param("POST", "/networks/create", {"Name": "x", "Driver": "nope"}, id="driver"),
        pytest.param("POST", "/networks/create", {"Name": "x", "Driver": "overlay"}, id="overlay"),
        pytest.param("POST", "/networks/create", {"Name": "x", "Labels": ["aa"]}, id="labels"),
        pytest.param("POST", "/networks/create", {"Name": 5}, id="number"),
        pytest.param("POST", "/networks/create", {"Name": "x", "Driver": [1]}, id="list"),
        pytest.param("POST", "/networks/create", {"Name": "x", "Labels": "y"}, id="text"),
        pytest.param(
            "POST",
            "/networks/create",
            {"Name": "x", "IPAM": {"Config": [{"Subnet": "nonsense"}]}},
            id="subnet",
        ),
        pytest.param("POST", "/networks/nope/connect", {"Container": "nope"}, id="connect"),
        pytest.param("POST", "/networks/bridge/connect", {"Container": "nope"}, id="container"),
        pytest.param("POST", "/networks/prune?filters=%7B%22x%22:[%22y%22]%7D", None, id="prune"),
    ],
)
def test_refusals_are_the_engines_own(
    engine: Api, api: Api, method: str, path: str, body: object
) -> None:
    direct, through = engine(method, path, body), api(method, path, body)
    assert (through.status, message(through)) == (direct.status, message(direct))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "EOF", id="empty"),
        pytest.param(b"[", "invalid JSON", id="cut"),
        pytest.param(b'"x"', "not an object", id="text"),
    ],
)
def test_bad_bodies(api: Api, body: bytes, words: str) -> None:
    for path in ("/networks/create", "/networks/bridge/connect", "/networks/bridge/disconnect"):
        answer = api("POST", path, body)
        assert (answer.status, words in message(answer)) == (400, True)


def test_prune_tells_each_network_once(lab: Lab, docker: Cli, api: Api) -> None:
    for name in ("used", "idle"):
        docker("network", "create", "--label", SPREAD, name)
        for index in range(2):
            docker("run", "-d", "--name", f"{name}{index}", "--network", name,
                   *_on_host(lab, index), "busybox", "sleep", "600")  # fmt: skip
    docker("rm", "-f", "idle0", "idle1", "used0")
    assert len(hosts_with(lab, "used")) >= 2
    pruned = api("POST", "/networks/prune")
    assert (pruned.status, pruned.json()) == (200, {"NetworksDeleted": ["idle"]})
    assert hosts_with(lab, "idle") == []
    assert hosts_with(lab, "used") == [lab.engines[1].plan.name]
    assert docker("network", "ls", "-f", "name=used", "--format", "{{.Name}}").line == "used"
    # The bridge that is left is enough to make it elsewhere again.
    docker("run", "--rm", "--network", "used", *_on_host(lab, 2), "busybox", "true")


def test_prune_by_age_counts_each_bridge_by_itself(lab: Lab, docker: Cli, api: Api) -> None:
    docker("network", "create", "--label", SPREAD, "wide")
    (first,) = hosts_with(lab, "wide")
    later = int(time.time()) + 1
    until(lambda: time.time() > later, 3, "a later second")
    second = next(e.plan.name for e in lab.engines if e.plan.name != first)
    docker("run", "--rm", "-e", f"constraint:node=={second}", "--network", "wide",
           "busybox", "true")  # fmt: skip
    assert sorted(hosts_with(lab, "wide")) == sorted([first, second])
    pruned = api("POST", f"/networks/prune?filters={quote(json.dumps({'until': [str(later)]}))}")
    # It is still there, on the host that made its bridge later.
    assert (pruned.status, pruned.json()) == (200, {"NetworksDeleted": None})
    assert hosts_with(lab, "wide") == [second]
    assert [row["Name"] for row in api.get("/networks") if row["Name"] == "wide"] == ["wide"]


def test_events_name_the_cluster_s_network(lab: Lab, docker: Cli, api: Api) -> None:
    since = str(int(time.time()) - 1)
    network_id = docker("network", "create", "web").line
    docker("run", "-d", "--name", "aa", "--network", "web", "busybox", "sleep", "600")
    docker("rm", "-f", "aa")
    docker("network", "rm", "web")
    out = docker(
        "events", "--since", since, "--until", str(int(time.time()) + 1), "-f", "type=network",
        "-f", f"network={network_id}", "--format", "{{.Action}} {{.Actor.ID}}",
    ).out  # fmt: skip
    assert set(out.split("\n")[:-1]) == {
        f"{action} {network_id}" for action in ("create", "connect", "disconnect", "destroy")
    }


def test_what_is_no_plain_bridge_is_on_one_host(lab: Lab, docker: Cli, api: Api) -> None:
    network_id = docker("network", "create", "--config-only", "lan").line
    assert len(hosts_with(lab, "lan")) == 1
    assert api.get("/networks/lan")["Id"] == network_id
    docker("network", "rm", "lan")
    assert hosts_with(lab, "lan") == []


def test_a_second_manager_sees_the_same(lab: Lab, docker: Cli, tmp_path: Path) -> None:
    network_id = docker("network", "create", "web").line
    addresses = ",".join(engine.plan.endpoint for engine in lab.engines)
    with Manager(tmp_path, f"nodes://{addresses}", nodes=3) as other:
        assert other.api.get("/networks/web")["Id"] == network_id
        host = lab.engines[2].plan.name
        made = other.api.create(
            "aa", HostConfig={"NetworkMode": "web"}, Env=[f"constraint:node=={host}"]
        )
        assert other.api.node_of(made) == host
        until(lambda: docker("ps", "-aq", "-f", "network=web").line, 5, "the container")
        assert host in hosts_with(lab, "web")


def test_an_attachable_overlay_needs_a_swarm_and_is_used_there(
    lab: Lab, docker: Cli, api: Api
) -> None:
    leader = lab.engines[1]
    leader.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    try:
        network_id = docker("network", "create", "-d", "overlay", "--attachable", "wide").line
        shown = api.get("/networks/wide")
        assert (shown["Id"], shown["Scope"]) == (network_id, "swarm")
        created = api.create(HostConfig={"NetworkMode": "wide"})
        assert api.node_of(created) == leader.plan.name
        api("DELETE", f"/containers/{created}?force=1")
        docker("network", "rm", "wide")
    finally:
        leader.docker("swarm", "leave", "--force")
        leader.docker("network", "rm", "docker_gwbridge")


@pytest.mark.fault
def test_a_lost_host_holds_nobody_and_brings_nothing_back(lab: Lab, docker: Cli, api: Api) -> None:
    victim = lab.engines[0]
    home = f'com.docker.swarm.constraints=["node=={victim.plan.name}"]'
    for name in ("web", "old"):
        docker("network", "create", "--label", home, name)
        assert hosts_with(lab, name) == [victim.plan.name]
    wide = docker("network", "create", "--label", SPREAD, "wide").line
    for index in range(2):
        docker("run", "--rm", "--network", "wide", *_on_host(lab, index), "busybox", "true")
    docker("run", "-d", "--network", "web", "busybox", "sleep", "600")
    victim.pause()
    try:
        until(lambda: _is_lost(api, victim.plan.name), 20, "the loss of a host")
        docker("run", "-d", "--name", "bb", "--network", "web", "busybox", "sleep", "600")
        assert api.node_of("bb") != victim.plan.name
        answer = api("GET", "/networks/web")
        assert answer.headers["x-cluster-partial"] == victim.plan.name
        assert [c["Name"] for c in answer.json()["Containers"].values()] == ["bb"]
        failed = docker.fails("network", "rm", "old")
        assert f"network old is on {victim.plan.name}, which does not answer" in failed.err
        docker("network", "rm", wide)
        assert docker("network", "ls", "-q", "-f", "name=wide").line == ""
    finally:
        victim.unpause()
    until(lambda: not _is_lost(api, victim.plan.name), 20, "its return")
    until(lambda: hosts_with(lab, "wide") == [], 5, "the end of the bridge that was left behind")
    until(lambda: not docker("network", "ls", "-q", "-f", "name=wide").line, 5, "its end in lists")
    assert docker("network", "rm", "old").line == "old"


@pytest.mark.fault
def test_a_hung_host_does_not_keep_a_network_from_being_made(lab: Lab, docker: Cli) -> None:
    # Of hosts that are alike the first is asked first.
    victim = lab.engines[0]
    since = f"{time.time():.3f}"
    victim.pause()
    try:
        network_id = docker("network", "create", "web", timeout_s=30).line
    finally:
        victim.unpause()
    until(lambda: is_whole(lab), 20, "a whole cluster")

    def told() -> list[str]:
        options = ("--since", since, "--until", str(int(time.time()) + 1), "--filter")
        shape = "{{.Action}} {{.Actor.Attributes.name}}"
        return victim.docker("events", *options, "type=network", "--format", shape).splitlines()

    # What it was asked for it makes now, and that is removed.
    until(lambda: told() == ["create web", "destroy web"], 20, "the bridge's making and end")
    assert len(hosts_with(lab, "web")) == 1
    assert victim.plan.name not in hosts_with(lab, "web")
    until(
        lambda: docker("network", "ls", "-q", "--no-trunc", "-f", "name=web").line == network_id, 5
    )


def _is_lost(api: Api, host: str) -> bool:
    return nodes_of(api.get("/info"))[host]["Status"] != "Healthy"
