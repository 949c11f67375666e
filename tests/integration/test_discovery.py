"""Who is in the cluster: a real Consul, agents that come and go, lists, files, unix sockets."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration_tools import REPOSITORY, Api, Cli, Manager, is_whole, nodes_of, until

from lab.cluster import Lab
from lab.http import call

NODES = "/v1/kv/swarm/docker/swarm/nodes/"


def put(lab: Lab, key: str, value: str) -> None:
    """Write a key into Consul by hand."""
    call("PUT", lab.consul.endpoint, f"/v1/kv/swarm/{key}", value.encode())


def delete(lab: Lab, key: str) -> None:
    """Remove a key from Consul."""
    call("DELETE", lab.consul.endpoint, f"/v1/kv/swarm/{key}")


@pytest.fixture
def broken(lab: Lab) -> Iterator[Lab]:
    """The lab, mended afterwards: Consul and every agent run."""
    yield lab
    lab.consul.start()
    for agent in lab.agents:
        agent.start()
    until(lambda: is_whole(lab), 40, "a whole cluster")


def names(api: Api) -> list[str]:
    """The nodes that the manager knows."""
    return list(nodes_of(api.get("/info")))


@pytest.mark.fault
def test_a_stopped_agents_node_leaves_at_once(broken: Lab, api: Api, docker: Cli) -> None:
    docker(
        "run",
        "-d",
        "--name",
        "stays",
        "-e",
        "constraint:node==dockerhost02",
        "busybox",
        "sleep",
        "600",
    )
    broken.agents[1].stop()
    until(lambda: names(api) == ["dockerhost01", "dockerhost03"], 3, "the node's leave")
    assert docker("ps", "-aq").out == ""
    assert Api(broken.engines[1].plan.endpoint).get("/containers/json")[0]["State"] == "running"
    # The operator has taken this host out: nothing is placed on it.
    placed = {api.node_of(api.create()) for _ in range(4)}
    assert placed == {"dockerhost01", "dockerhost03"}
    broken.agents[1].start()
    until(lambda: names(api) == ["dockerhost01", "dockerhost02", "dockerhost03"], 5)
    until(lambda: "dockerhost02/stays" in docker("ps", "--format", "{{.Names}}").out, 5)


@pytest.mark.fault
def test_a_killed_agents_node_leaves_within_its_ttl(broken: Lab, api: Api) -> None:
    started = time.monotonic()
    broken.agents[2].kill()
    until(lambda: names(api) == ["dockerhost01", "dockerhost02"], 22, "the node's leave")
    # The lab's agents renew every 5 s for 20 s.
    assert time.monotonic() - started > 8


@pytest.mark.fault
def test_a_restart_of_consul_changes_nothing(broken: Lab, api: Api, docker: Cli) -> None:
    broken.consul.restart()
    for _ in range(10):
        assert len(names(api)) == 3
        time.sleep(0.2)
    docker("run", "--rm", "busybox", "true")
    # It is listened to again: a change is seen.
    put(broken, "docker/swarm/nodes/127.0.0.1:1", "127.0.0.1:1")
    until(lambda: len(names(api)) == 4, 20, "a change after the restart")
    delete(broken, "docker/swarm/nodes/127.0.0.1:1")
    until(lambda: len(names(api)) == 3, 20, "another change")


@pytest.mark.fault
def test_without_consul_the_cluster_works_on(broken: Lab, api: Api, docker: Cli) -> None:
    broken.consul.kill()
    end = time.monotonic() + 6
    while time.monotonic() < end:
        assert len(names(api)) == 3
        docker("run", "--rm", "busybox", "true")
    broken.consul.start()
    time.sleep(1)
    assert len(names(api)) == 3


@pytest.mark.fault
def test_a_hung_consul_changes_nothing(broken: Lab, api: Api, docker: Cli) -> None:
    broken.consul.pause()
    try:
        for _ in range(8):
            assert len(names(api)) == 3
            time.sleep(0.25)
        docker("run", "--rm", "busybox", "true")
    finally:
        broken.consul.unpause()


@pytest.mark.fault
def test_an_emptied_prefix_does_not_empty_a_cluster_that_answers(broken: Lab, api: Api) -> None:
    call("DELETE", broken.consul.endpoint, NODES + "?recurse=1")
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert len(names(api)) == 3
        time.sleep(0.2)


def test_bad_values_harm_nobody(lab: Lab, api: Api) -> None:
    bad = {"nonsense": "not an address", "empty": "", "port": "127.0.0.1:99999", "bytes": "\x00ÿ"}
    for key, value in bad.items():
        put(lab, f"docker/swarm/nodes/{key}", value)
    put(lab, "docker/swarm/nodes/127.0.0.1:1", "127.0.0.1:1")
    try:
        until(lambda: len(names(api)) == 4, 5, "the good one among the bad ones")
        assert is_among(names(api), ["dockerhost01", "dockerhost02", "dockerhost03"])
    finally:
        for key in (*bad, "127.0.0.1:1"):
            delete(lab, f"docker/swarm/nodes/{key}")
    until(lambda: is_whole(lab), 10)


def is_among(found: list[str], wanted: list[str]) -> bool:
    """Whether all of *wanted* were found."""
    return set(wanted) <= set(found)


def test_plain_keys_as_in_the_article(lab: Lab, tmp_path: Path) -> None:
    for engine in lab.engines[:2]:
        endpoint = engine.plan.endpoint
        call("PUT", lab.consul.endpoint, f"/v1/kv/article/{endpoint}", endpoint.encode())
    try:
        with Manager(tmp_path, f"consul://{lab.consul.endpoint}/article", nodes=2) as manager:
            assert manager.healthy() == ["dockerhost01", "dockerhost02"]
    finally:
        call("DELETE", lab.consul.endpoint, "/v1/kv/article?recurse=1")


def test_list_of_nodes(lab: Lab, tmp_path: Path) -> None:
    hosts = ",".join(engine.plan.endpoint for engine in lab.engines)
    for uri in (f"nodes://{hosts}", hosts):
        with Manager(tmp_path, uri, nodes=3) as manager:
            assert len(manager.healthy()) == 3


def test_range_of_nodes(lab: Lab, tmp_path: Path) -> None:
    first = lab.engines[0].plan.address.rpartition(".")[0]
    with Manager(tmp_path, f"nodes://{first}.[11:13]:2375", nodes=3) as manager:
        assert len(manager.healthy()) == 3


def test_file(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "nodes"
    file.write_text(f"# the first\n{lab.engines[0].plan.endpoint} # one\n")
    with Manager(tmp_path, "--heartbeat", "1s", f"file://{file}", nodes=1) as manager:
        with file.open("a") as more:
            more.write(lab.engines[1].plan.endpoint + "\n")
        until(lambda: len(manager.healthy()) == 2, 5, "the second node")


def test_engines_by_unix_socket(lab: Lab, tmp_path: Path, docker: Cli) -> None:
    sockets = ",".join(f"unix://{engine.socket}" for engine in lab.engines[:2])
    with Manager(tmp_path, f"nodes://{sockets}", nodes=2) as manager:
        local = Cli(docker.program, manager.url)
        assert local("run", "-i", "--rm", "busybox", "cat", stdin=b"hi").out == "hi"
        assert local(
            "run", "--rm", "-e", "constraint:node==dockerhost02", "busybox", "hostname"
        ).line


def test_cluster_of_one(lab: Lab, tmp_path: Path, docker: Cli) -> None:
    """No discovery at all: the engine of this machine, and the manager says so."""
    inside = lab.engines[0].first_process
    assert inside is not None
    # Where /var/run/docker.sock is the first engine's.
    machine = ["nsenter", "-t", str(inside.pid), "-m", "--"]
    with Manager(tmp_path, prefix=machine, nodes=1) as one:
        assert one.healthy() == ["dockerhost01"]
        assert "unix:///var/run/docker.sock" in one.logged()
        local = Cli(docker.program, one.url)
        assert local("run", "--rm", "-i", "busybox", "cat", stdin=b"hi").out == "hi"


def test_several_addresses_to_listen_on(lab: Lab, tmp_path: Path, docker: Cli) -> None:
    with Manager(tmp_path, lab.consul.uri, nodes=3) as manager:
        assert manager.socket.stat().st_mode & 0o777 == 0o600
        for host in (manager.url, f"unix://{manager.socket}"):
            assert Cli(docker.program, host)("run", "--rm", "busybox", "echo", "hi").out == "hi\n"


def test_swarm_list(lab: Lab) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "swarm", "list", lab.consul.uri],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    assert sorted(done.stdout.split()) == [engine.plan.endpoint for engine in lab.engines]


def test_a_manager_ends_in_order(lab: Lab, tmp_path: Path) -> None:
    manager = Manager(tmp_path, lab.consul.uri, nodes=3)
    try:
        with manager.api.connect() as sock:
            sock.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(12) == b"HTTP/1.1 200"
            started = time.monotonic()
            assert manager.stop() == 0
            assert time.monotonic() - started < 4
    finally:
        manager.process.kill()
    assert "Traceback" not in manager.logged()
