"""Networks: one list of the cluster's, made and joined where they are needed."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from master.api.answers import json_answer
from master.api.deps import Query, TheManager, Version
from master.api.json_body import json_body
from master.operations.networks import Told

router = APIRouter(tags=["networks"])


def _answer(told: Told) -> Response:
    return json_answer(told.body, headers=told.headers)


@router.get("/networks")
async def networks(manager: TheManager, query: Query) -> Response:
    """``GET /networks``: the networks of every engine; bridges that mirror one network once."""
    return _answer(await manager.networks.all(query.get("filters")))


@router.post("/networks/create", status_code=201)
async def create(request: Request, manager: TheManager, version: Version) -> Response:
    """``POST /networks/create``: a bridge is made on one engine now, on others when needed."""
    body = await json_body(request)
    return json_answer(await manager.networks.create(body, version), 201)


@router.post("/networks/prune")
async def prune(manager: TheManager, query: Query) -> Response:
    """``POST /networks/prune``: on every engine."""
    return json_answer(await manager.networks.prune(query))


@router.get("/networks/{reference:path}")
async def inspect(reference: str, manager: TheManager, query: Query) -> Response:
    """``GET /networks/(id)``: with the containers of every engine, and the node of each."""
    return _answer(await manager.networks.inspect(reference, query))


@router.delete("/networks/{reference:path}", status_code=204)
async def remove(reference: str, manager: TheManager) -> Response:
    """``DELETE /networks/(id)``: from every engine."""
    await manager.networks.remove(reference)
    return Response(status_code=204)


@router.post("/networks/{reference:path}/connect")
async def connect(
    reference: str, request: Request, manager: TheManager, version: Version
) -> Response:
    """``POST /networks/(id)/connect``: made on the container's engine if it isn't there yet."""
    await manager.networks.joins.connect(reference, await json_body(request), version)
    return Response()


@router.post("/networks/{reference:path}/disconnect")
async def disconnect(
    reference: str, request: Request, manager: TheManager, version: Version
) -> Response:
    """``POST /networks/(id)/disconnect``: on the container's engine."""
    await manager.networks.joins.disconnect(reference, await json_body(request), version)
    return Response()
