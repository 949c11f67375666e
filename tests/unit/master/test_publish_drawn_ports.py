"""Numbers for open host ports: `master.cluster.placing.drawn_ports`."""

from __future__ import annotations

import itertools
import random
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster.model import Container, ContainerConfig, Engine, Health
from master.cluster.placing.drawn_ports import PortDesk, publishes_all, with_ports
from master.cluster.placing.placement import Placement
from master.cluster.placing.wanted import ports_of
from master.cluster.state import ClusterState
from master.errors import PlacementError
from scheduler.types import PortClaim, Request

OPEN = {"HostIp": "", "HostPort": ""}
PORTS = range(62000, 62004)


def engine(number: int, health: Health = Health.HEALTHY) -> Engine:
    address = f"10.0.0.{number}:2375"
    return Engine(address, id=address, name=f"dockerhost{number:02}", health=health)


ONE, TWO = engine(1), engine(2, Health.UNHEALTHY)


def container(on: Engine, port: int, state: str = "running") -> Container:
    return Container(
        id=f"{port:064}",
        name=f"c{port}",
        engine=on.address,
        image="",
        image_id="",
        created=0,
        state=state,
        labels={},
        row={},
        config=ContainerConfig(ports=((port, "", "tcp"),)),
    )


def bound(ports: Any, mode: str = "", **body: Any) -> dict[str, Any]:
    """A body that publishes."""
    return {"Image": "x", "HostConfig": {"NetworkMode": mode, "PortBindings": ports}, **body}


def everything(mode: str = "", **body: Any) -> dict[str, Any]:
    """A body of ``docker run -P``."""
    return {"Image": "x", "HostConfig": {"NetworkMode": mode, "PublishAllPorts": True}, **body}


def numbers(body: dict[str, Any], *exposed: str) -> dict[str, list[str]]:
    """The host ports by container port, those that are drawn counted from 1."""
    count = itertools.count(1)
    found = with_ports(body, exposed, lambda: next(count))
    bindings = found["HostConfig"].get("PortBindings", {})
    return {
        key: [place.get("HostPort", "") for place in places] for key, places in bindings.items()
    }


@pytest.mark.parametrize(
    ("ports", "drawn"),
    [
        pytest.param({"80/tcp": [OPEN]}, {"80/tcp": ["1"]}, id="empty"),
        pytest.param({"80/tcp": [{"HostPort": "0"}]}, {"80/tcp": ["1"]}, id="zero"),
        pytest.param({"80/tcp": [{}]}, {"80/tcp": ["1"]}, id="nothing"),
        pytest.param({"80": [OPEN]}, {"80": ["1"]}, id="no-protocol"),
        pytest.param({"80/tcp": [OPEN, OPEN]}, {"80/tcp": ["1", "2"]}, id="twice"),
        pytest.param({"80/tcp": [OPEN], "81/tcp": [OPEN]}, {"80/tcp": ["1"], "81/tcp": ["2"]}),
        pytest.param({"80/tcp": [{"HostPort": "8080"}]}, {"80/tcp": ["8080"]}, id="fixed"),
        pytest.param({"80/tcp": [{"HostPort": "80-90"}]}, {"80/tcp": ["80-90"]}, id="range"),
        pytest.param({"80/udp": [OPEN]}, {"80/udp": [""]}, id="udp"),
        pytest.param({"80/tcp": []}, {"80/tcp": []}, id="not-published"),
        pytest.param(
            {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}, {"80/tcp": [""]}, id="loopback"
        ),
        pytest.param(
            {"80/tcp": [{"HostIp": "10.0.0.7", "HostPort": ""}]}, {"80/tcp": ["1"]}, id="address"
        ),
        pytest.param({"no port": [OPEN]}, {"no port": [""]}, id="nonsense"),
    ],
)
def test_open_tcp_ports_get_a_number(ports: Any, drawn: dict[str, list[str]]) -> None:
    assert numbers(bound(ports)) == drawn


@pytest.mark.parametrize("mode", ["host", "none", "container:web"])
def test_a_container_without_ports_of_its_own_gets_none(mode: str) -> None:
    assert numbers(bound({"80/tcp": [OPEN]}, mode)) == {"80/tcp": [""]}
    assert numbers(everything(mode), "80/tcp") == {}
    assert not publishes_all(everything(mode))


def test_with_publish_all_every_exposed_port_gets_a_number() -> None:
    body = everything(ExposedPorts={"90/tcp": {}, "53/udp": {}})
    assert publishes_all(body)
    assert numbers(body, "80/tcp", "90/tcp") == {"80/tcp": ["1"], "90/tcp": ["2"]}
    body["HostConfig"]["PortBindings"] = {"80/tcp": [{"HostPort": "8080"}], "90/tcp": []}
    assert numbers(body, "80/tcp") == {"80/tcp": ["8080"], "90/tcp": ["1"]}


def test_exposed_ports_stay_inside_without_publish_all() -> None:
    body = bound({}, ExposedPorts={"80/tcp": {}})
    assert numbers(body, "90/tcp") == {}
    assert not publishes_all(body)


def test_what_leaves_nothing_open_is_left_alone() -> None:
    for body in ({"Image": "x"}, bound({"80/tcp": [{"HostPort": "8080"}]}), bound({})):
        assert with_ports(body, (), lambda: 1) is body


def test_the_clients_body_is_not_changed() -> None:
    body = bound({"80/tcp": [dict(OPEN)]})
    with_ports(body, (), lambda: 1)
    assert body == bound({"80/tcp": [OPEN]})


def cluster() -> tuple[ClusterState, Placement]:
    state = ClusterState()
    for each in (ONE, TWO):
        state.put_engine(each)
    return state, Placement(state)


def drawn(body: dict[str, Any]) -> list[int]:
    return [claim.host_port for claim in ports_of(body)]


def test_what_any_container_holds_is_not_drawn() -> None:
    state, placement = cluster()
    state.put_container(container(ONE, 62000))
    state.put_container(container(TWO, 62001, "exited"))
    (node,) = (node for node in placement.nodes() if node.name == ONE.name)
    placement.reserve(Request(ports=(PortClaim(62003),)), node, "5" * 64)
    desk = PortDesk(placement, PORTS, random.Random(1))
    with desk.drawn(bound({"80/tcp": [OPEN]})) as body:
        assert drawn(body) == [62002]
        with (
            pytest.raises(PlacementError, match="each from 62000 to 62003 is held"),
            desk.drawn(bound({"80/tcp": [OPEN]})),
        ):
            pass
    with desk.drawn(bound({"80/tcp": [OPEN]})) as body:
        assert drawn(body) == [62002]


def test_a_refused_draw_gives_back_what_it_had() -> None:
    desk = PortDesk(cluster()[1], PORTS, random.Random(1))
    with pytest.raises(PlacementError), desk.drawn(bound({"80/tcp": [OPEN] * 5})):
        pass
    with desk.drawn(bound({"80/tcp": [OPEN] * 4})) as body:
        assert drawn(body) == list(PORTS)


@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(PORTS), unique=True))
def test_no_two_creates_draw_the_same(rng: random.Random, held: list[int]) -> None:
    state, placement = cluster()
    for port in held:
        state.put_container(container(ONE, port))
    desk = PortDesk(placement, PORTS, rng)
    with ExitStack() as stack:
        for _ in range(len(PORTS) - len(held)):
            body = stack.enter_context(desk.drawn(bound({"80/tcp": [OPEN]})))
            held += drawn(body)
    assert sorted(held) == list(PORTS)
