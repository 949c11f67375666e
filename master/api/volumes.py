"""Volumes."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from master.api.answers import json_answer
from master.api.deps import Query, TheManager, Version
from master.api.json_body import json_body
from master.cluster.volumes.listing import VolumeQuery

router = APIRouter(tags=["volumes"])


@router.get("/volumes")
async def volumes(manager: TheManager, query: Query) -> Response:
    """``GET /volumes``: every engine's; a name that several nodes have is ``node/name``."""
    body, headers = await manager.volumes.list(VolumeQuery.parse(query))
    return json_answer(body, headers=headers)


@router.post("/volumes/create", status_code=201)
async def create(request: Request, manager: TheManager, version: Version) -> Response:
    """``POST /volumes/create``: the existing one of that name, or a new one where it fits."""
    body = await json_body(request) or b"{}"  # newer engines take none for a nameless volume
    return json_answer(await manager.volumes.create(body, version), 201)


@router.get("/volumes/{reference:path}")
async def inspect(reference: str, manager: TheManager, version: Version) -> Response:
    """``GET /volumes/{name}``: as its node tells it, and which node that is."""
    return json_answer(await manager.volumes.inspect(reference, version))


@router.delete("/volumes/{reference:path}", status_code=204)
async def remove(reference: str, manager: TheManager, query: Query, version: Version) -> Response:
    """``DELETE /volumes/{name}``: from its node."""
    await manager.volumes.remove(reference, query, version)
    return Response(status_code=204)
