"""``GET /events`` over engines whose clocks differ, for clients that are slow, leave or choose."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest

from master.cluster.events.broker import engine_event
from tests.fakes.client import Client, until
from tests.fakes.engine import WEB_ID, Call, FakeEngine
from tests.fakes.loop import LoopThread
from tests.fakes.manager import RunningManager, running_engines, running_manager

pytestmark = pytest.mark.contract

NANO = 10**9
CONTAINERS = "filters=%7B%22type%22%3A%5B%22container%22%5D%7D"
"""``type=container``: without the cluster's own events."""


class EngineWithMemory(FakeEngine):
    """Its clock is *ahead* of ours; it remembers events, and takes times as an engine does."""

    def __init__(self, ahead_s: float = 0.0, **fields: Any) -> None:
        super().__init__(**fields)
        self.ahead_s = ahead_s
        self.past: list[dict[str, Any]] = []
        self.on("GET /info", self._tell_time)
        self.on(r"GET /events\?.*until=.*", self._remember)

    def now(self) -> float:
        return time.time() + self.ahead_s

    def happened(self, action: str, ago_s: float) -> dict[str, Any]:
        """An event, stamped by this engine's clock; it is remembered, and nobody is told."""
        stamp = int((self.now() - ago_s) * NANO)
        event = {
            "Type": "container",
            "Action": action,
            "Actor": {"ID": WEB_ID, "Attributes": {"name": "web"}},
            "time": stamp // NANO,
            "timeNano": stamp,
        }
        self.past.append(event)
        return event

    async def _tell_time(self, call: Call) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.now()))
        fraction = f"{self.now() % 1:.9f}"[1:]
        await call.json({**self._info(), "SystemTime": f"{moment}{fraction}Z"})

    async def _remember(self, call: Call) -> None:
        query = parse_qs(call.asked.target.partition("?")[2])
        since, until_ = (int(query[key][0].replace(".", "")) for key in ("since", "until"))
        await call.chunked(
            [
                json.dumps(event).encode() + b"\n"
                for event in self.past
                if since <= event["timeNano"] <= until_
            ],
            end=False,
        )
        await asyncio.sleep(max(0.0, until_ / NANO - self.now()))
        await call.send(b"0\r\n\r\n")


@contextmanager
def cluster(*engines: FakeEngine) -> Iterator[tuple[RunningManager, LoopThread]]:
    with running_engines(*engines) as thread, running_manager(*engines) as manager:
        yield manager, thread


def ask(manager: RunningManager, query: str, within_s: float = 3.0) -> list[dict[str, Any]]:
    """The events of a stream that ends, which must be soon."""
    started = time.monotonic()
    with manager.connect() as client:
        answer = client.ask("GET", f"/events?{query}&{CONTAINERS}")
    assert answer.status == 200
    assert answer.whole
    assert time.monotonic() - started < within_s
    return [json.loads(line) for line in answer.body.splitlines()]


def actions(events: list[dict[str, Any]]) -> list[str]:
    return [event["Action"] for event in events]


# Clocks


@pytest.mark.parametrize("ahead_s", [-3600.0, -8.0, 0.0, 8.0, 3600.0])
def test_the_past_is_whole_whatever_an_engines_clock_says(ahead_s: float) -> None:
    engine = EngineWithMemory(ahead_s)
    with cluster(engine) as (manager, _):
        for action, ago_s in (("old", 100), ("create", 8), ("start", 5), ("die", 0.5)):
            engine.happened(action, ago_s)
        assert actions(ask(manager, f"since={time.time() - 10}&until={time.time()}")) == [
            "create",
            "start",
            "die",
        ]
        assert actions(ask(manager, f"since=0&until={time.time() - 6}")) == ["old", "create"]


