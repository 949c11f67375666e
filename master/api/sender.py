"""A request's client: what it still sends, and whether it is still there.

Nobody tells a handler that its client has left: it would pull, build or copy on for no one, which
an engine does not. ASGI lets one reader at a time wait for what comes from a client, so both are
here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

T = TypeVar("T")


class Sender:
    """The client behind one request."""

    def __init__(self, request: Request, *, is_read: bool = True) -> None:
        """*is_read*: whether its body has been read, or is of no interest; else read `pieces`."""
        self._request = request
        self._is_read = asyncio.Event()
        if is_read:
            self._is_read.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            ClientDisconnect: it breaks off.
        """
        async for piece in self._request.stream():
            yield piece
        self._is_read.set()

    async def while_it_waits(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of *work*, which is cancelled when the client leaves.

        Raises:
            ClientDisconnect: it has left.
        """
        working = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(self._left())
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise ClientDisconnect
            return working.result()
        finally:
            leaving.cancel()
            working.cancel()
            # It ends what it has begun before anything else goes on.
            await asyncio.gather(working, return_exceptions=True)

    async def _left(self) -> None:
        """Wait until the client is gone; while its body comes, the body's reader is told."""
        await self._is_read.wait()
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
