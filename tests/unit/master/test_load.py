"""``docker load`` on several engines: what is left when somebody leaves in its middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from master.cluster.model import Engine, Health
from master.operations import load as load_module
from master.operations.load import LoadCall, Loader
from master.operations.spool import Spool


class Client:
    """An engine that begins to answer at once, and reads on."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    @asynccontextmanager
    async def stream(self, *_: Any, content: AsyncIterator[bytes], **__: Any) -> Any:
        reading = asyncio.create_task(self._read(content))
        try:
            yield self._lines()
        finally:
            self._fleet.left_open.append(self._fleet.keeps_the_body)
            reading.cancel()

    @staticmethod
    async def _read(content: AsyncIterator[bytes]) -> None:
        async for _ in content:
            pass

    @staticmethod
    async def _lines() -> AsyncIterator[bytes]:
        while True:
            yield b'{"status":"Loading"}\n'
            await asyncio.sleep(0.01)


class Fleet:
    """Two engines; what each of them found when it was ended."""

    def __init__(self) -> None:
        self.spools: list[Spool] = []
        self.left_open: list[bool] = []

    def spool(self) -> Spool:
        self.spools.append(Spool())
        return self.spools[-1]

    @property
    def keeps_the_body(self) -> bool:
        (spool,) = self.spools
        return not spool._file.closed

    def healthy_engines(self) -> list[Engine]:
        names = ("node-1", "node-2")
        return [Engine(address=name, name=name, health=Health.HEALTHY) for name in names]

    def any_healthy(self) -> Engine:
        return self.healthy_engines()[0]

    def client(self, _: str) -> Client:
        return Client(self)

    def touch_images(self, _: str) -> None:
        pass


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    fleet = Fleet()
    monkeypatch.setattr(load_module, "Spool", fleet.spool)
    return fleet


def loader(fleet: Any) -> Loader:
    images: Any = None
    return Loader(fleet, images, "all")


async def body(*, gate: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    yield b"x" * (1 << 20)
    if gate is not None:
        await gate.wait()


async def test_a_body_is_kept_until_no_engine_reads_it_any_more(fleet: Fleet) -> None:
    before = asyncio.all_tasks()
    lines = await loader(fleet).load(LoadCall(body(), (), (1, 41)))
    assert await anext(lines)
    await lines.aclose()  # type: ignore[attr-defined]
    assert fleet.left_open == [True, True]
    assert not fleet.keeps_the_body
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


async def test_who_leaves_while_the_body_comes_leaves_nothing(fleet: Fleet) -> None:
    before = asyncio.all_tasks()
    call = LoadCall(body(gate=asyncio.Event()), (), (1, 41))
    loading = asyncio.create_task(loader(fleet).load(call))
    await asyncio.sleep(0.1)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert fleet.left_open == [True, True]
    assert not fleet.keeps_the_body
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before
