"""A body on disk: every reader gets all of it, or learns that it is not all."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from master.errors import ManagerError
from master.operations import spool as spool_module
from master.operations.spool import Spool, SpoolBrokenError

PIECES = [bytes([number]) * 70_000 for number in range(40)]


@pytest.fixture
def spool() -> Iterator[Spool]:
    made = Spool()
    yield made
    made.close()


async def body(*, gate: asyncio.Event | None = None, fail: bool = False) -> AsyncIterator[bytes]:
    for number, piece in enumerate(PIECES):
        if number == len(PIECES) // 2 and gate is not None:
            await gate.wait()
        yield piece
    if fail:
        raise ConnectionResetError("the client is gone")


async def whole(spool: Spool) -> bytes:
    return b"".join([piece async for piece in spool.read()])


async def test_readers_before_and_after(spool: Spool) -> None:
    early = [asyncio.create_task(whole(spool)) for _ in range(3)]
    await asyncio.sleep(0)
    await spool.fill(body())
    assert {await reader for reader in early} == {b"".join(PIECES)}
    assert await whole(spool) == b"".join(PIECES)


async def test_a_reader_does_not_wait_for_the_end(spool: Spool) -> None:
    gate = asyncio.Event()
    filling = asyncio.create_task(spool.fill(body(gate=gate)))
    pieces = spool.read()
    assert await anext(pieces)
    assert not filling.done()
    gate.set()
    await filling


async def test_empty(spool: Spool) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        for piece in (b"", b""):
            yield piece

    await spool.fill(nothing())
    assert await whole(spool) == b""


async def test_a_body_that_breaks_off_is_no_body(spool: Spool) -> None:
    reader = asyncio.create_task(whole(spool))
    with pytest.raises(ConnectionResetError, match="the client is gone"):
        await spool.fill(body(fail=True))
    with pytest.raises(SpoolBrokenError):
        await reader
    with pytest.raises(SpoolBrokenError):
        await whole(spool)


async def test_cancelled_while_it_waits_for_the_client(spool: Spool) -> None:
    filling = asyncio.create_task(spool.fill(body(gate=asyncio.Event())))
    await asyncio.sleep(0.05)
    filling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await filling
    with pytest.raises(SpoolBrokenError):
        await whole(spool)


@pytest.mark.parametrize("nowait", [0, 0xFFFF], ids=["no-such-flag", "not-on-this-file-system"])
async def test_what_is_not_in_memory_is_read_from_the_disk(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, nowait: int
) -> None:
    monkeypatch.setattr(spool_module, "_NOWAIT", nowait)
    reader = asyncio.create_task(whole(spool))
    await spool.fill(body())
    assert await reader == b"".join(PIECES)


async def test_what_is_being_written_is_not_read_yet(spool: Spool) -> None:
    """The disk may be full before all of it is there."""
    spool._append(b"known")
    spool._size = 5
    spool._append(b"not yet")
    pieces = spool.read()
    assert await anext(pieces) == b"known"
    late = asyncio.ensure_future(anext(pieces))
    await asyncio.sleep(0.01)
    assert not late.done()
    late.cancel()


async def test_readers_let_others_go_on(spool: Spool) -> None:
    await spool.fill(body())
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    pieces = [piece async for piece in spool.read()]
    assert turns >= len(pieces) > 5
    counting.cancel()


async def test_a_disk_that_loses_it_is_told(spool: Spool) -> None:
    await spool.fill(body())
    spool._file.truncate(1000)
    with pytest.raises(ManagerError, match="can't keep the body"):
        await whole(spool)


def test_no_place_for_it_is_told_with_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(
        ManagerError, match=r"No such file or directory \(its TMPDIR is .*nowhere\)"
    ):
        Spool()


async def test_a_full_disk_is_told(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, _: memoryview) -> int:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(spool, "_file", Full())
        with pytest.raises(ManagerError, match="can't keep the body: No space left on device"):
            await spool.fill(body())
