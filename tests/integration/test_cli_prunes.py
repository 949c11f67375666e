"""``docker network prune`` and ``volume prune``, by every client, over every engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from compose_tools import remove_projects
from integration_tools import Cli
from network_tools import hosts_with

from lab.cluster import Lab

HOSTS = ("dockerhost01", "dockerhost02")


@pytest.fixture
def cli(any_docker: Cli, lab: Lab) -> Iterator[Cli]:
    """Each client in turn; networks and volumes go."""
    yield any_docker
    remove_projects(lab)


def on(host: str) -> tuple[str, str]:
    """A wish for *host*."""
    return ("-e", f"constraint:node=={host}")


def test_networks_that_nobody_uses_go_from_every_engine(cli: Cli, lab: Lab) -> None:
    spread = ("--label", "com.docker.swarm.network.spread=true")
    cli("network", "create", *spread, "idle")
    for host in HOSTS:
        cli("run", "--rm", "--network", "idle", *on(host), "busybox", "true")
    cli("network", "create", "used")
    cli("run", "-d", "--network", "used", "busybox", "sleep", "600")
    assert {*HOSTS} <= {*hosts_with(lab, "idle")}
    done = cli("network", "prune", "-f")
    assert done.out == "Deleted Networks:\nidle\n\n"
    assert hosts_with(lab, "idle") == []
    assert hosts_with(lab, "used") != []


def test_networks_are_chosen_by_label(cli: Cli) -> None:
    for name in ("old", "new"):
        cli("network", "create", "--label", f"age={name}", name)
    assert "old" in cli("network", "prune", "-f", "--filter", "label=age=old").out
    assert cli("network", "ls", "-f", "driver=bridge", "--format", "{{.Name}}").lines == [
        "bridge",
        "new",
    ]


def test_volumes_that_nobody_uses_go_from_every_engine(cli: Cli) -> None:
    for host in HOSTS:
        cli("run", "--name", f"on-{host}", *on(host), "-v", "/data", "busybox",
            "dd", "if=/dev/zero", "of=/data/x", "bs=1024", "count=100")  # fmt: skip
    anonymous = cli("volume", "ls", "-q").lines
    assert len(anonymous) == 2
    cli("create", "-v", "kept:/data", "busybox")
    assert cli("volume", "prune", "-f").out == "Total reclaimed space: 0B\n"
    cli("rm", *(f"on-{host}" for host in HOSTS))
    done = cli("volume", "prune", "-f")
    said = done.out.splitlines()
    assert (said[0], sorted(said[1:3]), said[3]) == ("Deleted Volumes:", anonymous, "")
    assert said[4] == "Total reclaimed space: 204.8kB"
    assert cli("volume", "ls", "-q").lines == ["kept"]


def test_everything_at_once(cli: Cli, tmp_path: Path) -> None:
    cli("network", "create", "idle")
    cli("create", "-v", "/data", "busybox")
    done = cli("system", "prune", "-f", "--volumes")
    for headline in ("Deleted Containers:", "Deleted Networks:\nidle", "Deleted Volumes:"):
        assert headline in done.out
    assert "Total reclaimed space: " in done.out
    assert cli("volume", "ls", "-q").lines == []
