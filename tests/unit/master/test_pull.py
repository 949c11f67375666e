"""``docker pull`` on several engines: whatever each of them does, the stream ends, and tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from engine.errors import EngineStatusError
from master.cluster.model import Engine, Health
from master.operations.hints import PlacementHints
from master.operations.image_copy import ImageCopier
from master.operations.pull import PullCall, Puller

CALL = PullCall({"fromImage": "busybox", "tag": "latest"}, (1, 41), "client")


class Client:
    """An engine that answers a pull with *lines*, or refuses it."""

    def __init__(self, lines: int | None, delay_s: float) -> None:
        self.lines = lines
        self.delay_s = delay_s
        self.says = "no such image"
        self.is_open = False

    @asynccontextmanager
    async def stream(self, *_: Any, **__: Any) -> AsyncIterator[AsyncIterator[bytes]]:
        await asyncio.sleep(self.delay_s)
        if self.lines is None:
            raise EngineStatusError("x", 404, self.says)
        self.is_open = True
        try:
            yield self._pieces(self.lines)
        finally:
            self.is_open = False

    @staticmethod
    async def _pieces(lines: int) -> AsyncIterator[bytes]:
        for _ in range(lines):
            yield b'{"status":"Pulling","id":"layer"}\r\n'


class Fleet:
    """What a pull needs of the fleet."""

    def __init__(self, *clients: Client) -> None:
        self.clients = {f"10.0.0.{number}:2375": one for number, one in enumerate(clients, 1)}

    def healthy_engines(self) -> list[Engine]:
        return [
            Engine(address=address, name=f"node-{number}", health=Health.HEALTHY)
            for number, address in enumerate(self.clients, 1)
        ]

    def client(self, address: str) -> Client:
        return self.clients[address]

    def touch_images(self, address: str) -> None:
        pass


def puller(*clients: Client) -> Puller:
    fleet: Any = Fleet(*clients)
    return Puller(fleet, ImageCopier(fleet), PlacementHints(), "all")


async def read(stream: AsyncIterator[bytes]) -> list[dict[str, Any]]:
    async with asyncio.timeout(2):
        return [orjson.loads(piece) async for piece in stream]


@pytest.mark.parametrize("delay_s", [0.0, 0.02], ids=["refused-first", "refused-last"])
async def test_one_engine_refuses(delay_s: float) -> None:
    lines = await read(await puller(Client(None, delay_s), Client(2, 0.01)).pull(CALL))
    assert [line.get("id") for line in lines[:2]] == ["node-2:layer", "node-2:layer"]
    assert lines[2]["error"] == "node-1: no such image"


async def test_all_refuse_with_the_engines_own_status() -> None:
    with pytest.raises(EngineStatusError) as caught:
        await puller(Client(None, 0.0), Client(None, 0.01)).pull(CALL)
    assert caught.value.status == 404


async def test_of_all_refusals_the_first_by_name_is_told_whoever_is_quicker() -> None:
    first, second = Client(None, 0.02), Client(None, 0.0)
    first.says, second.says = "repository name must be lowercase", "must be lowercase"
    with pytest.raises(EngineStatusError, match="repository name must be lowercase"):
        await puller(first, second).pull(CALL)


async def test_a_pull_after_a_refused_one_is_for_every_engine() -> None:
    first, second = Client(None, 0.0), Client(1, 0.0)
    fleet: Any = Fleet(first, second)
    hints = PlacementHints()
    one = Puller(fleet, ImageCopier(fleet), hints, "placeable")
    hints.remember(CALL.client, "busybox", "10.0.0.1:2375")
    assert [engine.name for engine in one.targets(CALL)] == ["node-1"]
    with pytest.raises(EngineStatusError):
        await one.pull(CALL)
    assert [engine.name for engine in one.targets(CALL)] == ["node-1", "node-2"]


async def test_a_reader_who_leaves_ends_every_pull() -> None:
    clients = [Client(10_000, 0.0), Client(10_000, 0.0)]
    before = asyncio.all_tasks()
    stream = await puller(*clients).pull(CALL)
    assert await anext(stream)
    await asyncio.sleep(0.01)  # both queues are full now
    await stream.aclose()  # type: ignore[attr-defined]
    await asyncio.sleep(0.01)
    assert not any(client.is_open for client in clients)
    assert asyncio.all_tasks() == before
