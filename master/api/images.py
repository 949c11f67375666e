"""Images: the list, and pull."""

from __future__ import annotations

from fastapi import APIRouter, Response
from starlette.responses import StreamingResponse

from master.api.deps import Client, Query, RegistryAuth, TheManager, Version
from master.cluster.images import ImageQuery
from master.errors import BadRequestError, NotInClusterError
from master.operations.pull import PullCall

router = APIRouter(tags=["images"])


@router.get("/images/json")
async def images(manager: TheManager, query: Query, version: Version) -> Response:
    """``GET /images/json``: every engine's images, the same one once."""
    body = await manager.lists.images(ImageQuery.parse(query, version))
    return Response(body, media_type="application/json")


@router.post("/images/create")
async def pull(
    manager: TheManager, query: Query, version: Version, client: Client, auth: RegistryAuth
) -> Response:
    """``POST /images/create``: pulled where it is needed, progress as it comes."""
    if query.get("fromSrc"):
        raise NotInClusterError("This is not supported in clustering mode by this version.")
    if not query.get("fromImage"):
        raise BadRequestError("invalid reference format")
    call = PullCall(dict(query), version, client, auth)
    return StreamingResponse(await manager.puller.pull(call), media_type="application/json")
