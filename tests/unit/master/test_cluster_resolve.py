"""What a reference means, in classic Swarm's order."""

from __future__ import annotations

import pytest

from master.cluster.model import Container, Engine, Health
from master.cluster.resolve import find_prefix, resolve
from master.cluster.state import ClusterState
from master.errors import BadRequestError, ConflictError, NotFoundError

A, B, SOCKET = "10.0.0.1:2375", "10.0.0.2:2375", "unix:///var/run/docker.sock"
ID_1 = "abc1" + "0" * 60
ID_2 = "abc2" + "0" * 60
ID_3 = "abd3" + "0" * 60
SWARM_1 = "abd4" + "1" * 60
SWARM_2 = "abc1" + "2" * 60


def container(address: str, container_id: str, name: str, swarm_id: str = "") -> Container:
    return Container(
        id=container_id,
        name=name,
        engine=address,
        image="busybox",
        image_id="",
        created=1,
        state="running",
        labels={"com.docker.swarm.id": swarm_id} if swarm_id else {},
        row={},
    )


@pytest.fixture
def state() -> ClusterState:
    state = ClusterState()
    for number, address in enumerate((A, B, SOCKET), start=1):
        state.put_engine(
            Engine(
                address=address,
                id=f"AA{number}|{address}",
                name=f"node-{number}",
                health=Health.HEALTHY,
            )
        )
    state.put_container(container(A, ID_1, "web", SWARM_1))
    state.put_container(container(B, ID_2, "db"))
    state.put_container(container(SOCKET, ID_3, "cache"))
    return state


@pytest.mark.parametrize(
    ("reference", "container_id", "as_typed"),
    [
        pytest.param(ID_1, ID_1, True, id="full-id"),
        pytest.param(ID_1[:12], ID_1, True, id="short-id"),
        pytest.param("abc1", ID_1, True, id="prefix"),
        pytest.param(ID_1[:40], ID_1, True, id="long-prefix"),
        pytest.param(SWARM_1, ID_1, False, id="full-swarm-id"),
        pytest.param(SWARM_1[:12], ID_1, False, id="short-swarm-id"),
        pytest.param("abd4", ID_1, False, id="swarm-id-prefix"),
        pytest.param("web", ID_1, True, id="name"),
        pytest.param("/web", ID_1, False, id="slash-name"),
        pytest.param("node-1/web", ID_1, False, id="node-name"),
        pytest.param("/node-1/web", ID_1, False, id="slash-node-name"),
        pytest.param(f"AA1|{A}/web", ID_1, False, id="engine-id-name"),
        pytest.param(f"{A}/web", ID_1, False, id="address-name"),
        pytest.param(f"{SOCKET}/cache", ID_3, False, id="address-with-slashes"),
        pytest.param(f"AA3|{SOCKET}/cache", ID_3, False, id="engine-id-with-slashes"),
    ],
)
def test_a_reference_means_one_container(
    state: ClusterState, reference: str, container_id: str, as_typed: bool
) -> None:
    found = resolve(state, reference)
    assert (found.container.id, found.as_typed) == (container_id, as_typed)


@pytest.mark.parametrize(
    "reference",
    ["nope", "", "/", "node-2/web", "nowhere/web", "WEB", "node-1/", ID_1 + "0", "x" * 10**6],
)
def test_what_does_not_exist_is_told_in_dockers_words(state: ClusterState, reference: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve(state, reference)
    assert str(caught.value) == f"No such container: {reference}"


def test_a_prefix_of_several_is_ambiguous(state: ClusterState) -> None:
    with pytest.raises(BadRequestError, match=r"^multiple IDs found with provided prefix: abc$"):
        resolve(state, "abc")


def test_ids_and_swarm_ids_share_their_prefixes(state: ClusterState) -> None:
    with pytest.raises(BadRequestError, match="multiple IDs"):
        resolve(state, "abd")


def test_a_prefix_of_an_id_and_of_its_own_swarm_id_is_one(state: ClusterState) -> None:
    state.put_container(container(A, ID_1, "web", SWARM_2))
    found = resolve(state, "abc1")
    assert (found.container.id, found.as_typed) == (ID_1, True)


def test_a_name_on_two_engines_has_to_be_told_apart(state: ClusterState) -> None:
    state.put_container(container(B, "9" * 64, "web"))
    with pytest.raises(ConflictError, match="node-1/web, node-2/web"):
        resolve(state, "web")
    assert resolve(state, "node-2/web").container.engine == B


def test_an_id_on_two_cloned_machines_has_to_be_told_apart(state: ClusterState) -> None:
    state.put_container(container(B, ID_1, "copy"))
    with pytest.raises(ConflictError, match="node-1/web, node-2/copy"):
        resolve(state, ID_1)


def test_an_id_comes_before_a_name(state: ClusterState) -> None:
    state.put_container(container(B, "9" * 64, ID_1))
    assert resolve(state, ID_1).container.id == ID_1


def test_a_name_comes_before_a_prefix(state: ClusterState) -> None:
    state.put_container(container(B, "9" * 64, "abc1"))
    assert resolve(state, "abc1").container.id == "9" * 64


def test_a_short_id_that_the_engine_would_take_for_a_name_is_written_out(
    state: ClusterState,
) -> None:
    state.put_container(container(A, "9" * 64, ID_1[:12]))
    found = resolve(state, ID_1[:12])
    assert (found.container.id, found.as_typed) == (ID_1, False)


def test_two_short_ids_may_be_equal(state: ClusterState) -> None:
    state.put_container(container(B, ID_1[:12] + "f" * 52, "twin"))
    with pytest.raises(ConflictError, match="More than one"):
        resolve(state, ID_1[:12])


def test_containers_of_lost_engines_are_found(state: ClusterState) -> None:
    state.put_engine(Engine(address=A, id=f"AA1|{A}", name="node-1", health=Health.UNHEALTHY))
    assert resolve(state, "web").container.engine == A


@pytest.mark.parametrize(
    ("prefix", "found"), [("abc1", ID_1), ("abd4", ID_1), ("abc", None), ("x", None), ("", None)]
)
def test_find_prefix(state: ClusterState, prefix: str, found: str | None) -> None:
    container = find_prefix(state, prefix)
    assert (container.id if container else None) == found
