"""Image follow: each copy once, one at a time between two engines, and whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.errors import EngineError, EngineStatusError, EngineTimeoutError, EngineUnreachableError
from master.cluster.model import Engine, Health, Image
from master.cluster.state import ClusterState
from master.operations import image_copy
from master.operations.image_copy import ImageCopier

APP = "sha256:" + "a" * 64
NEWER = "sha256:" + "b" * 64
SOURCE, TARGET = "10.0.0.1:2375", "10.0.0.2:2375"


class Client:
    """An engine that saves *pieces* and keeps what is loaded."""

    def __init__(self) -> None:
        self.pieces: list[bytes | Exception] = [b"one", b"two"]
        self.gate = asyncio.Event()
        self.gate.set()
        self.refusal = b""
        self.loaded: list[bytes] = []
        self.saving = self.most_saving = self.saves = 0

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        content: AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        if content is None:
            assert (method, path) == ("GET", "/images/app:1/get")
            self.saves += 1
            yield self._saved()
        else:
            assert (method, path) == ("POST", "/images/load")
            self.loaded.append(b"".join([piece async for piece in content]))
            yield self._answer()

    async def _saved(self) -> AsyncIterator[bytes]:
        self.saving += 1
        self.most_saving = max(self.saving, self.most_saving)
        try:
            for piece in self.pieces:
                await self.gate.wait()
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.saving -= 1

    async def _answer(self) -> AsyncIterator[bytes]:
        yield self.refusal or b'{"stream":"Loaded image: app:1\\n"}\n'


class Fleet:
    """Two engines, the first of which has the image."""

    def __init__(self) -> None:
        self.state = ClusterState()
        self.clients = {SOURCE: Client(), TARGET: Client()}
        self.touched: list[str] = []
        for address in self.clients:
            self.state.put_engine(
                Engine(address=address, id=address, name=address, health=Health.HEALTHY)
            )
        self.state.replace_images(
            SOURCE, [Image(id=APP, engine=SOURCE, tags=("app:1",), digests=(), row={"Id": APP})]
        )

    def client(self, address: str) -> Client:
        return self.clients[address]

    def touch_images(self, address: str) -> None:
        self.touched.append(address)


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def copier(fleet: Fleet) -> ImageCopier:
    return ImageCopier(fleet)  # type: ignore[arg-type]


def engine(fleet: Fleet, address: str) -> Engine:
    found = fleet.state.engine(address)
    assert found is not None
    return found


async def copy(fleet: Fleet, copier: ImageCopier) -> None:
    await copier.copy("app:1", APP, engine(fleet, SOURCE), engine(fleet, TARGET))


async def test_what_is_saved_is_loaded(fleet: Fleet, copier: ImageCopier) -> None:
    assert await copier.bring("app:1", engine(fleet, TARGET))
    assert fleet.clients[TARGET].loaded == [b"onetwo"]
    assert fleet.touched == [TARGET]


async def test_nobody_else_has_it(fleet: Fleet, copier: ImageCopier) -> None:
    assert not await copier.bring("other", engine(fleet, TARGET))
    assert not await copier.bring("app:1", engine(fleet, SOURCE))
    assert not await copier.bring("app@sha256:" + "d" * 64, engine(fleet, TARGET))
    assert fleet.clients[SOURCE].saves == 0


async def test_twenty_who_want_it_share_one_copy(fleet: Fleet, copier: ImageCopier) -> None:
    await asyncio.gather(*(copy(fleet, copier) for _ in range(20)))
    assert fleet.clients[SOURCE].saves == 1
    await copy(fleet, copier)  # what was asked for later is done again
    assert fleet.clients[SOURCE].saves == 2


async def test_who_wants_the_tags_new_image_does_not_get_the_old_one(
    fleet: Fleet, copier: ImageCopier
) -> None:
    """The tag is given to another image while the first one is on its way."""
    source, target = fleet.clients[SOURCE], fleet.clients[TARGET]
    source.gate.clear()
    older = asyncio.create_task(copy(fleet, copier))
    await asyncio.sleep(0.01)
    other = Client()
    other.pieces = [b"new"]
    third = "10.0.0.3:2375"
    fleet.clients[third] = other
    maker = Engine(address=third, id=third, name=third, health=Health.HEALTHY)
    newer = asyncio.create_task(copier.copy("app:1", NEWER, maker, engine(fleet, TARGET)))
    await asyncio.sleep(0.01)
    assert not newer.done()
    source.gate.set()
    await asyncio.gather(older, newer)
    assert target.loaded == [b"onetwo", b"new"]  # the name is the newer one's


async def test_who_may_go_when_is_forgotten(fleet: Fleet, copier: ImageCopier) -> None:
    await asyncio.gather(*(copy(fleet, copier) for _ in range(3)))
    await asyncio.sleep(0)
    assert not copier._jobs
    assert not dict(copier._turns)


async def test_one_at_a_time_between_two_engines(fleet: Fleet, copier: ImageCopier) -> None:
    source, target = engine(fleet, SOURCE), engine(fleet, TARGET)
    for client in fleet.clients.values():
        client.stream = _any_image(client)  # type: ignore[method-assign]
    await asyncio.gather(*(copier.copy(f"app:{n}", APP, source, target) for n in range(5)))
    assert (fleet.clients[SOURCE].saves, fleet.clients[SOURCE].most_saving) == (5, 1)


def _any_image(client: Client) -> Any:
    @asynccontextmanager
    async def stream(_: str, path: str, *__: Any, **options: Any) -> AsyncIterator[Any]:
        content = options.get("content")
        if content is None:
            client.saves += 1
            yield client._saved()
        else:
            client.loaded.append(b"".join([piece async for piece in content]))
            await asyncio.sleep(0)
            yield client._answer()

    return stream


async def test_one_who_leaves_does_not_end_it_for_others(fleet: Fleet, copier: ImageCopier) -> None:
    fleet.clients[SOURCE].gate.clear()
    leaving, staying = (asyncio.create_task(copy(fleet, copier)) for _ in range(2))
    await asyncio.sleep(0.01)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    fleet.clients[SOURCE].gate.set()
    await staying
    assert fleet.clients[TARGET].loaded == [b"onetwo"]


async def test_the_last_one_who_leaves_ends_it(fleet: Fleet, copier: ImageCopier) -> None:
    before = asyncio.all_tasks()
    fleet.clients[SOURCE].gate.clear()
    only = asyncio.create_task(copy(fleet, copier))
    await asyncio.sleep(0.01)
    only.cancel()
    with pytest.raises(asyncio.CancelledError):
        await only
    await asyncio.sleep(0.01)
    assert fleet.clients[SOURCE].saving == 0
    assert asyncio.all_tasks() == before
    fleet.clients[SOURCE].gate.set()
    await copy(fleet, copier)  # and the next one begins anew
    assert fleet.clients[TARGET].loaded == [b"onetwo"]


async def test_a_source_that_is_lost(fleet: Fleet, copier: ImageCopier) -> None:
    fleet.clients[SOURCE].pieces = [b"one", EngineUnreachableError(SOURCE, "gone")]
    with pytest.raises(EngineUnreachableError, match="gone"):
        await copy(fleet, copier)
    assert fleet.clients[TARGET].loaded == []
    assert fleet.touched == []
    with pytest.raises(EngineError, match=r"^no copy from \S+: gone$"):
        await copier.bring("app:1", engine(fleet, TARGET))


async def test_a_source_that_stops_sending(
    fleet: Fleet, copier: ImageCopier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_copy, "_STALL_LIMIT_S", 0.01)
    fleet.clients[SOURCE].gate.clear()
    with pytest.raises(EngineTimeoutError, match="stopped sending"):
        await copy(fleet, copier)


async def test_a_target_that_refuses(fleet: Fleet, copier: ImageCopier) -> None:
    fleet.clients[TARGET].refusal = b'{"error":"no space left on device"}\n'
    with pytest.raises(EngineStatusError, match="no space left"):
        await copy(fleet, copier)
    assert fleet.touched == []
