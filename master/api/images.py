"""Images: the list, pull, load and import, and what is done to every copy of an image."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from master.api.answers import JSON, json_answer
from master.api.deps import Client, Query, RegistryAuth, TheManager, Version
from master.api.sender import Sender
from master.cluster.images.listing import ImageQuery
from master.cluster.model import ApiVersion
from master.errors import BadRequestError
from master.operations.load import LoadCall
from master.operations.pull import PullCall

router = APIRouter(tags=["images"])


@router.get("/images/json")
async def images(manager: TheManager, query: Query, version: Version) -> Response:
    """``GET /images/json``: every engine's images, the same one once."""
    return json_answer(await manager.lists.images(ImageQuery.parse(query, version)))


@router.post("/images/create")
async def pull(
    request: Request,
    manager: TheManager,
    query: Query,
    version: Version,
    client: Client,
    auth: RegistryAuth,
) -> Response:
    """``POST /images/create``: pulled where it is needed, progress as it comes.

    An import is made on one engine; others get it when they need it.
    """
    if query.get("fromImage"):
        call = PullCall(dict(query), version, client, auth)
        sender = Sender(request)
        lines = await sender.while_it_waits(manager.puller.pull(call))
        return StreamingResponse(sender.until_it_leaves(lines), media_type=JSON)
    if not query.get("fromSrc"):
        raise BadRequestError("invalid reference format")
    return await _loaded(manager.loader.import_image, request, version)


@router.post("/images/load")
async def load(request: Request, manager: TheManager, version: Version) -> Response:
    """``POST /images/load``: on every engine (or one, by ``--pull-scope``), progress merged."""
    return await _loaded(manager.loader.load, request, version)


@router.post("/images/prune")
async def prune(request: Request, manager: TheManager, version: Version) -> Response:
    """``POST /images/prune``: on every engine, what was freed added up."""
    return json_answer(await manager.images.prune(request.query_params.multi_items(), version))


@router.post("/images/{reference:path}/tag", status_code=201)
async def tag(reference: str, request: Request, manager: TheManager, version: Version) -> Response:
    """``POST /images/(name)/tag``: on every engine that has the image."""
    await manager.images.tag(reference, request.query_params.multi_items(), version)
    return Response(status_code=201)


@router.delete("/images/{reference:path}")
async def remove(
    reference: str, request: Request, manager: TheManager, version: Version
) -> Response:
    """``DELETE /images/(name)``: from every engine that has it, each removed thing told once."""
    query = request.query_params.multi_items()
    body, headers = await manager.images.remove(reference, query, version)
    return json_answer(body, headers=headers)


async def _loaded(
    verb: Callable[[LoadCall], Coroutine[Any, Any, AsyncIterator[bytes]]],
    request: Request,
    version: ApiVersion,
) -> Response:
    has_body = request.query_params.get("fromSrc", "-") == "-"
    # A tar that is all there is loaded, whether its sender waits or not.
    sender = Sender(request, is_read=not has_body, patience_s=None)
    call = LoadCall(sender.pieces(), request.query_params.multi_items(), version)
    return StreamingResponse(await sender.while_it_waits(verb(call)), media_type=JSON)
