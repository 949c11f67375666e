"""Where containers of a network may go: with the others, unless the network spreads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from master.cluster.model import ContainerConfig, Engine, Health
from master.cluster.networks.index import ID_LABEL, SPREAD_LABEL, network_from_row
from master.cluster.rows import container_from_row
from master.cluster.state import ClusterState
from master.errors import PlacementError
from master.operations.mirrors import Joined, Mirrors, spec_of
from master.supervisor.fleet import Fleet
from scheduler.errors import NoNodesError
from scheduler.types import Node

ENGINES = {"10.0.0.1:1": "node-1", "10.0.0.2:1": "node-2", "10.0.0.3:1": "node-3"}
A, B, C = ENGINES
IN_SWARM = {C}
"""Those that have joined a swarm of Docker's own a moment ago."""
NODES = [Node(id=name, name=name, addr=address) for address, name in ENGINES.items()]


@pytest.fixture
def state() -> ClusterState:
    state = ClusterState()
    for address, name in ENGINES.items():
        state.put_engine(Engine(address=address, id=name, name=name, health=Health.HEALTHY))
    return state


@pytest.fixture
def mirrors(state: ClusterState) -> Mirrors:
    async def settled() -> None:
        """Nothing is ever on the way here."""

    class Client:
        """An engine as it is now, whatever the state remembers of it."""

        def __init__(self, address: str) -> None:
            self.address = address

        async def info(self, timeout_s: float) -> dict[str, Any]:
            joined = self.address in IN_SWARM
            return {"Swarm": {"LocalNodeState": "active" if joined else "inactive"}}

    fleet = SimpleNamespace(
        state=state,
        settled=settled,
        client=Client,
        healthy_engines=lambda: [e for e in state.engines().values() if e.is_healthy],
    )
    return Mirrors(cast(Fleet, fleet))


def put(state: ClusterState, address: str, *networks: dict[str, Any]) -> None:
    state.replace_networks(address, [network_from_row(address, row) for row in networks])


def mirror(name: str, cluster_id: str, **labels: str) -> dict[str, Any]:
    return {
        "Id": (cluster_id + name)[:12],
        "Name": name,
        "Driver": "bridge",
        "Scope": "local",
        "Labels": {ID_LABEL: cluster_id * 64, **labels},
    }


def member(state: ClusterState, address: str, name: str, network: str) -> None:
    row = {
        "Id": name,
        "Names": [f"/{name}"],
        "State": "exited",
        "NetworkSettings": {"Networks": {network: {"NetworkID": ""}}},
    }
    state.put_container(container_from_row(address, row, ContainerConfig()))


async def fitting(mirrors: Mirrors, *networks: str) -> list[str]:
    joined = await join(mirrors, *networks)
    return [node.name for node in mirrors.fitting(joined, NODES)]


async def join(mirrors: Mirrors, *networks: str) -> Joined:
    return await mirrors.joined(
        {
            "HostConfig": {"NetworkMode": networks[0]},
            "NetworkingConfig": {"EndpointsConfig": dict.fromkeys(networks)},
        }
    )


async def test_an_empty_network_may_be_used_anywhere(state: ClusterState, mirrors: Mirrors) -> None:
    put(state, A, mirror("web", "a"))
    assert await fitting(mirrors, "web") == ["node-1", "node-2", "node-3"]
    assert await fitting(mirrors, "unknown") == ["node-1", "node-2", "node-3"]


async def test_who_joins_goes_to_the_others(state: ClusterState, mirrors: Mirrors) -> None:
    put(state, A, mirror("web", "a"))
    put(state, B, mirror("web", "a"))
    member(state, B, "one", "web")
    assert await fitting(mirrors, "web") == ["node-2"]
    assert await fitting(mirrors, "a" * 64) == ["node-2"]


async def test_creates_on_the_way_count(state: ClusterState, mirrors: Mirrors) -> None:
    put(state, A, mirror("web", "a"))
    joined = await join(mirrors, "web")
    with mirrors.joining(joined, C), mirrors.joining(joined, C):
        assert await fitting(mirrors, "web") == ["node-3"]
    assert len(await fitting(mirrors, "web")) == 3


