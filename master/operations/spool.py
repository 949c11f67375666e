"""A request's body on disk: written once as it comes, read by several engines, each at its pace."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from master.errors import ManagerError

_WRITE_SIZE = 1 << 20
"""Bytes that are collected for one write."""
_READ_SIZE = 256 << 10
_NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)
"""Linux: read what is in memory, and don't wait for the disk."""


class SpoolBrokenError(Exception):
    """The body ended before its end: what was read of it is worth nothing."""


class Spool:
    """A file without a name, which is gone when it is closed, or when the manager is.

    `fill` it once; every `read` begins at its start, and waits for what is still to come. It lies
    where TMPDIR says, else in /tmp.
    """

    def __init__(self) -> None:
        """Make it.

        Raises:
            ManagerError: there is no place for it.
        """
        try:
            # It stays open longer than any block of code: `close` ends it.
            self._file = tempfile.TemporaryFile(prefix="swarm-", buffering=0)  # noqa: SIM115
        except OSError as exc:
            raise _unkept(exc) from exc
        self._size = 0
        self._is_complete = self._is_broken = False
        self._news = asyncio.Event()

    async def fill(self, pieces: AsyncIterator[bytes]) -> None:
        """Write *pieces* until they end.

        Raises:
            ManagerError: the disk is full.
        """
        try:
            async for batch in _batches(pieces):
                await _finish(asyncio.to_thread(self._append, batch))
                self._size += len(batch)
                self._tell()
            self._is_complete = True
        finally:
            self._is_broken = not self._is_complete
            self._tell()

    async def read(self) -> AsyncIterator[bytes]:
        """The body from its start, as far as it has come, and then as it comes.

        Raises:
            SpoolBrokenError: there won't be any more, and it is not complete.
        """
        offset = 0
        while True:
            while offset == self._size:
                if self._is_broken:
                    raise SpoolBrokenError("the body broke off")
                if self._is_complete:
                    return
                await self._news.wait()
            # Never more than is known of: a batch that is just being written may yet fail.
            size = min(_READ_SIZE, self._size - offset)
            piece = self._cached(offset, size) or await self._from_disk(offset, size)
            offset += len(piece)
            yield piece
            await asyncio.sleep(0)  # one that never waits must let the others go on

    def _cached(self, offset: int, size: int) -> bytes:
        """What is still in memory of what was written, as nearly all of it is; empty if nothing.

        A thread for each piece would cost more than the reading.
        """
        if not _NOWAIT:
            return b""
        piece = bytearray(size)
        try:
            got = os.preadv(self._file.fileno(), [piece], offset, _NOWAIT)
        except OSError:
            return b""  # it is on the disk only, or this file system can't tell
        return bytes(memoryview(piece)[:got])

    async def _from_disk(self, offset: int, size: int) -> bytes:
        """A piece from the disk.

        Raises:
            ManagerError: the disk is broken.
        """
        try:
            piece = await asyncio.to_thread(os.pread, self._file.fileno(), size, offset)
        except OSError as exc:
            raise _unkept(exc) from exc
        if not piece:
            raise ManagerError("the manager can't keep the body: the disk has lost some of it")
        return piece

    def close(self) -> None:
        """Give the disk back. Nobody may fill it any more."""
        self._file.close()

    def _append(self, batch: bytes) -> None:
        view = memoryview(batch)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as exc:
            raise _unkept(exc) from exc

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _unkept(error: OSError) -> ManagerError:
    folder = f" (its TMPDIR is {tempfile.tempdir})" if tempfile.tempdir else ""
    return ManagerError(f"the manager can't keep the body: {error.strerror or error}{folder}")


async def _batches(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    held: list[bytes] = []
    size = 0
    async for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _WRITE_SIZE:
            yield b"".join(held)
            held, size = [], 0
    if size:
        yield b"".join(held)


async def _finish(call: Coroutine[Any, Any, None]) -> None:
    """Wait for a call in a thread, even when cancelled: its file must not be closed under it."""
    running = asyncio.ensure_future(call)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
