"""Which events a client wants: `master.cluster.events.filter`."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster.events.broker import Event, event_from_message
from master.cluster.events.filter import EventFilter, parse_time, parse_time_ns, parse_window
from master.cluster.model import Engine
from master.errors import BadRequestError

ENGINE = Engine("10.0.0.5:2375", id="AB|10.0.0.5:2375", name="dockerhost01")
CONTAINER_ID = "c0ffee" + "0" * 58
SWARM_ID = "5" * 64
NOW = 1_700_000_000.0
SECOND = 10**9


def container_event(action: str = "start", **attributes: str) -> Event:
    given = {
        "image": "docker.io/library/busybox:1.36",
        "name": "web",
        "com.docker.swarm.id": SWARM_ID,
        "app": "shop",
        **attributes,
    }
    return event_from_message(
        {
            "Type": "container",
            "Action": action,
            "scope": "local",
            "Actor": {"ID": CONTAINER_ID, "Attributes": given},
        },
        ENGINE,
    )


IMAGE_EVENT = event_from_message(
    {
        "Type": "image",
        "Action": "pull",
        "Actor": {"ID": "host:5000/app:1", "Attributes": {"name": "host:5000/app"}},
    },
    ENGINE,
)
NETWORK_EVENT = event_from_message(
    {
        "Type": "network",
        "Action": "connect",
        "Actor": {"ID": "net123", "Attributes": {"name": "mynet", "container": CONTAINER_ID}},
    },
    ENGINE,
)


def passes(filters: dict[str, Any], event: Event) -> bool:
    return EventFilter.parse(orjson.dumps(filters).decode()).matches(event)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({}, True, id="none"),
        pytest.param({"type": []}, True, id="key-without-values"),
        pytest.param({"type": ["container", "image"]}, True, id="type"),
        pytest.param({"type": ["image"]}, False, id="other-type"),
        pytest.param({"type": ["cont"]}, False, id="type-is-exact"),
        pytest.param({"type": {"container": True}}, True, id="older-spelling"),
        pytest.param({"event": ["start", "die"]}, True, id="event"),
        pytest.param({"event": ["st"]}, False, id="event-is-exact"),
        pytest.param({"scope": ["local"]}, True, id="scope"),
        pytest.param({"scope": ["swarm"]}, False, id="other-scope"),
        pytest.param({"container": ["web"]}, True, id="container-name"),
        pytest.param({"container": ["we"]}, True, id="container-name-prefix"),
        pytest.param({"container": ["eb"]}, False, id="no-infix"),
        pytest.param({"container": ["c0ffee"]}, True, id="container-id-prefix"),
        pytest.param({"container": ["other", "web"]}, True, id="any-of-several"),
        pytest.param({"container": ["dockerhost01/web"]}, True, id="container-with-its-node"),
        pytest.param({"container": ["dockerhost02/web"]}, False, id="container-of-another-node"),
        pytest.param({"container": [SWARM_ID]}, True, id="swarm-id"),
        pytest.param({"container": [SWARM_ID[:12]]}, True, id="short-swarm-id"),
        pytest.param({"container": [SWARM_ID[:5]]}, False, id="part-of-swarm-id"),
        pytest.param({"image": ["busybox"]}, True, id="image-as-people-say"),
        pytest.param({"image": ["docker.io/library/busybox:1.36"]}, True, id="image-in-full"),
        pytest.param({"image": ["busyb"]}, False, id="image-is-exact"),
        pytest.param({"label": ["app"]}, True, id="label"),
        pytest.param({"label": ["app=shop", "name"]}, True, id="all-labels"),
        pytest.param({"label": ["app=shop", "app=x"]}, False, id="one-label-wrong"),
        pytest.param({"label": ["missing"]}, False, id="label-missing"),
        pytest.param({"node": ["dockerhost01"]}, True, id="node-name"),
        pytest.param({"node": ["AB|10.0.0.5:2375"]}, True, id="node-id"),
        pytest.param({"node": ["10.0.0.5:2375"]}, True, id="node-address"),
        pytest.param({"node": ["dockerhost02"]}, False, id="other-node"),
        pytest.param({"volume": ["data"]}, False, id="a-container-is-no-volume"),
        pytest.param({"type": ["container"], "event": ["die"]}, False, id="every-key-counts"),
    ],
)
def test_filters(filters: dict[str, Any], expected: bool) -> None:
    assert passes(filters, container_event()) is expected


@pytest.mark.parametrize(
    ("wanted", "action", "expected"),
    [
        pytest.param("exec_create", "exec_create: sh -c true", True, id="exec-create"),
        pytest.param("exec_start", "exec_start: sh", True, id="exec-start"),
        pytest.param("health_status", "health_status: healthy", True, id="health"),
        pytest.param("health_status: healthy", "health_status: unhealthy", False, id="one-health"),
        pytest.param("exec_die", "exec_die", True, id="exec-die"),
        pytest.param("exec", "exec_die", False, id="no-prefix-otherwise"),
    ],
)
def test_actions_with_details_match_by_their_beginning(
    wanted: str, action: str, expected: bool
) -> None:
    assert passes({"event": [wanted]}, container_event(action)) is expected


@pytest.mark.parametrize(
    ("filters", "event", "expected"),
    [
        pytest.param({"image": ["host:5000/app"]}, IMAGE_EVENT, True, id="image-without-tag"),
        pytest.param({"image": ["host:5000/app:1"]}, IMAGE_EVENT, True, id="image"),
        pytest.param({"image": ["app"]}, IMAGE_EVENT, False, id="no-part-of-an-image"),
        pytest.param({"network": ["mynet"]}, NETWORK_EVENT, True, id="network-name"),
        pytest.param({"network": ["net1"]}, NETWORK_EVENT, True, id="network-id-prefix"),
        pytest.param({"container": ["c0ffee"]}, NETWORK_EVENT, False, id="as-moby-not-by-member"),
    ],
)
def test_other_types(filters: dict[str, Any], event: Event, expected: bool) -> None:
    assert passes(filters, event) is expected


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(BadRequestError, match="invalid filter 'colour'"):
        EventFilter.parse('{"colour":["red"]}')


def test_engines_are_asked_for_what_they_know() -> None:
    filters = EventFilter.parse('{"node":["a"],"container":["a/web"],"event":["die","start"]}')
    assert filters.for_engines() == {"event": ["die", "start"]}
    assert EventFilter.parse(None).for_engines() == {}


WORDS = st.sampled_from(["web", "we", "dockerhost01/web", "start", "container", "app=shop", "/"])
KEYS = ["type", "event", "container", "image", "label", "node", "scope", "network", "volume"]


@given(
    st.dictionaries(st.sampled_from(KEYS), st.lists(WORDS, max_size=2)),
    st.dictionaries(
        st.sampled_from(["Type", "Action", "Actor", "scope"]),
        st.none()
        | st.integers()
        | WORDS
        | st.fixed_dictionaries({"ID": WORDS, "Attributes": st.dictionaries(WORDS, WORDS)})
        | st.fixed_dictionaries({"ID": st.integers(), "Attributes": st.lists(WORDS)}),
    ),
)
def test_strange_events_never_raise(filters: dict[str, Any], message: dict[str, Any]) -> None:
    """A publisher calls this: an exception would hit the engine's supervisor."""
    event = event_from_message(message, ENGINE)
    assert isinstance(passes(filters, event), bool)


