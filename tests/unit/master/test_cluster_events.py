"""Events: `master.cluster.events.broker`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster.events.broker import (
    Deduplicator,
    Event,
    EventBroker,
    SubscriberTooSlowError,
    decorate,
    encode_all,
    engine_event,
    event_from_message,
    merge_past,
)
from master.cluster.model import Engine

ENGINE = Engine("10.0.0.5:2375", id="AB|10.0.0.5:2375", name="dockerhost01", ip="10.0.0.5")
NODE = {"Name": "dockerhost01", "Id": "AB|10.0.0.5:2375", "Addr": "10.0.0.5:2375", "Ip": "10.0.0.5"}
ATTRIBUTES = {
    "node.name": "dockerhost01",
    "node.id": "AB|10.0.0.5:2375",
    "node.addr": "10.0.0.5:2375",
    "node.ip": "10.0.0.5",
}
NANO = 1_700_000_000_123_456_789
OLD: dict[str, Any] = {
    "status": "start",
    "id": "c1",
    "from": "busybox",
    "Type": "container",
    "Action": "start",
    "Actor": {"ID": "c1", "Attributes": {"image": "busybox", "name": "web"}, "Future": 1},
    "scope": "local",
    "time": 1_700_000_000,
    "timeNano": NANO,
    "FutureField": {"x": []},
}
NEW = {key: value for key, value in OLD.items() if key not in {"status", "id", "from"}}


def event(number: int, engine: str = "e1", nano: int | None = None, **message: Any) -> Event:
    raw = {"Type": "container", "Action": "start", "Actor": {"ID": f"c{number}"}, **message}
    return Event(raw, number if nano is None else nano, engine)


def test_an_event_is_decorated_and_loses_nothing() -> None:
    assert decorate(OLD, ENGINE) == {
        **OLD,
        "from": "busybox node:dockerhost01",
        "Actor": {
            "ID": "c1",
            "Attributes": {"image": "busybox", "name": "web", **ATTRIBUTES},
            "Future": 1,
        },
        "node": NODE,
    }


def test_the_engines_message_is_not_changed() -> None:
    before = orjson.dumps(OLD)
    decorate(OLD, ENGINE)
    assert orjson.dumps(OLD) == before


@pytest.mark.parametrize("source", [pytest.param(OLD, id="old"), pytest.param(NEW, id="new")])
def test_older_clients_get_the_older_fields_from_any_engine(source: dict[str, Any]) -> None:
    line = event_from_message(source, ENGINE).encode((1, 51))
    assert line.endswith(b"}\n")
    said = orjson.loads(line)
    assert (said["status"], said["id"], said["from"]) == (
        "start",
        "c1",
        "busybox node:dockerhost01",
    )
    assert said["FutureField"] == {"x": []}


@pytest.mark.parametrize("source", [pytest.param(OLD, id="old"), pytest.param(NEW, id="new")])
def test_newer_clients_never_get_them(source: dict[str, Any]) -> None:
    said = orjson.loads(event_from_message(source, ENGINE).encode((1, 52)))
    assert not {"status", "id", "from"} & said.keys()
    assert said["node"] == NODE
    assert said["Actor"]["Attributes"]["node.name"] == "dockerhost01"


def test_network_events_have_no_older_fields_but_their_node() -> None:
    message = {"Type": "network", "Action": "connect", "Actor": {"ID": "n1"}, "timeNano": 5}
    said = orjson.loads(event_from_message(message, ENGINE).encode((1, 40)))
    assert "status" not in said
    assert said["from"] == "node:dockerhost01"


def test_one_line_is_made_once_for_each_flavour() -> None:
    made = event_from_message(OLD, ENGINE)
    assert made.encode((1, 24)) is made.encode((1, 51))
    assert made.encode((1, 52)) is made.encode((1, 60))


@pytest.mark.parametrize(
    ("changes", "nano"),
    [
        pytest.param({}, NANO, id="nanoseconds"),
        pytest.param({"timeNano": None}, 1_700_000_000 * 10**9, id="seconds"),
        pytest.param({"timeNano": None, "time": "x"}, 0, id="neither"),
    ],
)
def test_time(changes: dict[str, Any], nano: int) -> None:
    assert event_from_message({**OLD, **changes}, ENGINE).time_nano == nano


@pytest.mark.parametrize("skew_s", [-3600.5, 8.25])
def test_time_is_told_by_this_machines_clock(skew_s: float) -> None:
    engine = replace(ENGINE, clock_skew_s=skew_s)
    made = event_from_message(OLD, engine)
    ours = NANO + int(skew_s * 10**9)
    assert (made.time_nano, made.stamp) == (ours, NANO)
    said = orjson.loads(made.encode((1, 40)))
    assert (said["time"], said["timeNano"]) == (ours // 10**9, ours)


def test_an_event_is_the_same_whenever_its_engines_clock_was_read() -> None:
    first, second = (
        event_from_message(OLD, replace(ENGINE, clock_skew_s=skew_s)) for skew_s in (8.0, 8.001)
    )
    assert first.time_nano != second.time_nano
    assert not Deduplicator([first]).is_new(second)


def test_own_events_have_this_machines_time_anyway() -> None:
    made = engine_event("engine_connect", replace(ENGINE, clock_skew_s=60.0), 5.0)
    assert made.time_nano == 5 * 10**9


@pytest.mark.parametrize("action", ["engine_connect", "engine_disconnect", "engine_reconnect"])
def test_own_events(action: str) -> None:
    made = engine_event(action, ENGINE, 1_700_000_000.5)
    assert orjson.loads(made.encode((1, 40))) == {
        "status": action,
        "from": "swarm node:dockerhost01",
        "Type": "swarm",
        "Action": action,
        "Actor": {"ID": ENGINE.id, "Attributes": {"name": "dockerhost01", **ATTRIBUTES}},
        "scope": "swarm",
        "time": 1_700_000_000,
        "timeNano": 1_700_000_000_500_000_000,
        "node": NODE,
    }


SCALARS = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.sampled_from(["", "a"])
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["ID", "x"]), inner)
    ),
    max_leaves=4,
)


@given(
    st.dictionaries(
        st.sampled_from([*sorted(OLD), "node"]),
        ANYTHING | st.fixed_dictionaries({"ID": ANYTHING, "Attributes": ANYTHING}),
    )
)
def test_strange_messages_pass_and_never_raise(message: dict[str, Any]) -> None:
    made = event_from_message(message, ENGINE)
    assert isinstance(hash(made.key), int)
    for version in ((1, 40), (1, 52)):
        assert orjson.loads(made.encode(version))["node"] == NODE


# The broker


async def test_what_is_published_in_one_turn_comes_in_one_batch() -> None:
    broker = EventBroker()
    events = [event(n) for n in range(3)]

    async def publish() -> None:
        for each in events:
            broker.publish(each)

    async with broker.subscribe() as subscription:
        publisher = asyncio.create_task(publish())
        assert await anext(subscription) == events
        await publisher


async def test_nothing_published_after_subscribing_is_missed() -> None:
    broker = EventBroker()
    async with broker.subscribe() as subscription:
        broker.publish(event(1))
        await asyncio.sleep(0)
        broker.publish(event(2))
        assert await anext(subscription) == [event(1), event(2)]


async def test_a_subscriber_gets_only_what_it_wants() -> None:
    broker = EventBroker()
    async with broker.subscribe(lambda each: each.time_nano == 2) as subscription:
        for number in (1, 2, 3):
            broker.publish(event(number))
        assert await anext(subscription) == [event(2)]


async def test_a_slow_subscriber_is_cut_off_and_told_and_harms_nobody() -> None:
    broker = EventBroker(limit=2)
    async with broker.subscribe() as slow, broker.subscribe() as quick:
        seen = []
        for number in range(4):
            broker.publish(event(number))
            seen += await anext(quick)
        assert [each.time_nano for each in seen] == [0, 1, 2, 3]
        assert slow.was_cut_off
        assert broker.subscriber_count == 1
        assert await anext(slow) == [event(0), event(1)]
        with pytest.raises(SubscriberTooSlowError, match="more than 2 events behind"):
            await anext(slow)


async def test_leaving_ends_the_subscription() -> None:
    broker = EventBroker()
    async with broker.subscribe():
        assert broker.subscriber_count == 1
    assert broker.subscriber_count == 0
    broker.publish(event(1))


async def test_a_cancelled_subscriber_loses_nothing_gathered() -> None:
    broker = EventBroker()
    async with broker.subscribe() as subscription:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await anext(subscription)
        broker.publish(event(1))
        assert await anext(subscription) == [event(1)]


async def test_closing_the_broker_ends_every_iteration_after_the_rest() -> None:
    broker = EventBroker()
    subscription = broker.subscribe()
    broker.publish(event(1))
    broker.close()
    assert [batch async for batch in subscription] == [[event(1)]]


async def test_closing_wakes_one_that_waits() -> None:
    broker = EventBroker()
    subscription = broker.subscribe()
    waiting = asyncio.ensure_future(anext(subscription, None))
    await asyncio.sleep(0)
    broker.close()
    assert await waiting is None


def test_the_clusters_own_events_are_remembered() -> None:
    broker = EventBroker()
    broker.publish(event(1))
    own = [engine_event("engine_connect", ENGINE, float(second)) for second in range(300)]
    for each in own:
        broker.publish(each)
    assert broker.own_past() == own[-256:]


def test_the_newest_that_an_engine_told_of_is_known_by_its_own_clock() -> None:
    broker = EventBroker()
    assert broker.newest_stamp(ENGINE.address) == 0
    behind = replace(ENGINE, clock_skew_s=60.0)
    for nano in (NANO, NANO - 5):
        broker.publish(event_from_message({**OLD, "timeNano": nano}, behind))
    broker.publish(engine_event("engine_connect", behind, 4_000_000_000.0))
    assert broker.newest_stamp(ENGINE.address) == NANO


# Past and live


@given(st.lists(st.lists(st.integers(0, 20), max_size=6).map(sorted), max_size=4))
def test_the_past_is_in_order_and_complete(times: list[list[int]]) -> None:
    parts = [
        [event(number, f"e{part}", nano) for number, nano in enumerate(nanos)]
        for part, nanos in enumerate(times)
    ]
    merged = merge_past(parts)
    assert [each.time_nano for each in merged] == sorted(nano for nanos in times for nano in nanos)
    for part, events in enumerate(parts):
        assert [each for each in merged if each.engine == f"e{part}"] == events


SECOND = 10**9


@given(st.integers(0, 8), st.integers(0, 8))
def test_an_event_in_past_and_live_comes_once(first_live: int, last_past: int) -> None:
    """One engine tells 8 events; the past ends somewhere, the live ones begin before its end."""
    story = [event(number, nano=number * SECOND // 2) for number in range(8)]
    past = story[:last_past]
    deduplicator = Deduplicator(past)
    live = [e for e in story[min(first_live, last_past) :] if deduplicator.is_new(e)]
    assert past + live == story


def test_two_places_changed_in_the_stream_still_come_once() -> None:
    past = [event(1, nano=1), event(2, nano=2)]
    deduplicator = Deduplicator(past)
    assert [deduplicator.is_new(e) for e in (event(3, nano=3), *reversed(past))] == [
        True,
        False,
        False,
    ]


def test_another_engines_equal_event_is_another() -> None:
    deduplicator = Deduplicator([event(1)])
    assert deduplicator.is_new(event(1, "e2"))
    assert not deduplicator.is_new(event(1))


def test_many_events_are_one_write() -> None:
    events = [event(1), event(2)]
    assert encode_all(events, (1, 52)) == b"".join(e.encode((1, 52)) for e in events)
    assert encode_all(events, (1, 52), b"-") == b"".join(b"-" + e.encode((1, 52)) for e in events)
