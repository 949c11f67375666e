"""An overlay network of Docker's own swarm mode, used through the manager.

dockerhost02 leads a swarm that dockerhost03 has joined; dockerhost01 is in none. What containers on
two hosts send each other passes through a tunnel of the kernel's (VXLAN).
"""

from collections.abc import Iterator
from functools import partial

import pytest
from integration_tools import Api, Cli, remove_containers, until

from lab.cluster import Lab
from lab.host import Engine

OUTSIDE, LEADER, MEMBER = "dockerhost01", "dockerhost02", "dockerhost03"


@pytest.fixture(scope="module")
def swarm(lab: Lab) -> Iterator[None]:
    """The swarm of two; it ends without a trace."""
    leader, member = lab.engines[1:]
    try:
        leader.docker("swarm", "init", *_addresses(leader))
        token = leader.docker("swarm", "join-token", "-q", "worker")
        member.docker("swarm", "join", *_addresses(member), "--token", token, _swarm_port(leader))
        yield
    finally:
        for engine in (member, leader):
            remove_containers(Api(engine.socket))
            engine.docker("swarm", "leave", "--force")
            engine.docker("network", "rm", "docker_gwbridge")


def _addresses(engine: Engine) -> tuple[str, ...]:
    return ("--advertise-addr", engine.plan.address, "--listen-addr", _swarm_port(engine))


def _swarm_port(engine: Engine) -> str:
    return f"{engine.plan.address}:2377"


@pytest.fixture
def overlay(swarm: None, docker: Cli, api: Api) -> Iterator[str]:
    """ID of an attachable overlay, made through the manager."""
    yield docker("network", "create", "-d", "overlay", "--attachable", "wide").line
    for row in api.get("/containers/json?all=1"):
        api("DELETE", f"/containers/{row['Id']}?force=1")
    docker("network", "rm", "wide")
    until(lambda: not _has_overlay(api), 10, "the network's end")


def _has_overlay(api: Api) -> bool:
    return any(row["Name"] == "wide" for row in api.get("/networks"))


def _run(docker: Cli, name: str, host: str) -> None:
    docker(
        "run", "-d", "--name", name, "--network", "wide", "-e", f"constraint:node=={host}",
        "busybox", "sleep", "600",
    )  # fmt: skip


def _reaches(docker: Cli, here: str, there: str) -> bool:
    """A name spreads among the hosts by gossip."""
    done = docker("exec", here, "ping", "-c", "1", "-w", "10", there, check=False)
    return "1 packets received" in done.out


def test_containers_on_two_hosts_reach_each_other(docker: Cli, api: Api, overlay: str) -> None:
    _run(docker, "one", LEADER)
    _run(docker, "two", MEMBER)
    assert (api.node_of("one"), api.node_of("two")) == (LEADER, MEMBER)
    for here, there in (("one", "two"), ("two", "one")):
        until(partial(_reaches, docker, here, there), 15, f"{here} reaches {there}")
    shown = api.get("/networks/wide")
    assert (shown["Id"], shown["Scope"], shown["Driver"]) == (overlay, "swarm", "overlay")
    nodes = {one["Name"]: one["Node"] for one in shown["Containers"].values()}
    assert {"one": LEADER, "two": MEMBER}.items() <= nodes.items()
    assert docker("network", "ls", "-f", "name=wide", "--format", "{{.ID}}").lines == [overlay[:12]]


def test_who_joins_it_lands_in_the_swarm(docker: Cli, api: Api, overlay: str) -> None:
    for number in range(4):
        docker(
            "run", "-d", "--name", f"web-{number}", "--network", "wide", "busybox", "sleep", "600"
        )
    assert {api.node_of(f"web-{number}") for number in range(4)} == {LEADER, MEMBER}


def test_who_may_not_go_there_is_refused(docker: Cli, overlay: str) -> None:
    words = ("run", "--rm", "--network", "wide", "-e", f"constraint:node=={OUTSIDE}", "busybox")
    done = docker.fails(*words, "true", code=125)
    assert "fits the container's networks (wide)" in done.err


def test_a_running_container_joins_it(docker: Cli, overlay: str) -> None:
    _run(docker, "one", LEADER)
    docker(
        "run", "-d", "--name", "two", "-e", f"constraint:node=={MEMBER}", "busybox", "sleep", "600"
    )
    docker("network", "connect", "wide", "two")
    until(partial(_reaches, docker, "two", "one"), 15, "two reaches one")
    docker("network", "disconnect", "wide", "two")
    alone = docker.fails("exec", "two", "ping", "-c", "1", "-w", "2", "one", timeout_s=40)
    assert alone.code == 1
