"""What an engine's event says has changed: `master.cluster.events.changes`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster.events.changes import (
    Change,
    Changed,
    ContainerChanged,
    ContainerGone,
    ContainerMade,
    after,
    changes,
)

ID = "c" * 64


def event(kind: str, action: str, subject: str = ID, **attributes: str) -> dict[str, Any]:
    actor = {
        "ID": subject,
        "Attributes": {key.replace("_", "."): v for key, v in attributes.items()},
    }
    return {"Type": kind, "Action": action, "Actor": actor}


@pytest.mark.parametrize(
    "action",
    ["start", "die", "stop", "kill", "oom", "pause", "unpause", "restart", "rename", "update",
     "health_status: healthy"],
)  # fmt: skip
def test_what_changes_a_containers_row_or_inspect_has_it_read_again(action: str) -> None:
    assert changes(event("container", action)) == (ContainerChanged(ID),)


@pytest.mark.parametrize(
    "action", ["attach", "exec_create: sh", "exec_start: sh", "exec_die", "top", "copy", "resize"]
)
def test_what_only_looks_at_a_container_changes_nothing(action: str) -> None:
    assert changes(event("container", action)) == ()


def test_a_container_that_is_made_is_told_with_its_swarm_id_before_it_is_read() -> None:
    made = event("container", "create", com_docker_swarm_id="abc")
    assert changes(made) == (ContainerMade(ID, "abc"), ContainerChanged(ID))
    assert changes(event("container", "create"))[0] == ContainerMade(ID, "")


def test_a_container_that_is_gone_is_not_read_again() -> None:
    assert changes(event("container", "destroy")) == (ContainerGone(ID),)


def test_a_network_that_is_joined_or_left_changes_its_container() -> None:
    for action in ("connect", "disconnect"):
        assert changes(event("network", action, "n1", container=ID)) == (ContainerChanged(ID),)
        assert changes(event("network", action, "n1")) == ()


@pytest.mark.parametrize(
    ("kind", "action", "changed"),
    [
        pytest.param("container", "commit", Changed.IMAGES, id="commit"),
        pytest.param("image", "pull", Changed.IMAGES, id="pull"),
        pytest.param("image", "delete", Changed.IMAGES, id="rmi"),
        pytest.param("network", "create", Changed.NETWORKS, id="network"),
        pytest.param("network", "destroy", Changed.NETWORKS, id="network-rm"),
        pytest.param("volume", "create", Changed.VOLUMES, id="volume"),
        pytest.param("volume", "destroy", Changed.VOLUMES, id="volume-rm"),
        pytest.param("daemon", "reload", Changed.SPECS, id="reload"),
    ],
)
def test_everything_else_is_read_as_a_whole(kind: str, action: str, changed: Change) -> None:
    assert changes(event(kind, action)) == (changed,)


@pytest.mark.parametrize("action", ["mount", "unmount"])
def test_a_volume_that_is_used_is_still_the_same(action: str) -> None:
    assert changes(event("volume", action)) == ()


def test_what_the_future_may_tell_of_changes_nothing() -> None:
    assert changes(event("wormhole", "open")) == ()


@pytest.mark.parametrize("action", ["create", "start", "destroy", "health_status: healthy"])
@pytest.mark.parametrize("subject", ["", None])
def test_a_container_without_an_id_is_none(action: str, subject: Any) -> None:
    assert changes(event("container", action, subject)) == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "Type": st.sampled_from(["container", "network", "volume", "image"]) | JSON,
            "Action": st.sampled_from(["create", "connect", "destroy"]) | JSON,
            "Actor": st.fixed_dictionaries({}, optional={"ID": JSON, "Attributes": JSON}) | JSON,
            "timeNano": JSON,
        },
    )
)
def test_no_message_is_too_odd(message: dict[str, Any]) -> None:
    assert isinstance(changes(message), tuple)
    assert isinstance(after(message), str)


def test_what_has_been_heard_is_not_told_again() -> None:
    assert after({"timeNano": 1_700_000_000_123_456_789}) == "1700000000.123456790"
    assert after({"timeNano": 1_700_000_000_999_999_999}) == "1700000001.000000000"
    assert after({"time": 1_700_000_000}) == ""
