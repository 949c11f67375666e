"""Builds: the classic builder's call, and the way to stop one of BuildKit's."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from common.http1 import HOP_BY_HOP
from master.api.answers import JSON
from master.api.deps import Client, Query, TheManager, Version
from master.api.sender import Sender
from master.operations.build import BuildCall

router = APIRouter(tags=["build"])

_NOT_PASSED = frozenset({name.decode("ascii") for name in HOP_BY_HOP} | {"host", "expect"})


@router.post("/build")
async def build(
    request: Request, manager: TheManager, version: Version, client: Client
) -> Response:
    """``POST /build``: on the engine that fits, or has built the like for this client before.

    Build arguments such as ``constraint:disk==ssd`` choose the engine and are taken out.
    """
    sender = Sender(request, is_read=False)
    call = BuildCall(
        query=tuple(request.query_params.multi_items()),
        headers={k: v for k, v in request.headers.items() if k not in _NOT_PASSED},
        body=sender.pieces(),
        version=version,
        client=client,
    )
    # A quiet build answers only at its end: nobody else would notice that the client left.
    lines = await sender.while_it_waits(manager.builder.build(call))
    return StreamingResponse(sender.until_it_leaves(lines), media_type=JSON)


@router.post("/build/cancel")
async def cancel(manager: TheManager, query: Query, version: Version) -> Response:
    """``POST /build/cancel``: asked of the engine that builds it, or of all if none is known to."""
    await manager.builder.cancel(query.get("id", ""), version)
    return Response(status_code=200, media_type=JSON)
