"""Containers: the list, create and rename; everything else about one container is relayed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from master.api.answers import json_answer
from master.api.deps import Client, Query, RegistryAuth, TheManager, Version
from master.api.json_body import json_body
from master.api.sender import Sender
from master.cluster.containers.listing import ListQuery
from master.cluster.containers.row import name_style
from master.operations.create import CreateCall
from master.operations.rename import rename as rename_container

router = APIRouter(tags=["containers"])

_PATIENCE_S = 10.0
"""For who has ended its half: a create is answered within it, unless an image has to be copied
first. Who has left by then should not get a container that nobody knows of."""


@router.get("/containers/json")
@router.get("/containers/ps")
async def containers(
    manager: TheManager, query: Query, user_agent: Annotated[str, Header()] = ""
) -> Response:
    """``GET /containers/json``: every engine's containers, newest first."""
    asked = ListQuery.parse(query, name_style(user_agent))
    return json_answer(await manager.lists.containers(asked))


@router.post("/containers/create", status_code=201)
async def create(
    request: Request,
    manager: TheManager,
    query: Query,
    version: Version,
    client: Client,
    auth: RegistryAuth,
) -> Response:
    """``POST /containers/create``: placed by the scheduler, then created on that engine."""
    call = CreateCall(
        body=await json_body(request),
        name=query.get("name", ""),
        platform=query.get("platform", ""),
        version=version,
        client=client,
        headers=auth,
    )
    sender = Sender(request, patience_s=_PATIENCE_S)
    answer = await sender.while_it_waits(manager.creator.create(call))
    return json_answer(answer, 201)


@router.post("/containers/{reference:path}/rename", status_code=204)
async def rename(reference: str, manager: TheManager, query: Query, version: Version) -> Response:
    """``POST /containers/(id)/rename``: unique in the cluster, then renamed on its engine."""
    await rename_container(
        manager.fleet, manager.placement, reference, query.get("name", ""), version
    )
    return Response(status_code=204)