@pytest.mark.parametrize("ahead_s", [-3600.0, -8.0, -1.5, 0.0, 1.5, 8.0])
def test_what_was_heard_is_past_at_once_for_who_listens_on(ahead_s: float) -> None:
    """A clock that is off by less than two seconds counts as right, and may still be wrong."""
    engine = EngineWithMemory(ahead_s)
    with cluster(engine) as (manager, thread), manager.connect() as client:
        heard = engine.happened("heard", 0.5)
        thread.run(engine.emit(heard))
        until(lambda: _newest(manager, engine) == heard["timeNano"], "it is heard")
        started = time.monotonic()
        client.request("GET", f"/events?since={time.time() - 5}&{CONTAINERS}")
        assert client.head()[0] == 200
        assert _next(client)["Action"] == "heard"
        assert time.monotonic() - started < 1
        thread.run(engine.emit(heard))
        thread.run(engine.emit(engine.happened("new", 0)))
        assert _next(client)["Action"] == "new"


def _newest(manager: RunningManager, engine: FakeEngine) -> int:
    return int(manager.thread.call(manager.fleet.broker.newest_stamp, engine.address))


def _next(client: Client) -> dict[str, Any]:
    size = int(client.line(), 16)
    data = client.exactly(size)
    assert client.line() == b"\r\n"
    event: dict[str, Any] = json.loads(data)
    return event


