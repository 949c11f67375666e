"""Test sessions gather where their reaper is: `master.cluster.groups`."""

from __future__ import annotations

from master.cluster.groups import group_of, nearest_first
from master.cluster.state import ClusterState
from scheduler.types import Node, PlacedContainer

SESSION = {"org.testcontainers.session-id": "s-1"}


def node(name: str, *containers: PlacedContainer) -> Node:
    return Node(id=name, name=name, addr=name, containers=containers)


def placed(name: str, **labels: str) -> PlacedContainer:
    return PlacedContainer(id=name, name=name, image="", labels=labels, is_running=True)


def order(*nodes: Node, with_containers: bool = False) -> list[str]:
    ordered = nearest_first(
        ClusterState(), nodes, group_of(SESSION), with_containers=with_containers
    )
    return [each.name for each in ordered]


def test_a_session_goes_to_its_reaper() -> None:
    nodes = [node("a"), node("b", placed("testcontainers-ryuk-s-1")), node("c")]
    assert order(*nodes) == ["b", "a", "c"]


def test_another_sessions_reaper_draws_nothing() -> None:
    assert order(node("a"), node("b", placed("testcontainers-ryuk-s-11"))) == ["a", "b"]


def test_without_a_reaper_a_session_is_spread() -> None:
    assert order(node("a"), node("b", placed("db", **SESSION))) == ["a", "b"]


def test_the_reaper_draws_more_than_what_is_there_already() -> None:
    nodes = [node("a", placed("db", **SESSION)), node("b", placed("testcontainers-ryuk-s-1"))]
    assert order(*nodes, with_containers=True) == ["b", "a"]
