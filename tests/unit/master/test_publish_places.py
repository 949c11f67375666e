"""Which port of the manager's address leads where: `master.cluster.containers.published`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from master.cluster.containers.published import published
from master.cluster.model import Container, ContainerConfig, Engine, Health
from master.cluster.state import ClusterState


def engine(number: int, health: Health = Health.HEALTHY) -> Engine:
    address, ip = f"10.0.0.{number}:2375", f"10.0.0.{number}"
    return Engine(address, id=address, name=f"dockerhost{number:02}", ip=ip, health=health)


def container(on: Engine, name: str, *ports: Any, created: float = 0) -> Container:
    return Container(
        id=name,
        name=name,
        engine=on.address,
        image="",
        image_id="",
        created=int(created),
        state="running",
        labels={},
        row={"Ports": list(ports)},
        config=ContainerConfig(created_at=created),
    )


def port(number: object, ip: str = "0.0.0.0", kind: str = "tcp") -> dict[str, Any]:
    return {"IP": ip, "PrivatePort": 80, "PublicPort": number, "Type": kind}


def places(*containers: Container, engines: tuple[Engine, ...] = ()) -> dict[int, list[str]]:
    """What is published: ``ip label`` by port."""
    state = ClusterState()
    for each in engines or (engine(1), engine(2)):
        state.put_engine(each)
    for one in containers:
        state.put_container(one)
    return {
        number: [f"{one.ip} {one.label}" for one in found]
        for number, found in published(state).items()
    }


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        pytest.param([port(8080)], {8080: "10.0.0.1"}, id="every-interface"),
        pytest.param([port(8080, "10.0.0.99")], {8080: "10.0.0.99"}, id="an-address"),
        pytest.param([port(8080), port(8080, "::")], {8080: "10.0.0.1"}, id="both-families"),
        pytest.param([port(8080), port(8081, "::")], {8080: "10.0.0.1"}, id="twins"),
        pytest.param([port(8080, "127.0.0.1")], {}, id="loopback"),
        pytest.param([port(8080, "::1")], {}, id="loopback-6"),
        pytest.param([port(53, kind="udp")], {}, id="udp"),
        pytest.param([{"PrivatePort": 80, "Type": "tcp"}], {}, id="exposed-only"),
        pytest.param([port("8080"), port(0), "x", None], {}, id="nonsense"),
    ],
)
def test_a_port_is_where_others_can_reach_it(ports: list[Any], expected: dict[int, str]) -> None:
    found = places(container(engine(1), "web", *ports))
    assert found == {number: [f"{ip} dockerhost01/web"] for number, ip in expected.items()}


def test_of_several_the_oldest_comes_first() -> None:
    found = places(
        container(engine(1), "young", port(80), created=5.9),
        container(engine(2), "old", port(80), created=5.5),
    )
    assert found == {80: ["10.0.0.2 dockerhost02/old", "10.0.0.1 dockerhost01/young"]}


def test_ages_are_compared_by_one_clock() -> None:
    slow = replace(engine(2), clock_skew_s=60)
    found = places(
        container(engine(1), "old", port(80), created=1000),
        container(slow, "young", port(80), created=990),
        engines=(engine(1), slow),
    )
    assert found[80][0] == "10.0.0.1 dockerhost01/old"


def test_a_lost_engine_comes_last() -> None:
    lost = engine(2, Health.UNHEALTHY)
    found = places(
        container(lost, "old", port(80), port(81), created=5),
        container(engine(1), "young", port(80), created=9),
        engines=(engine(1), lost),
    )
    assert found == {
        80: ["10.0.0.1 dockerhost01/young", "10.0.0.2 dockerhost02/old"],
        81: ["10.0.0.2 dockerhost02/old"],
    }


def test_rows_without_a_list_of_ports_publish_nothing() -> None:
    one = container(engine(1), "web")
    for row in ({}, {"Ports": None}, {"Ports": {}}):
        changed = Container(**{**{k: getattr(one, k) for k in one.__slots__}, "row": row})
        assert places(changed) == {}