def test_engines_whose_clocks_differ_tell_one_story() -> None:
    slow, quick = EngineWithMemory(-3600), EngineWithMemory(3600, name="dockerhost02")
    with cluster(slow, quick) as (manager, _):
        for number in range(6):
            (slow, quick)[number % 2].happened(str(number), 6 - number)
        events = ask(manager, f"since={time.time() - 10}&until={time.time()}")
    assert actions(events) == ["0", "1", "2", "3", "4", "5"]
    times = [event["timeNano"] / NANO for event in events]
    assert times == sorted(times)
    assert all(abs(moment - time.time()) < 10 for moment in times)
    assert all(event["time"] == event["timeNano"] // NANO for event in events)


def test_where_a_stream_was_left_it_can_be_taken_up() -> None:
    engine = EngineWithMemory(-3600)
    with cluster(engine) as (manager, _):
        for number in range(4):
            engine.happened(str(number), 4 - number)
        first = ask(manager, f"since={time.time() - 10}&until={time.time()}")
        left = first[1]["timeNano"] + 1
        since = f"{left // NANO}.{left % NANO:09d}"
        assert actions(ask(manager, f"since={since}&until={time.time()}")) == ["2", "3"]


def test_an_engine_that_does_not_end_its_past_keeps_nobody_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("master.operations.events._PAST_LIMIT_S", 2.0)
    engine = EngineWithMemory()
    event = engine.happened("start", 1)

    async def hang(call: Call) -> None:
        await call.chunked([json.dumps(event).encode() + b"\n"], end=False)
        await call.reader.read()

    engine.on(r"GET /events\?.*until=.*", hang)
    with cluster(engine) as (manager, _):
        assert actions(ask(manager, f"since=0&until={time.time()}", within_s=15)) == ["start"]


# The end


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_client_that_is_not_reading_at_the_deadline_gets_a_whole_answer(version: str) -> None:
    engine = EngineWithMemory()
    with cluster(engine) as (manager, thread), manager.connect(receive_buffer=4096) as client:
        deadline = time.time() + 3.0
        client.request("GET", f"/events?until={deadline}&{CONTAINERS}", version=version)
        assert client.head()[0] == 200
        for number in range(40):
            event = {"Type": "container", "Action": "x" * 200_000, "time": int(time.time())}
            thread.run(engine.emit({**event, "timeNano": int(time.time() * NANO) + number}))
        time.sleep(max(0.0, deadline - time.time()) + 0.3)
        if version == "1.1":
            body, whole = client._chunks()
            assert whole
        else:
            body = client.rest()
        assert len(body.splitlines()) == 40
        assert body.endswith(b"}\n")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_stream_that_lacks_events_is_seen_broken(version: str) -> None:
    engine = EngineWithMemory()
    with cluster(engine) as (manager, _), manager.connect() as client:
        broker = manager.fleet.broker
        manager.thread.call(setattr, broker, "_limit", 2)
        client.request("GET", "/events", version=version)
        assert client.head()[0] == 200
        found = manager.thread.call(manager.fleet.state.engine, engine.address)

        def more_than_it_may_be_behind() -> None:
            for number in range(4):
                broker.publish(engine_event(f"engine_{number}", found, float(number)))

        manager.thread.call(more_than_it_may_be_behind)
        if version == "1.1":
            assert not client._chunks()[1]
        else:
            with pytest.raises(ConnectionResetError):
                client.rest()


def test_who_leaves_before_the_stream_begins_is_not_counted(
    engines: LoopThread, client: Client, manager: RunningManager, engine: FakeEngine
) -> None:
    broker = manager.fleet.broker
    for _ in range(50):
        with manager.connect() as leaving:
            leaving.send(b"GET /events?filters=%7B%22type%22%3A%5B%22no%22%5D%7D HTTP/1.1\r\n\r\n")
            leaving.kill()
    connections = manager.runtime.server.server_state.connections
    until(lambda: manager.thread.call(lambda: len(connections)) == 1, "they are gone")
    until(lambda: manager.thread.call(lambda: broker.subscriber_count) == 0, "nobody listens")
    assert client.ask("GET", "/info").json()["NEventsListener"] == 0


# In which form


@pytest.fixture
def modern() -> Iterator[RunningManager]:
    engine = EngineWithMemory(newest="1.56")
    for number in range(3):
        engine.happened(str(number), 10)
    with cluster(engine) as (manager, _):
        yield manager


@pytest.mark.parametrize("version", ["1.51", "1.52", "1.53", ""])
@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        pytest.param((), "application/json", id="nothing"),
        pytest.param(("application/json",), "application/json", id="json"),
        pytest.param(("application/x-ndjson",), "application/x-ndjson", id="ndjson"),
        pytest.param(("application/json-seq",), "application/json-seq", id="sequence"),
        pytest.param(
            ("application/json-seq", "application/x-ndjson"), "application/x-ndjson", id="cli-29"
        ),
    ],
)
def test_newer_clients_choose_the_form(
    modern: RunningManager, accept: tuple[str, ...], kind: str, version: str
) -> None:
    if version == "1.51":
        kind = "application/json"
    prefix = f"/v{version}" if version else ""
    with modern.connect() as client:
        answer = client.ask(
            "GET",
            f"{prefix}/events?since=0&until={time.time()}&{CONTAINERS}",
            None,
            *(f"Accept: {each}" for each in accept),
        )
    assert answer.header("content-type") == kind
    lines = answer.body.splitlines(keepends=True)
    begins = b"\x1e{" if kind == "application/json-seq" else b"{"
    assert len(lines) >= 3
    assert all(line.startswith(begins) and line.endswith(b"}\n") for line in lines)
    assert actions([json.loads(line.lstrip(b"\x1e")) for line in lines]) == ["0", "1", "2"]


@pytest.mark.parametrize(("version", "told"), [("1.45", False), ("1.46", True)])
def test_older_clients_are_not_told_of_images_that_were_created(version: str, told: bool) -> None:
    engine = EngineWithMemory(newest="1.56")
    past = engine.happened("create", 5)
    past["Type"] = "image"
    with cluster(engine) as (manager, thread), manager.connect() as client:
        moment = time.time()
        image = "filters=%7B%22type%22%3A%5B%22image%22%5D%7D"
        client.request("GET", f"/v{version}/events?since={moment - 10}&until={moment + 1}&{image}")
        assert client.head()[0] == 200
        live = engine.happened("create", 0)
        live["Type"] = "image"
        thread.run(engine.emit(live))
        body, whole = client._chunks()
        assert whole
        assert len(body.splitlines()) == (2 if told else 0)
