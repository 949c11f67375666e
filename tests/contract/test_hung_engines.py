"""Engines that hang: a stopped daemon closes nothing, and its kernel goes on answering TCP.

Whoever waits for the end of what it has begun is told; what is only passed on waits for it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from random import Random
from typing import Any

import pytest

from master.cluster import health
from master.cluster.model import Engine, Health
from master.operations import patience
from tests.fakes.client import Client, until
from tests.fakes.engine import WEB_ID, Call, FakeEngine
from tests.fakes.loop import LoopThread
from tests.fakes.manager import RunningManager, running_manager

pytestmark = pytest.mark.contract

ROW = {"Id": "sha256:" + "a" * 64, "RepoTags": ["app:1"], "RepoDigests": [], "ParentId": ""}
LINE = b'{"status":"Downloading","progressDetail":{"current":1,"total":2},"id":"layer"}\r\n'
HERE = "constraint:node==dockerhost02"


@pytest.fixture(scope="module", autouse=True)
def _in_a_hurry() -> Iterator[None]:
    """What takes twenty-five seconds in earnest takes two."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(health, "PING_INTERVAL_S", 0.3)
        patched.setattr(health, "PING_DEADLINE_S", 0.4)
        patched.setattr(health, "PROBE_GAP_S", 0.1)
        patched.setattr(health, "STREAM_GRACE_S", 0.5)
        yield


@pytest.fixture(scope="module")
def fleet() -> list[FakeEngine]:
    """The first one has ``app:1``; each has a container called ``web`` or ``cache``."""
    fleet = [FakeEngine("dockerhost01", images=[ROW]), FakeEngine("dockerhost02")]
    fleet[0].add_container(WEB_ID, "web")
    fleet[1].add_container("d" * 64, "cache")
    return fleet


@pytest.fixture
def client(
    manager: RunningManager, fleet: list[FakeEngine], engines: LoopThread
) -> Iterator[Client]:
    for engine in fleet:
        engine.forget_scripts()
        engine.on("POST /(images/create|images/load|plugins/pull).*", done)
        engine.on("GET /images/.*/get", saved)
    fleet[1].on("POST /containers/create.*", lacks_image)
    with manager.connect() as client:
        yield client
    for engine in fleet:
        engines.call(engine.wake)
    manager.wait_healthy(*fleet)


async def done(call: Call) -> None:
    await call.read_body()
    await call.chunked([LINE, b'{"status":"all is well"}\r\n'])


async def saved(call: Call) -> None:
    await call.chunked([b"tar of app"])


async def lacks_image(call: Call) -> None:
    await call.answer(404, b'{"message":"No such image: app:1"}')


async def hangs(call: Call) -> None:
    """An engine that is stopped behind the first words of its answer."""
    if call.asked.method == "POST":
        await call.read_body()
    await call.chunked([LINE], end=False)
    call.engine.hang()
    await call.engine._awake.wait()
    call.cut()


def lines(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in body.splitlines()]


@pytest.mark.parametrize(
    "path", ["/images/create?fromImage=app&tag=2", "/images/load", "/plugins/pull?remote=x"]
)
def test_one_that_hangs_in_the_middle_is_told_of_when_the_others_are_done(
    client: Client, fleet: list[FakeEngine], path: str
) -> None:
    fleet[1].on("POST /(images/create|images/load|plugins/pull).*", hangs)
    answer = client.ask("POST", path, b"[]")
    assert (answer.status, answer.whole) == (200, True)
    *told, last = lines(answer.body)
    assert any(line["status"] == "all is well" for line in told)
    assert not any("error" in line for line in told)
    assert last["error"] == "dockerhost02: the engine did not answer in time"


def test_an_import_that_hangs_is_told(client: Client, fleet: list[FakeEngine]) -> None:
    for engine in fleet:
        engine.on("POST /images/create.*", hangs)
    answer = client.ask("POST", "/images/create?fromSrc=-", b"tar")
    assert (answer.status, answer.whole) == (200, True)
    last = lines(answer.body)[-1]["error"]
    assert last.startswith("dockerhost0")
    assert last.endswith(": the engine did not answer in time")


def test_a_build_that_hangs_is_told_as_one_that_failed(
    client: Client, fleet: list[FakeEngine]
) -> None:
    fleet[1].on("POST /build.*", hangs)
    arguments = json.dumps({"constraint:node": "=dockerhost02"}).replace('"', "%22")
    answer = client.ask("POST", f"/build?buildargs={arguments.replace(' ', '')}", b"tar")
    assert (answer.status, answer.whole) == (200, True)
    last = lines(answer.body)[-1]
    assert last["error"] == last["errorDetail"]["message"]
    assert last["error"].startswith("node dockerhost02 does not answer: ")


def create(client: Client, query: str = "") -> None:
    body = json.dumps({"Image": "app:1", "Env": [HERE]}).encode()
    client.request("POST", f"/containers/create{query}", body, "Content-Type: application/json")


@pytest.mark.parametrize("which", [0, 1], ids=["source", "target"])
def test_a_copy_that_hangs_does_not_hold_up_its_create(
    client: Client, fleet: list[FakeEngine], which: int
) -> None:
    fleet[which].on(["GET /images/.*/get", "POST /images/load.*"][which], hangs)
    fleet[1].on("POST /images/create.*", lacks_image)  # it is in no registry
    create(client)
    answer = client.answer()
    assert answer.status == 500
    assert answer.message.startswith("node dockerhost02 can't get the image: no copy from ")


