"""What is made up for between API versions, and only in its range: `master.cluster.shims`."""

import json
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster import shims
from master.cluster.model import ApiVersion

BIND = {"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True}
CONTAINER_EVENT = {"Type": "container", "Action": "start", "Actor": {"ID": "c1"}}


@pytest.mark.parametrize(
    ("client", "asked"),
    [
        pytest.param((1, 27), ("busybox",), id="the-last-that-meant-it"),
        pytest.param((1, 28), (), id="ignored-since"),
    ],
)
def test_filter_was_a_reference_before_1_28(client: ApiVersion, asked: tuple[str, ...]) -> None:
    assert shims.reference_filter({"filter": "busybox"}, client) == asked


def test_no_filter_asks_for_nothing() -> None:
    assert shims.reference_filter({}, (1, 24)) == ()


@pytest.mark.parametrize(("client", "is_modern"), [((1, 51), False), ((1, 52), True)])
def test_events_lose_their_old_fields_in_1_52(client: ApiVersion, is_modern: bool) -> None:
    shown = shims.event({**CONTAINER_EVENT, "from": "x"}, is_modern=shims.event_flavour(client))
    assert {"status", "id", "from"} <= set(shown) if not is_modern else "from" not in shown
    if not is_modern:
        assert (shown["status"], shown["id"]) == ("start", "c1")


@pytest.mark.parametrize(
    ("client", "shown"), [((1, 43), {"Size": 7, "VirtualSize": 7}), ((1, 44), {"Size": 7})]
)
@pytest.mark.parametrize("told", [{"Size": 7}, {"Size": 7, "VirtualSize": 7}])
def test_image_rows_look_alike_whatever_the_engine_told(
    client: ApiVersion, shown: dict[str, int], told: dict[str, int]
) -> None:
    named = {"RepoTags": ["busybox:latest"]}
    assert shims.image_row({**told, **named}, client) == {**shown, **named}


NONE = {"RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]}
NO_NAMES: dict[str, Any] = {"RepoTags": [], "RepoDigests": []}
A_DIGEST: dict[str, Any] = {"RepoTags": [], "RepoDigests": ["busybox@sha256:d"]}


@pytest.mark.parametrize(
    ("client", "told", "shown"),
    [
        pytest.param((1, 42), NO_NAMES, NONE, id="the-last-that-looks-for-them"),
        pytest.param((1, 43), NO_NAMES, NO_NAMES, id="empty-since"),
        pytest.param((1, 42), NONE, NONE, id="as-an-old-engine-tells-it"),
        pytest.param((1, 42), A_DIGEST, A_DIGEST, id="a-digest-is-a-name"),
    ],
)
def test_nameless_images_were_called_none_before_1_43(
    client: ApiVersion, told: dict[str, Any], shown: dict[str, Any]
) -> None:
    assert shims.image_row(told, client) == shown


@pytest.mark.parametrize(
    ("client", "spoken", "mode"),
    [
        pytest.param((1, 39), (1, 44), "shareable", id="raised-over-the-change"),
        pytest.param((1, 39), (1, 39), None, id="asked-as-it-speaks"),
        pytest.param((1, 40), (1, 44), None, id="knows-the-new-default"),
    ],
)
def test_ipc_was_shareable_before_1_40(
    client: ApiVersion, spoken: ApiVersion, mode: str | None
) -> None:
    body = shims.create_body({"Image": "busybox"}, client, spoken)
    assert body.get("HostConfig", {}).get("IpcMode") == mode


def test_a_chosen_ipc_mode_stays() -> None:
    body = {"HostConfig": {"IpcMode": "private"}}
    assert shims.create_body(body, (1, 30), (1, 44)) == body


@pytest.mark.parametrize(
    ("client", "mount", "is_changed"),
    [
        pytest.param((1, 43), BIND, True, id="read-only-bind"),
        pytest.param((1, 44), BIND, False, id="knows-recursion"),
        pytest.param((1, 43), {**BIND, "ReadOnly": False}, False, id="writable"),
        pytest.param((1, 43), {**BIND, "Type": "volume"}, False, id="volume"),
    ],
)
def test_read_only_binds_were_not_recursive_before_1_44(
    client: ApiVersion, mount: dict[str, Any], is_changed: bool
) -> None:
    body = shims.create_body({"HostConfig": {"Mounts": [mount]}}, client, (1, 44))
    options = body["HostConfig"]["Mounts"][0].get("BindOptions", {})
    assert options == ({"ReadOnlyNonRecursive": True} if is_changed else {})


@pytest.mark.parametrize(
    ("client", "query", "filters"),
    [
        pytest.param((1, 41), "", {"all": ["true"]}, id="no-filters"),
        pytest.param(
            (1, 41),
            "filters=" + json.dumps({"label": ["a"]}),
            {"label": ["a"], "all": ["true"]},
            id="others-stay",
        ),
        pytest.param((1, 42), "", None, id="knows-anonymous"),
    ],
)
def test_volume_prune_took_named_ones_before_1_42(
    client: ApiVersion, query: str, filters: dict[str, list[str]] | None
) -> None:
    asked = parse_qs(shims.volume_prune(query, client, (1, 44)))
    assert (json.loads(asked["filters"][0]) if "filters" in asked else None) == filters


@pytest.mark.parametrize("query", ["filters=nonsense", "filters=[1]"])
def test_bad_filters_are_left_for_the_engine_to_refuse(query: str) -> None:
    assert shims.volume_prune(query, (1, 41), (1, 44)) == query


def test_image_inspect_gains_its_virtual_size() -> None:
    assert shims.wants_image_edit((1, 43), (1, 44))
    assert not shims.wants_image_edit((1, 43), (1, 43))
    assert not shims.wants_image_edit((1, 44), (1, 45))
    assert orjson.loads(shims.image_inspect(b'{"Size": 3}')) == {"Size": 3, "VirtualSize": 3}


@pytest.mark.parametrize(
    ("client", "kind"),
    [((1, 41), b"application/vnd.docker.raw-stream"), ((1, 42), None)],
)
def test_streams_were_all_called_raw_before_1_42(client: ApiVersion, kind: bytes | None) -> None:
    told = b"application/vnd.docker.multiplexed-stream"
    lines = shims.stream_headers([(b"Content-Type", told), (b"X", b"y")], client, (1, 44))
    assert lines == [(b"Content-Type", kind or told), (b"X", b"y")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(host=json_values, mounts=json_values)
def test_odd_bodies_pass_for_the_engine_to_refuse(host: Any, mounts: Any) -> None:
    body = {"HostConfig": host}
    shims.create_body(body, (1, 30), (1, 44))
    assert body == {"HostConfig": host}
    with_mounts = {"HostConfig": {"IpcMode": "host", "Mounts": mounts}}
    shaped = shims.create_body(with_mounts, (1, 30), (1, 44))["HostConfig"]["Mounts"]
    assert shaped == mounts or isinstance(mounts, list)
