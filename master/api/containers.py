"""Containers: the list, create and rename; everything else about one container is relayed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from master.api.deps import Client, Query, RegistryAuth, TheManager, Version
from master.cluster.listing import ListQuery
from master.cluster.listing_row import name_style
from master.errors import BadRequestError
from master.operations.create import CreateCall
from master.operations.rename import rename as rename_container

router = APIRouter(tags=["containers"])

_BODY_LIMIT = 16 << 20
"""Bytes of a create's body. The largest real ones are some hundred KB of labels."""


@router.get("/containers/json")
@router.get("/containers/ps")
async def containers(
    manager: TheManager, query: Query, user_agent: Annotated[str, Header()] = ""
) -> Response:
    """``GET /containers/json``: every engine's containers, newest first."""
    asked = ListQuery.parse(query, name_style(user_agent))
    return Response(await manager.lists.containers(asked), media_type="application/json")


@router.post("/containers/create", status_code=201)
async def create(
    request: Request,
    manager: TheManager,
    query: Query,
    version: Version,
    client: Client,
    auth: RegistryAuth,
    content_type: Annotated[str, Header()] = "",
) -> Response:
    """``POST /containers/create``: placed by the scheduler, then created on that engine."""
    call = CreateCall(
        body=await _json_body(request, content_type),
        name=query.get("name", ""),
        platform=query.get("platform", ""),
        version=version,
        client=client,
        headers=auth,
    )
    answer = await manager.creator.create(call)
    return Response(answer, 201, media_type="application/json")


@router.post("/containers/{reference:path}/rename", status_code=204)
async def rename(reference: str, manager: TheManager, query: Query, version: Version) -> Response:
    """``POST /containers/(id)/rename``: unique in the cluster, then renamed on its engine."""
    await rename_container(
        manager.fleet, manager.placement, reference, query.get("name", ""), version
    )
    return Response(status_code=204)


async def _json_body(request: Request, content_type: str) -> bytes:
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind != "application/json":
        raise BadRequestError(f"Content-Type specified ({content_type}) must be 'application/json'")
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > _BODY_LIMIT:
            raise BadRequestError(f"the request body is larger than {_BODY_LIMIT} bytes")
        pieces.append(piece)
    return b"".join(pieces)