def test_a_pull_that_hangs_does_not_hold_up_its_create(
    client: Client, fleet: list[FakeEngine]
) -> None:
    fleet[1].on("POST /images/create.*", hangs)
    create(client, "?platform=linux/amd64")
    answer = client.answer()
    assert answer.status == 500
    assert answer.message.startswith("node dockerhost02 can't get the image: ")


def test_what_still_speaks_goes_on_though_its_engine_answers_no_ping(
    client: Client, fleet: list[FakeEngine], manager: RunningManager
) -> None:
    async def busy(call: Call) -> None:
        await call.read_body()
        await call.chunked([LINE], end=False)
        call.engine.hang()
        for _ in range(40):
            await asyncio.sleep(0.1)
            await call.send(b"%x\r\n%s\r\n" % (len(LINE), LINE))
        await call.send(b"0\r\n\r\n")

    fleet[1].on("POST /images/create.*", busy)
    client.request("POST", "/images/create?fromImage=app&tag=2", b"")
    until(lambda: not manager._is_healthy(fleet[1].address), "it is taken to be lost")
    answer = client.answer()
    assert (answer.status, answer.whole) == (200, True)
    assert not any("error" in line for line in lines(answer.body))


def test_what_is_only_passed_on_waits_for_its_engine(
    client: Client, fleet: list[FakeEngine], manager: RunningManager, engines: LoopThread
) -> None:
    async def logs(call: Call) -> None:
        await call.chunked([b"one"], end=False)
        call.engine.hang()
        await call.engine._awake.wait()
        await call.send(b"3\r\ntwo\r\n0\r\n\r\n")

    fleet[1].on("GET /containers/.*/logs.*", logs)
    client.request("GET", "/containers/cache/logs?follow=1&stdout=1")
    until(lambda: not manager._is_healthy(fleet[1].address), "it is taken to be lost")
    silence = manager.fleet._keepers[fleet[1].address]._silence
    first = silence._timer
    until(lambda: silence._timer is not first, "the grace is over")
    engines.call(fleet[1].wake)
    answer = client.answer()
    assert (answer.body, answer.whole) == (b"onetwo", True)


def test_calls_that_wait_at_once_count_one_failure_and_cut_nothing(
    fleet: list[FakeEngine], engines: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that stalls for a moment has not failed three times in a row."""

    async def slow(call: Call) -> None:
        await call.read_body()
        call.engine.hang()
        await call.engine._awake.wait()
        await call.answer(204)

    monkeypatch.setattr(patience, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(patience, "_PROBE_DEADLINE_S", 0.5)
    for name, seconds in (("PING_INTERVAL_S", 3.0), ("PING_DEADLINE_S", 2.5)):
        monkeypatch.setattr(health, name, seconds)
    for engine in fleet:
        engine.forget_scripts()
    fleet[1].on("POST /containers/cache/stop.*", slow)
    with running_manager(*fleet) as manager, ExitStack() as stack:
        stopping, *creating = [stack.enter_context(manager.connect()) for _ in range(5)]
        stopping.request("POST", "/containers/cache/stop", b"")
        until(lambda: not fleet[1]._awake.is_set(), "it stalls")
        for client in creating:
            create(client)
        for client in creating:
            assert client.answer().status == 500  # given up, as before: another node is asked
        assert manager._is_healthy(fleet[1].address)
        engines.call(fleet[1].wake)
        assert stopping.answer().status == 204


@pytest.mark.usefixtures("engines")
def test_an_engine_that_is_lost_before_it_is_accepted_says_why(
    fleet: list[FakeEngine], caplog: pytest.LogCaptureFixture
) -> None:
    """Its containers are inspected when it is already half trusted."""

    async def cuts(call: Call) -> None:
        call.cut()

    def error() -> str:
        found = manager.thread.call(manager.fleet.state.engine, fleet[0].address)
        return "" if found is None or found.is_healthy else found.error

    fleet[0].on("GET /containers/.*/json", cuts)
    with running_manager(*fleet, healthy=False) as manager:
        manager.wait_healthy(fleet[1])
        until(lambda: bool(error()), "its error is shown")
        assert error() == "the engine closed the connection"
        fleet[0].forget_scripts()
        manager.wait_healthy(fleet[0])
    assert "it starts again" not in caplog.text


def test_one_that_is_back_and_hangs_at_once_is_noticed(
    fleet: list[FakeEngine], engines: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its event stream brings it back while the pause before the next ping is a long one."""
    engine = fleet[1]
    reckon = health.next_probe_s

    def seldom(engine: Engine, rng: Random, **quiet: float) -> float:
        is_ping = bool(quiet)
        is_lost = engine.health is Health.UNHEALTHY
        return 600.0 if is_ping and is_lost else reckon(engine, rng, **quiet)

    monkeypatch.setattr(health, "next_probe_s", seldom)
    engine.forget_scripts()
    with running_manager(*fleet) as manager:
        engines.run(engine.stop())
        until(lambda: not manager._is_healthy(engine.address), "it is lost")
        engines.run(engine.restart())
        manager.wait_healthy(engine)
        engines.call(engine.hang)
        try:
            until(lambda: not manager._is_healthy(engine.address), "it is lost again")
        finally:
            engines.call(engine.wake)
