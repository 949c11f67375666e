"""The cluster as a whole: ping, version, info, events."""

from __future__ import annotations

import time

import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from master.api.answers import json_answer
from master.api.deps import Query, TheManager, Version, input_ended
from master.cluster.events.media import RECORD_SEPARATOR, SEQUENCE, media_type
from master.operations.events import EventStream

router = APIRouter(tags=["system"])


@router.head("/_ping")
@router.get("/_ping")
async def ping(manager: TheManager) -> Response:
    """``GET /_ping``: ``OK``; what clients negotiate with stands in the headers."""
    headers = dict(manager.summary.ping_headers())
    return Response(b"OK", media_type="text/plain; charset=utf-8", headers=headers)


@router.get("/version")
async def version(manager: TheManager) -> Response:
    """``GET /version``: the manager, and a component for each engine."""
    return json_answer(orjson.dumps(manager.summary.version()) + b"\n")


@router.get("/info")
async def info(manager: TheManager) -> Response:
    """``GET /info``: sums over the engines, and classic Swarm's lines about each."""
    await manager.fleet.settled()
    return json_answer(manager.summary.info(time.time()))


@router.get("/events")
async def events(request: Request, manager: TheManager, version: Version, query: Query) -> Response:
    """``GET /events``: merged over all engines, with the node in each."""
    kind = media_type(request.headers.getlist("accept"), version)
    stream = EventStream(
        manager.fleet,
        since=query.get("since"),
        until=query.get("until"),
        filters=query.get("filters"),
        version=version,
        before=RECORD_SEPARATOR if kind == SEQUENCE else b"",
    )
    return StreamingResponse(stream.pieces(input_ended(request)), media_type=kind)
