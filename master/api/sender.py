"""A request's client: what it still sends, and whether it is still there.

Nobody tells a handler that its client has left: it would pull, build or copy on for no one, which
an engine does not. ASGI lets one reader at a time wait for what comes from a client, so both are
here.

A client that leaves and one that has only ended its half of the connection (``… | nc -N``) look the
same at first. An engine takes both for gone where something is done for this client alone, and
answers them everywhere else; so does this.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import orjson
from fastapi import Request
from starlette.requests import ClientDisconnect

from master.api.deps import input_ended

T = TypeVar("T")

CANCELED = "context canceled"
"""An engine's words to a client that has ended its half too early, and reads them."""
_BROKEN_OFF = orjson.dumps({"errorDetail": {"message": CANCELED}, "error": CANCELED}) + b"\r\n"


class Sender:
    """The client behind one request."""

    def __init__(
        self, request: Request, *, is_read: bool = True, patience_s: float | None = 0.0
    ) -> None:
        """What is known of it before.

        Args:
            request: its request.
            is_read: whether its body has been read, or is of no interest; else read `pieces`.
            patience_s: how long it counts as there when it has ended its half; None: until its
                connection is lost.
        """
        self._request = request
        self._input_ended = input_ended(request)
        self._patience_s = patience_s
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
        leaving = [asyncio.ensure_future(self._lost()), asyncio.ensure_future(self._given_up())]
        try:
            await asyncio.wait({working, *leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise ClientDisconnect
            return working.result()
        finally:
            for one in leaving:
                one.cancel()
            working.cancel()
            # It ends what it has begun before anything else goes on.
            await asyncio.gather(working, return_exceptions=True)

    async def until_it_leaves(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass *pieces* on, and drop them when the client has ended its half.

        That its connection is lost is for who sends the answer to notice.
        """
        leaving = asyncio.ensure_future(self._given_up())
        step: asyncio.Future[bytes] | None = None
        try:
            while True:
                step = asyncio.ensure_future(anext(pieces))
                await asyncio.wait({step, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if not step.done():
                    break
                try:
                    piece = step.result()
                except StopAsyncIteration:
                    return
                yield piece
        finally:
            leaving.cancel()
            if step is not None:
                step.cancel()
                await asyncio.gather(step, return_exceptions=True)
        yield _BROKEN_OFF

    async def _lost(self) -> None:
        """Wait until the connection is lost; while its body comes, the body's reader is told."""
        await self._is_read.wait()
        while (await self._request.receive())["type"] != "http.disconnect":
            pass

    async def _given_up(self) -> None:
        """Wait until it is taken to be gone, since it says nothing more."""
        await self._is_read.wait()
        # Not awaited itself: it is the connection's, and would be cancelled with this.
        await asyncio.wait({self._input_ended})
        if self._patience_s is None:
            await asyncio.get_running_loop().create_future()
        else:
            await asyncio.sleep(self._patience_s)
