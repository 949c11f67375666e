"""A lab takes the first index and ports that nobody has."""

import socket
from collections.abc import Iterator

import pytest

from lab.claim import plan_of, with_addresses
from lab.errors import LabError
from lab.state import EngineState, LabState

_WANTED = LabState(
    name="new",
    index=0,
    consul_port=0,
    registry_port=0,
    manager_port=0,
    engines=(EngineState(),),
    consul_servers=3,
)


@pytest.fixture
def nothing_else_listens(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, int]]:
    """Every port is free but those that the test puts into the set."""
    taken: set[tuple[str, int]] = set()
    for module in ("lab.ports", "lab.claim"):
        monkeypatch.setattr(f"{module}.is_free", lambda *place: place not in taken)
    return taken


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of 127.0.0.1 that somebody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.usefixtures("nothing_else_listens")
def test_the_first_lab_has_the_standard_ports() -> None:
    state = with_addresses(_WANTED, [], None)
    assert (state.index, state.consul_port, state.manager_port) == (0, 8500, 2375)
    assert (state.consul_rpc_port, state.consul_gossip_port) == (8300, 8301)
    assert (state.edge_port, state.router_status_port) == (8080, 8480)


@pytest.mark.usefixtures("nothing_else_listens")
def test_the_next_lab_takes_the_index_that_is_free() -> None:
    first = with_addresses(_WANTED, [], None)
    second = with_addresses(_WANTED, [first], None)
    third = with_addresses(_WANTED, [first, second], None)
    assert with_addresses(_WANTED, [first, third], None) == second
    assert len({first.manager_port, second.manager_port, third.manager_port}) == 3


def test_a_port_must_be_free_at_every_server(
    nothing_else_listens: set[tuple[str, int]],
) -> None:
    nothing_else_listens.add(("127.0.10.4", 8300))
    state = with_addresses(_WANTED, [], None)
    assert (state.consul_rpc_port, state.consul_gossip_port) == (8301, 8302)


@pytest.mark.usefixtures("nothing_else_listens")
def test_the_addresses_carry_the_ports() -> None:
    state = with_addresses(_WANTED, [], 4444)
    plan = plan_of(state)
    assert (plan.manager_port, plan.consul_rpc_port, plan.edge_port) == (4444, 8300, 8080)
    assert len(plan.consul_servers) == 3


def test_a_manager_port_that_is_taken_is_refused(listener: int) -> None:
    with pytest.raises(LabError, match=f"port {listener} on 127.0.0.1 is taken"):
        with_addresses(_WANTED, [], listener)
