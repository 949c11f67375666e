"""``docker create`` over a scripted engine: `master.operations.create`."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.fakes.client import Client
from tests.fakes.engine import WEB_ID, Call, FakeEngine

pytestmark = pytest.mark.contract


def test_a_port_that_an_engine_has_just_drawn_is_held(client: Client, engine: FakeEngine) -> None:
    """Its user has read it from the engine's inspect, before the manager has."""

    async def start(call: Call) -> None:
        place = {"HostIp": "0.0.0.0", "HostPort": "32768"}
        engine.containers[WEB_ID]["NetworkSettings"] = {"Ports": {"80/tcp": [place]}}
        await call.read_body()
        await call.answer(204)

    async def inspect_late(call: Call) -> None:
        await asyncio.sleep(0.2)
        await call.json(engine.containers[WEB_ID])

    engine.on("POST /containers/web/start", start)
    engine.on(f"GET /containers/{WEB_ID}/json.*", inspect_late)
    assert client.ask("POST", "/containers/web/start").status == 204
    wanted = {
        "Image": "busybox",
        "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "32768"}]}},
    }
    answer = client.ask("POST", "/containers/create", json.dumps(wanted).encode())
    assert answer.status == 500
    assert "port 32768/tcp is held by web" in answer.message
    assert not [asked for asked in engine.asked if asked.path.endswith("/containers/create")]


def test_a_name_is_taken_while_who_has_it_is_held(client: Client, engine: FakeEngine) -> None:
    """An engine inspects a container that it is busy with when it is done with that."""

    async def inspect_never(call: Call) -> None:
        await call.reader.read()

    engine.on(r"GET /containers/[^/]+/json.*", inspect_never)
    answer = client.ask("POST", "/containers/create?name=web", b'{"Image": "busybox"}')
    assert answer.status == 409
    assert "The name web is already assigned" in answer.message
