"""What is used, and can be given back: df, and the prunes that only engines know about."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from master.api.answers import json_answer
from master.api.deps import TheManager, Version
from master.operations.disk_usage import disk_usage

router = APIRouter()


@router.get("/system/df")
async def usage(request: Request, manager: TheManager, version: Version) -> Response:
    """``GET /system/df``: of all engines together; an image on several of them is one row."""
    body, headers = await disk_usage(manager.fleet, request.url.query, version)
    return json_answer(body, headers=headers)


@router.post("/containers/prune")
async def containers(request: Request, manager: TheManager, version: Version) -> Response:
    """``POST /containers/prune``: stopped containers of every engine."""
    return json_answer(await manager.pruner.containers(request.url.query, version))


@router.post("/volumes/prune")
async def volumes(request: Request, manager: TheManager, version: Version) -> Response:
    """``POST /volumes/prune``: unused volumes of every engine."""
    return json_answer(await manager.pruner.volumes(request.url.query, version))


@router.post("/build/prune")
async def build_cache(request: Request, manager: TheManager, version: Version) -> Response:
    """``POST /build/prune``: the build cache of every engine."""
    return json_answer(await manager.pruner.build_cache(request.url.query, version))
