"""Connections of relayed requests: kept, let go, lost."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest
from relay_tools import ADDED, MB, asked_for, busy

from tests.fakes.client import Client, until
from tests.fakes.engine import WEB_ID, Call, FakeEngine
from tests.fakes.manager import RunningManager, running_engines, running_manager

pytestmark = pytest.mark.contract


# Kept-alive connections


def test_connections_to_the_engine_are_kept(
    client: Client, manager: RunningManager, engine: FakeEngine
) -> None:
    client.ask("GET", "/containers/web/top")
    before = engine.connection_count
    for _ in range(20):
        assert client.ask("GET", "/containers/web/json").status == 200
        assert client.ask("POST", "/containers/web/kill", b"").status == 204
    assert engine.connection_count - before <= 1  # the refresh after a kill may want one more


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
def test_a_get_over_a_stale_connection_is_asked_again(
    client: Client, engine: FakeEngine, reset: bool
) -> None:
    cut = 0

    async def once(call: Call) -> None:
        nonlocal cut
        if not cut:
            cut += 1
            call.cut(reset=reset)
        else:
            await call.json({"again": True})

    assert client.ask("GET", "/containers/web/top").status == 204
    engine.on("GET /containers/web/top", once)
    assert client.ask("GET", "/containers/web/top").json() == {"again": True}


def test_a_post_is_never_asked_again(client: Client, engine: FakeEngine) -> None:
    async def cut(call: Call) -> None:
        call.cut()

    assert client.ask("GET", "/containers/web/top").status == 204
    engine.on("POST /containers/web/kill", cut)
    assert client.ask("POST", "/containers/web/kill", b"").status == 500
    assert sum(asked.path.endswith("/kill") for asked in engine.asked) == 1


def test_unasked_bytes_end_a_kept_connection(client: Client, engine: FakeEngine) -> None:
    async def two(call: Call) -> None:
        await call.answer(200, b"one")
        await call.answer(200, b"two")

    engine.on("GET /containers/web/top", two)
    for _ in range(3):
        assert client.ask("GET", "/containers/web/top").body == b"one"


# Who lets go


@pytest.mark.parametrize("route", ["wait", "logs?follow=1"])
@pytest.mark.parametrize("how", ["close", "kill"])
@pytest.mark.parametrize("begun", [False, True], ids=["no-answer-yet", "answer-begun"])
def test_a_client_that_leaves_cancels_the_engines_request(
    manager: RunningManager, client: Client, engine: FakeEngine, route: str, how: str, begun: bool
) -> None:
    left = threading.Event()

    async def endless(call: Call) -> None:
        if begun:
            await call.chunked([b"{}"], end=False)
        call.body_read = True
        try:
            while await call.reader.read(65536):
                pass
        finally:
            left.set()

    engine.on("(GET|POST) /containers/web/(wait|logs).*", endless)
    with manager.connect() as other:
        other.request("POST" if route == "wait" else "GET", f"/containers/web/{route}")
        if begun:
            assert other.head()[0] == 200
        else:
            asked_for(engine, route.partition("?")[0])
        (other.kill if how == "kill" else other.sock.close)()
    assert left.wait(1.8)
    until(lambda: busy(manager, engine) == 0, "connections given back", 1.8)


def test_a_client_that_dies_while_it_waits_for_the_engine_to_read_is_noticed(
    manager: RunningManager, client: Client, engine: FakeEngine
) -> None:
    async def never_read(call: Call) -> None:
        call.reader._limit = 1  # not even into the fake's own buffer
        call.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(60)

    engine.on("PUT /containers/web/archive.*", never_read)
    with manager.connect() as other:
        other.request("PUT", "/containers/web/archive?path=/", None, f"Content-Length: {900 * MB}")
        other.flood()
        assert busy(manager, engine) == 1
        other.kill()
    until(lambda: busy(manager, engine) == 0, "the engine's request dropped", 5.0)


# Engines that fail


def test_a_hung_engines_requests_fail_when_it_becomes_unhealthy_and_it_comes_back() -> None:
    good, bad = FakeEngine("good"), FakeEngine("bad")
    good.add_container(WEB_ID, "here")
    bad.add_container(ADDED, "there")
    with running_engines(good, bad) as engines, running_manager(good, bad) as manager:
        engines.call(bad.hang)
        started = time.monotonic()
        with manager.connect(timeout_s=30) as stuck, manager.connect() as other:
            stuck.request("GET", "/containers/there/json")
            assert other.ask("GET", "/containers/here/json").status == 200
            answer = stuck.answer()
            assert answer.status == 500
            assert answer.message.startswith("node bad does not answer: ")
            assert time.monotonic() - started < 15
            refused = stuck.ask("GET", "/containers/there/json")
            assert refused.message == "Container there running on unhealthy node bad"
            engines.call(bad.wake)
            until(lambda: stuck.ask("GET", "/containers/there/json").status == 200, "back", 15)


def test_a_restarted_engine_is_used_again() -> None:
    engine = FakeEngine()
    engine.add_container(WEB_ID, "web")
    with (
        running_engines(engine) as engines,
        running_manager(engine) as manager,
        manager.connect() as client,
    ):
        assert client.ask("GET", "/containers/web/json").status == 200
        engines.run(engine.restart())
        until(lambda: client.ask("GET", "/containers/web/json").status == 200, "back", 5)


def test_an_engine_behind_a_unix_socket(tmp_path: Path) -> None:
    engine = FakeEngine(unix_path=str(tmp_path / "docker.sock"))
    engine.add_container(WEB_ID, "web")
    with running_engines(engine), running_manager(engine) as manager, manager.connect() as client:
        assert client.ask("GET", "/containers/web/json").json()["Id"] == WEB_ID


def test_a_manager_behind_a_unix_socket(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.add_container(WEB_ID, "web")
    path = str(tmp_path / "swarm.sock")
    with (
        running_engines(engine),
        running_manager(engine, unix_path=path) as manager,
        manager.connect() as client,
    ):
        assert client.ask("GET", "/_ping").status == 200
        assert client.ask("GET", "/containers/web/json").json()["Id"] == WEB_ID