async def test_spread_lifts_it(state: ClusterState, mirrors: Mirrors) -> None:
    put(state, A, mirror("web", "a", **{SPREAD_LABEL: "true"}))
    member(state, A, "one", "web")
    assert len(await fitting(mirrors, "web")) == 3


async def test_a_lost_engine_holds_nobody(state: ClusterState, mirrors: Mirrors) -> None:
    put(state, A, mirror("web", "a"))
    member(state, A, "one", "web")
    state.put_engine(Engine(address=A, id="node-1", name="node-1", health=Health.UNHEALTHY))
    assert len(await fitting(mirrors, "web")) == 3


async def test_an_engines_own_network_is_used_there(state: ClusterState, mirrors: Mirrors) -> None:
    own = {"Id": "1" * 64, "Name": "own", "Driver": "macvlan", "Scope": "local"}
    put(state, B, own)
    put(state, C, {**own, "Id": "2" * 64})
    assert await fitting(mirrors, "own") == ["node-2", "node-3"]
    assert await fitting(mirrors, "2" * 64) == ["node-3"]
    with pytest.raises(PlacementError, match=r"network 1{64} is on node-2, which can't be used"):
        mirrors.fitting(await join(mirrors, "1" * 64), NODES[:1])


async def test_an_overlay_is_used_inside_its_swarm(state: ClusterState, mirrors: Mirrors) -> None:
    put(state, A, {"Id": "1" * 25, "Name": "wide", "Driver": "overlay", "Scope": "swarm"})
    worker = {"Swarm": {"LocalNodeState": "active"}}
    state.put_engine(Engine(address=B, id="b", name="b", health=Health.HEALTHY, info=worker))
    assert await fitting(mirrors, "wide") == ["node-1", "node-2", "node-3"]


async def test_who_is_in_no_swarm_gets_no_container_of_its_networks(
    state: ClusterState, mirrors: Mirrors
) -> None:
    put(state, A, {"Id": "1" * 25, "Name": "wide", "Driver": "overlay", "Scope": "swarm"})
    assert await fitting(mirrors, "wide") == ["node-1", "node-3"]


async def test_two_networks_that_are_apart_are_refused(
    state: ClusterState, mirrors: Mirrors
) -> None:
    for address, name, letter in ((A, "front", "a"), (B, "back", "b")):
        put(state, address, mirror(name, letter))
        member(state, address, f"in-{name}", name)
    with pytest.raises(PlacementError) as caught:
        await fitting(mirrors, "front", "back")
    assert str(caught.value) == (
        "network back has its containers on node-2, other networks of this container have theirs "
        "elsewhere; the label com.docker.swarm.network.spread=true on a network lifts that"
    )


async def test_a_projects_networks_are_one_family(state: ClusterState, mirrors: Mirrors) -> None:
    project = {"com.docker.compose.project": "shop"}
    put(state, A, mirror("front", "a", **project), mirror("back", "b", **project))
    member(state, A, "in-back", "back")
    assert await fitting(mirrors, "front") == ["node-1"]


async def test_a_refusal_says_what_networks_left(state: ClusterState, mirrors: Mirrors) -> None:
    put(state, A, mirror("web", "a"))
    joined = await join(mirrors, "web")
    error = NoNodesError()
    assert mirrors.explained(error, joined, NODES, NODES) is error
    text = str(mirrors.explained(error, joined, NODES, NODES[:1]))
    assert text == f"{error}; only node-1 fits the container's networks (web)"


@pytest.mark.parametrize("spec", ["", "[", "5", '{"Name": "other"}'])
def test_without_its_spec_a_network_is_made_from_its_row(state: ClusterState, spec: str) -> None:
    labels = {"com.docker.swarm.network.spec": spec, "team": "blue"}
    put(state, A, {**mirror("web", "a", **labels), "Internal": True, "Options": {}})
    (group,) = state.network_index().all()
    assert spec_of(group) == {"Name": "web", "Labels": {"team": "blue"}, "Internal": True}
