"""spread, binpack, random: each orders the hosts that fit; filters can be chosen too."""

from pathlib import Path
from typing import Any

import pytest
from integration_tools import Api, Manager, message

from lab.cluster import Lab


def land(api: Api, count: int, **body: Any) -> list[str]:
    """The nodes that *count* running containers land on, in order."""
    return [api.node_of(api.run(**body)) for _ in range(count)]


def test_spread_is_the_default(api: Api) -> None:
    nodes = land(api, 6)
    assert len(set(nodes[:3])) == 3
    assert len(set(nodes[3:])) == 3


def test_stopped_ones_do_not_count_for_spread(api: Api) -> None:
    # One that was created and not started yet is about to run: it does count.
    for _ in range(3):
        stopped = api.run(Env=["constraint:node==dockerhost01"], Cmd=["true"])
        api("POST", f"/containers/{stopped}/wait")
    api.run(Env=["constraint:node==dockerhost02"])
    api.run(Env=["constraint:node==dockerhost03"])
    assert land(api, 1) == ["dockerhost01"]


@pytest.mark.parametrize("name", ["binpack", "binpacking"])
def test_binpack_fills_one_after_the_other(api: Api, lab: Lab, tmp_path: Path, name: str) -> None:
    total = int(api.get("/info")["MemTotal"]) // 3
    memory = {"Memory": total * 2 // 5}  # two fit on a host
    with Manager(tmp_path, "--strategy", name, lab.consul.uri, nodes=3) as manager:
        nodes = land(manager.unix, 4, HostConfig=memory)
    assert nodes[0] == nodes[1] != nodes[2] == nodes[3]


def test_random_uses_all(lab: Lab, tmp_path: Path) -> None:
    with Manager(tmp_path, "--strategy", "random", lab.consul.uri, nodes=3) as manager:
        nodes = [manager.unix.node_of(manager.unix.create()) for _ in range(30)]
    assert len(set(nodes)) == 3  # by chance not: once in 60,000 runs


def test_chosen_filters_replace_the_list(lab: Lab, tmp_path: Path) -> None:
    uri = lab.consul.uri
    with Manager(tmp_path, "-f", "health", "-f", "port", uri, nodes=3) as manager:
        rows = dict(row for row in manager.unix.get("/info")["SystemStatus"] if len(row) == 2)
        assert rows["Filters"] == "health, port"
        manager.unix.create(Env=["constraint:node==nowhere"])


def test_slots(lab: Lab, api: Api) -> None:
    # No host of the lab says how many slots it has: none is ever refused for that.
    assert len(land(api, 4)) == 4


def test_refusal_without_any_node(tmp_path: Path) -> None:
    with Manager(tmp_path, "nodes://127.0.0.1:1") as manager:
        answer = manager.unix("POST", "/containers/create", {"Image": "busybox"})
        assert answer.status == 500
        assert message(answer) in (
            "No healthy node available in the cluster", "No nodes available in the cluster",
        )  # fmt: skip
