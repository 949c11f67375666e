"""Builds: the classic builder's call, and the way to stop one of BuildKit's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from common.http1 import HOP_BY_HOP
from master.api.deps import Client, Query, TheManager, Version
from master.operations.build import BuildCall

router = APIRouter(tags=["build"])

_NOT_PASSED = frozenset({name.decode("ascii") for name in HOP_BY_HOP} | {"host", "expect"})
_NOBODY = 499
"""The status of an answer that nobody reads: the client has left."""


@router.post("/build")
async def build(
    request: Request, manager: TheManager, version: Version, client: Client
) -> Response:
    """``POST /build``: on the engine that fits, or has built the like for this client before.

    Build arguments such as ``constraint:disk==ssd`` choose the engine and are taken out.
    """
    upload = _Upload(request)
    call = BuildCall(
        query=tuple(request.query_params.multi_items()),
        headers={k: v for k, v in request.headers.items() if k not in _NOT_PASSED},
        body=upload.pieces(),
        version=version,
        client=client,
    )
    starting = asyncio.ensure_future(manager.builder.build(call))
    leaving = asyncio.ensure_future(upload.client_left())
    try:
        # A quiet build answers only at its end: nobody else would notice that the client left.
        await asyncio.wait({starting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return Response(status_code=_NOBODY)
        return StreamingResponse(starting.result(), media_type="application/json")
    except ClientDisconnect:
        return Response(status_code=_NOBODY)
    finally:
        starting.cancel()
        leaving.cancel()


@router.post("/build/cancel")
async def cancel(manager: TheManager, query: Query, version: Version) -> Response:
    """``POST /build/cancel``: asked of the engine that builds it, or of all if none is known to."""
    await manager.builder.cancel(query.get("id", ""), version)
    return Response(status_code=200)


class _Upload:
    """A request's body, and whether its sender is still there."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._is_read = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        async for piece in self._request.stream():
            yield piece
        self._is_read.set()

    async def client_left(self) -> None:
        """Wait until the client is gone; before the body's end its reader is told."""
        await self._is_read.wait()
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
