"""Whom to ask first when an image goes: `master.cluster.images.removal`."""

from __future__ import annotations

import pytest

from master.cluster.images.removal import removal_order, will_refuse
from master.cluster.model import Container, Engine, Health, Image
from master.cluster.rows import image_from_row
from master.cluster.state import ClusterState

ID = "sha256:" + "a" * 64
DIGEST = "app@sha256:" + "d" * 64
NODES = ("node-1", "node-2", "node-3")


def image(*names: str, engine: str = "node-1") -> Image:
    tags = [name for name in names if "@" not in name]
    digests = [name for name in names if "@" in name]
    return image_from_row(engine, {"Id": ID, "RepoTags": tags, "RepoDigests": digests})


def user(state: str, engine: str = "node-1") -> Container:
    return Container(f"c-{engine}", "web", engine, "app", ID, 0, state, {}, row={})


UP, ENDED = user("running"), user("exited")


@pytest.mark.parametrize(
    ("names", "users", "forced", "expected"),
    [
        pytest.param(["app:1"], [], False, False, id="unused"),
        pytest.param(["app:1"], [ENDED], False, True, id="the-last-name-of-what-is-used"),
        pytest.param(["app:1", DIGEST], [UP], False, True, id="its-digest-goes-with-it"),
        pytest.param(["app:1", "app:2"], [UP], False, False, id="another-name-is-left"),
        pytest.param(["app:1"], [UP], True, False, id="by-force-it-loses-its-name"),
    ],
)
def test_a_name_goes_unless_it_is_the_last_one_of_what_is_used(
    names: list[str], users: list[Container], *, forced: bool, expected: bool
) -> None:
    refused = will_refuse(
        image(*names), users, is_by_name=True, has_children=True, is_forced=forced
    )
    assert refused is expected


@pytest.mark.parametrize(
    ("names", "users", "children", "forced", "expected"),
    [
        pytest.param(["app:1", DIGEST], [], False, False, False, id="unused"),
        pytest.param([], [], False, False, False, id="nameless"),
        pytest.param(["app:1"], [ENDED], False, False, True, id="a-stopped-container"),
        pytest.param(["app:1"], [ENDED], False, True, False, id="a-stopped-one-by-force"),
        pytest.param(["app:1"], [UP], False, True, True, id="a-running-one-even-by-force"),
        pytest.param(["app:1"], [user("paused")], False, True, True, id="a-paused-one-is-running"),
        pytest.param(["app:1", "app:2"], [], False, False, True, id="several-names"),
        pytest.param(["app:1", "other:1"], [], False, True, False, id="several-names-by-force"),
        pytest.param([DIGEST, "b@sha256:" + "d" * 64], [], False, False, True, id="two-digests"),
        pytest.param(["app:1"], [], True, True, True, id="others-were-built-on-it"),
    ],
)
def test_an_image_by_its_id_goes_unless_it_is_needed(
    names: list[str], users: list[Container], *, children: bool, forced: bool, expected: bool
) -> None:
    refused = will_refuse(
        image(*names), users, is_by_name=False, has_children=children, is_forced=forced
    )
    assert refused is expected


@pytest.fixture
def state() -> ClusterState:
    """Three nodes with the image: unused on the first, used on the second, running on the third."""
    state = ClusterState()
    for node in NODES:
        state.put_engine(Engine(node, id=node, name=node, health=Health.HEALTHY))
        state.replace_images(node, [image("app:1", engine=node)])
    state.put_container(user("exited", "node-2"))
    state.put_container(user("running", "node-3"))
    return state


@pytest.mark.parametrize(
    ("reference", "is_forced", "groups"),
    [
        pytest.param(ID, True, [["node-3"], ["node-2"], ["node-1"]], id="id-by-force"),
        pytest.param(ID[:20], False, [["node-2", "node-3"], ["node-1"]], id="id"),
        pytest.param("app:1", False, [["node-2", "node-3"], ["node-1"]], id="name"),
        pytest.param("docker.io/library/app:1", True, [["node-2", "node-3"], ["node-1"]],
                     id="name-by-force"),
    ],
)  # fmt: skip
def test_who_will_refuse_is_asked_first_then_who_uses_it(
    state: ClusterState, reference: str, is_forced: bool, groups: list[list[str]]
) -> None:
    holders = list(state.engines().values())
    order = removal_order(state, reference, holders, is_forced=is_forced)
    assert [[engine.name for engine in group] for group in order] == groups


def test_what_is_built_on_it_counts_on_its_own_node(state: ClusterState) -> None:
    child = image_from_row("node-1", {"Id": "sha256:" + "b" * 64, "ParentId": ID, "RepoTags": []})
    state.replace_images("node-1", [image("app:1"), child])
    order = removal_order(state, ID, list(state.engines().values()), is_forced=True)
    assert [[engine.name for engine in group] for group in order] == [
        ["node-1", "node-3"],
        ["node-2"],
    ]
