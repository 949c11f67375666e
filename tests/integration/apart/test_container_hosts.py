"""Several machines by the compose files: the shared parts on the first, an agent on each.

A container can't reach a lab's host by its loopback address, so each host gets another one, which
only the lab's own switch carries.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from base_images import load_base_images
from container_tools import AGENT, House
from image_tools import archive
from integration_tools import APP, Cli, until

from lab import network
from lab.cluster import NEWER, Lab
from lab.host import Engine

pytestmark = [pytest.mark.timeout(420), pytest.mark.fault]

_NET = "198.51.100"
"""Addresses kept for documentation: nobody has them, and no route leads there."""
_CONSUL = f"{_NET}.1:8500"
_TTL_S = 30
_MANY = {"CONSUL_LISTEN": _CONSUL, "SWARM_DISCOVERY": "consul://consul:8500/swarm"}


@dataclass(frozen=True)
class Street:
    """A house on each host; the first has what all share."""

    houses: tuple[House, ...]

    @property
    def first(self) -> House:
        """Where Consul, the manager and the router are."""
        return self.houses[0]

    @property
    def cluster(self) -> Cli:
        """A client pointed at the manager."""
        return self.first.cluster

    def nodes(self) -> dict[str, str]:
        """Each node and its state, as ``docker info`` shows them."""
        info = json.loads(self.cluster("info", "-f", "{{json .SystemStatus}}").out)
        rows = [(key.strip(), value) for key, value in info]
        return {
            name: rows[at + 2][1] for at, (name, _) in enumerate(rows) if name.startswith("dockerh")
        }

    def served(self, name: str) -> set[str]:
        """Which containers answer at the edge under *name*, by short ID."""
        answers = [self.first.edge(name) for _ in range(8)]
        found = (re.search(r"\b[0-9a-f]{12}\b", body) for status, body in answers if status == 200)
        return {match[0] for match in found if match}


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Three machines, as the operating guide says how."""
    with Lab(f"test-{os.getpid()}-hosts", [NEWER] * 3, agents=False, manager=False) as lab:
        folder = tmp_path_factory.mktemp("docker")
        for number, engine in enumerate(lab.engines, 1):
            _give_address(engine, number)
        load_base_images(lab.engines[0].socket)
        houses = tuple(
            House.on(engine, folder, CONSUL=_CONSUL, HOST_IP=f"{_NET}.{number}")
            for number, engine in enumerate(lab.engines, 1)
        )
        first = houses[0].given(**_MANY)
        first.given(CONSUL="").up("consul", "manager", "router")
        for other in houses[1:]:
            _hand_on("swarm-soa", first, other)
        with ThreadPoolExecutor(len(houses)) as pool:
            list(pool.map(lambda house: house.up(file=AGENT), houses))
        yield Street((first, *houses[1:]))


def _give_address(engine: Engine, number: int) -> None:
    host = engine.first_process
    assert host is not None
    address = f"{_NET}.{number}"
    network.run(host, ["ip", "address", "add", f"{address}/24", "dev", "eth0"])
    # The engine listens at its usual address; it is to be found at the new one.
    to_engine = ["-d", address, "-p", "tcp", "--dport", "2375"]
    for chain in ("PREROUTING", "OUTPUT"):
        rule = ["-t", "nat", "-I", chain, *to_engine, "-j", "DNAT", "--to", engine.plan.endpoint]
        network.run(host, ["iptables", "-w", *rule])


def _hand_on(image: str, giver: House, taker: House) -> None:
    with giver.docker.start("save", image) as saving:
        command = taker.docker.command("load", "-q")
        subprocess.run(command, stdin=saving.stdout, env=taker.docker.env(), check=True)


def test_every_machine_is_a_node(street: Street) -> None:
    wanted = {f"dockerhost0{number}": "Healthy" for number in (1, 2, 3)}
    until(lambda: street.nodes() == wanted, 20, "three healthy nodes")


def test_consul_runs_on_the_first_machine_only(street: Street) -> None:
    images = [house.docker("ps", "--format", "{{.Image}}").lines for house in street.houses]
    assert images[1:] == [["swarm-soa"], ["swarm-soa"]]
    assert [image.partition(":")[0] for image in images[0]] == [
        "hashicorp/consul",
        "swarm-soa",
        "swarm-soa",
        "swarm-soa-router",
    ]


def test_containers_land_on_every_machine_and_are_reached_at_the_edge(street: Street) -> None:
    ids = [street.cluster("run", "-d", "-p", "80", APP, timeout_s=60).line for _ in range(3)]
    try:
        names = street.cluster("ps", "--format", "{{.Names}}").lines
        assert {f"dockerhost0{number}" for number in (1, 2, 3)} <= {
            name.partition("/")[0] for names_ in names for name in names_.split(",")
        }
        until(lambda: street.served("deepthought") == {one[:12] for one in ids}, 20, "all three")
    finally:
        street.cluster("rm", "-f", *ids)
    until(lambda: street.first.keys("services/deepthought") == {}, 20, "the end of the entries")


def test_an_image_is_loaded_on_every_machine_by_way_of_a_disk(street: Street) -> None:
    done = street.cluster("load", stdin=archive("loaded:1", 64 << 20), timeout_s=60)
    assert done.line == "Loaded image: loaded:1"
    assert {house.image("loaded:1")["RepoTags"][0] for house in street.houses} == {"loaded:1"}
    inside = ("exec", "-T", "manager", "sh", "-c")
    # A file that several engines read at their own pace: gigabytes at times, so not in memory.
    mounts = street.first.compose(*inside, 'grep " $TMPDIR " /proc/mounts').line
    assert mounts.split()[2] != "tmpfs"
    assert street.first.compose(*inside, "ls -A $TMPDIR").out == ""


def test_what_a_machine_offers_vanishes_with_its_agent(street: Street) -> None:
    ids = [street.cluster("run", "-d", "-p", "80", APP, timeout_s=60).line for _ in range(3)]
    last = street.houses[-1]
    try:
        until(lambda: len(street.served("deepthought")) == 3, 20, "all three")
        last.docker("kill", last.container("agent", AGENT))
        until(
            lambda: len(street.first.keys("services/deepthought")) == 2,
            2 * _TTL_S,
            "the end of what the last machine offered",
        )
        until(lambda: len(street.served("deepthought")) == 2, 20, "two servers")
    finally:
        last.docker("start", last.container("agent", AGENT))
        street.cluster("rm", "-f", *ids)


def test_an_agent_is_ill_while_its_engine_is_away(street: Street) -> None:
    # Not the engine that runs the agent itself: nobody could say anything then.
    beside, there = street.houses[1], street.houses[2]
    quick = ("--health-interval", "1s", "--health-start-period", "1s")
    told = ("-e", "SWARM_HEALTH=http://127.0.0.1:8481/health")
    engine = f"tcp://{_NET}.3:2375"
    command = ("registrator", "--engine", engine, "--host-name", "other", "--ip", f"{_NET}.3")
    page = ("--metrics", "127.0.0.1:8481", f"consul://{_CONSUL}/elsewhere")
    beside.docker("run", "-d", "--name", "far", *quick, *told, "swarm-soa", *command, *page)

    def health() -> str:
        return beside.docker("inspect", "-f", "{{.State.Health.Status}}", "far").line

    try:
        until(lambda: health() == "healthy", 20, "its health")
        there.engine.pause()
        try:
            until(lambda: health() == "unhealthy", 60, "its illness")
        finally:
            there.engine.unpause()
        until(lambda: health() == "healthy", 40, "its recovery")
    finally:
        beside.docker("rm", "-f", "far")