# Times


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        pytest.param("1700000000", 1_700_000_000 * SECOND, id="unix"),
        pytest.param("1700000000.123456789", 1_700_000_000_123_456_789, id="unix-nano"),
        pytest.param("1700000000.5", 1_700_000_000 * SECOND + SECOND // 2, id="unix-fraction"),
        pytest.param("0", 0, id="zero"),
        pytest.param("1970-01-02", 86400 * SECOND, id="date"),
        pytest.param("1970-01-02Z", 86400 * SECOND, id="date-zone"),
        pytest.param("1970-01-01T01", 3600 * SECOND, id="hour"),
        pytest.param("1970-01-01T00:01", 60 * SECOND, id="minute"),
        pytest.param("1970-01-01T00:00:05", 5 * SECOND, id="second-without-zone"),
        pytest.param("1970-01-01T00:00:05Z", 5 * SECOND, id="rfc3339"),
        pytest.param("1970-01-01T02:00:05+02:00", 5 * SECOND, id="east"),
        pytest.param("1969-12-31T22:00:05-02:00", 5 * SECOND, id="west"),
        pytest.param("1970-01-01T00:00:05.000000007Z", 5 * SECOND + 7, id="nanoseconds"),
        pytest.param("10m", int(NOW - 600) * SECOND, id="ten-minutes-ago"),
        pytest.param("1h30m", int(NOW - 5400) * SECOND, id="two-units"),
        pytest.param("1.5s", int(NOW) * SECOND - 3 * SECOND // 2, id="fraction"),
        pytest.param("-10s", int(NOW + 10) * SECOND, id="in-ten-seconds"),
        pytest.param("300ms", int(NOW) * SECOND - 300_000_000, id="milliseconds"),
        pytest.param("5us", int(NOW) * SECOND - 5_000, id="microseconds"),
    ],
)
def test_times(text: str, nano: int) -> None:
    assert parse_time_ns(text, NOW) == nano
    assert parse_time(text, NOW) == pytest.approx(nano / SECOND)


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "",
        "1.2.3",
        "2026-13-01",
        "2026-01-01T25",
        "m",
        "1d",
        "1..5s",
        "1970-01-01T00:00:00+99:00",
        "9" * 40,
        "٣",
        "9" * 5000 + "h",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError, match="failed to parse value as time or duration: "):
        parse_time_ns(text, NOW)


def test_window() -> None:
    assert parse_window(None, "", NOW) == (0, None)
    assert parse_window("1", "2", NOW) == (SECOND, 2 * SECOND)
    with pytest.raises(BadRequestError) as caught:
        parse_window("2", "1", NOW)
    assert str(caught.value) == "`since` time (2) cannot be after `until` time (1)"


@given(st.text("0123456789.-+:TZhmsµun", max_size=20))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        nano = parse_time_ns(text, NOW)
    except BadRequestError:
        return
    assert isinstance(nano, int)
