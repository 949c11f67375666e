"""``docker stats``, ``top``, ``inspect``, ``port``: what is known of a running container."""

import json

from integration_tools import Api, Cli, Terminal, nodes_of

from lab.cluster import Lab


def test_stats_once(any_docker: Cli) -> None:
    for node in (1, 3):
        any_docker(
            "run", "-d", "--name", f"c{node}", "-e", f"constraint:node==dockerhost0{node}",
            "busybox", "sleep", "600",
        )  # fmt: skip
    shown = any_docker("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", timeout_s=30)
    assert [line.split("/")[-1] for line in shown.lines] == ["c1 1", "c3 1"]


def test_stats_go_on(docker: Cli) -> None:
    docker("run", "-d", "--name", "web", "busybox", "sleep", "600")
    with Terminal(docker, "stats", "web") as terminal:
        terminal.expect("web")
        terminal.expect("web", 10)


def test_stats_as_a_stream(api: Api) -> None:
    container = api.run()
    assert api("GET", f"/containers/{container}/stats?stream=0").json()["id"] == container
    with api.connect() as sock:
        sock.sendall(f"GET /containers/{container}/stats HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        got = b""
        while got.count(b'"pids_stats"') < 2:
            got += sock.recv(1 << 16)


def test_top(any_docker: Cli) -> None:
    any_docker("run", "-d", "--name", "web", "busybox", "sleep", "4711")
    assert "sleep 4711" in any_docker("top", "web").out
    assert "sleep 4711" in any_docker("top", "web", "-o", "pid,args").out


def test_inspect_tells_the_node(any_docker: Cli, lab: Lab) -> None:
    any_docker("run", "-d", "--name", "web", "-e", "constraint:node==dockerhost02", "-p", "8080:80",
               "busybox", "sleep", "600")  # fmt: skip
    (facts,) = json.loads(any_docker("inspect", "web").out)
    node, plan = facts["Node"], lab.engines[1].plan
    assert node["Name"] == "dockerhost02"
    assert (node["Addr"], node["IP"]) == (plan.endpoint, plan.address)
    assert node["Cpus"] >= 1
    assert node["Memory"] > 1 << 28
    assert node["Labels"].items() >= dict(plan.labels).items()
    assert facts["Name"] == "/web"
    bindings = facts["NetworkSettings"]["Ports"]["80/tcp"]
    assert {(one["HostIp"], one["HostPort"]) for one in bindings} <= {(plan.address, "8080")}


def test_inspect_loses_nothing(api: Api, lab: Lab) -> None:
    container = api.run("web", Env=["constraint:node==dockerhost01", "A=1"])
    ours = api.get(f"/containers/{container}/json?size=1")
    theirs = Api(lab.engines[0].plan.endpoint).get(f"/containers/{container}/json?size=1")
    node = ours.pop("Node")
    assert node["Name"] == "dockerhost01"
    # A network has one ID in the whole cluster, so that compose does not make it anew.
    for inspect in (ours, theirs):
        del inspect["NetworkSettings"]["Networks"]["bridge"]["NetworkID"]
    assert ours == theirs


def test_ways_to_name_it(docker: Cli, api: Api) -> None:
    container = api.run("web")
    swarm_id = api.get("/containers/web/json")["Config"]["Labels"]["com.docker.swarm.id"]
    node = api.node_of("web")
    for way in (container, container[:12], container[:5], "web", f"{node}/web", swarm_id,
                swarm_id[:12], swarm_id[:6]):  # fmt: skip
        assert docker("inspect", "-f", "{{.Id}}", way).line == container
    assert api.get("/containers//web/json")["Id"] == container


def test_info(any_docker: Cli, lab: Lab) -> None:
    shown = any_docker("info").out
    assert "Server Version: swarm/2.0.0" in shown
    lines = ["Role: primary", "Strategy: spread", "Nodes: 3", " └ Status: Healthy"]
    filters = "Filters: health, port, containerslots, dependency, affinity, constraint, whitelist"
    for text in (*lines, filters):
        assert text in shown
    for engine in lab.engines:
        assert f"{engine.name}: {engine.plan.endpoint}" in shown


def test_info_in_parts(api: Api, lab: Lab) -> None:
    api.run("web", Env=["constraint:node==dockerhost02"], HostConfig={"Memory": 32 << 20})
    info = api.get("/info")
    assert (info["Containers"], info["ContainersRunning"]) == (1, 1)
    nodes = nodes_of(info)
    assert list(nodes) == ["dockerhost01", "dockerhost02", "dockerhost03"]
    facts = nodes["dockerhost02"]
    assert facts["Address"] == lab.engines[1].plan.endpoint
    assert facts["Status"] == "Healthy"
    assert facts["Containers"] == "1 (1 Running, 0 Paused, 0 Stopped)"
    assert facts["Reserved Memory"].startswith("32 MiB / ")
    assert "disk=hdd, env=dev" in facts["Labels"]
    assert "zone=application" in facts["Labels"]


def test_version(any_docker: Cli) -> None:
    shown = json.loads(any_docker("version", "--format", "{{json .Server}}").out)
    assert shown["Version"] == "swarm/2.0.0"
    assert [int(part) for part in shown["ApiVersion"].split(".")] >= [1, 41]


def test_ping(api: Api) -> None:
    for method, body in (("GET", b"OK"), ("HEAD", b"")):
        answer = api(method, "/_ping")
        assert (answer.status, answer.body) == (200, body)
        assert {"api-version", "ostype", "docker-experimental", "server", "cache-control"} <= (
            answer.headers.keys()
        )
