"""Plugins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import StreamingResponse

from master.api.answers import JSON, json_answer
from master.api.deps import RegistryAuth, TheManager, Version
from master.api.json_body import json_body
from master.api.sender import Sender
from master.cluster.images.reference import plugin_name
from master.operations.plugins import PluginCall

router = APIRouter(tags=["plugins"])


async def _call(request: Request, version: Version, auth: RegistryAuth) -> PluginCall:
    return PluginCall(request.url.query, version, auth)


async def _call_with_body(request: Request, version: Version, auth: RegistryAuth) -> PluginCall:
    return PluginCall(request.url.query, version, auth, await json_body(request))


Call = Annotated[PluginCall, Depends(_call)]
"""A verb that has no body: older clients say that the one they don't send is text."""
CallWithBody = Annotated[PluginCall, Depends(_call_with_body)]


@router.get("/plugins")
async def plugins(manager: TheManager, call: Call) -> Response:
    """``GET /plugins``: those that every healthy node has."""
    body, headers = await manager.plugins.list(call)
    return json_answer(body, headers=headers)


@router.post("/plugins/pull")
async def install(request: Request, manager: TheManager, call: CallWithBody) -> Response:
    """``POST /plugins/pull``: on every node, progress as it comes."""
    sender = Sender(request)
    lines = await sender.while_it_waits(manager.plugins.install(call))
    asked = request.query_params
    # Clients enable what they have installed by the name that they read here.
    headers = {"Docker-Plugin-Name": plugin_name(asked.get("remote", ""), asked.get("name", ""))}
    return StreamingResponse(sender.until_it_leaves(lines), headers=headers, media_type=JSON)


@router.get("/plugins/{reference:path}/json")
async def inspect(reference: str, manager: TheManager, call: Call) -> Response:
    """``GET /plugins/{name}/json``: of the first node that has it."""
    return json_answer(await manager.plugins.inspect(reference, call))


@router.post("/plugins/{reference:path}/upgrade")
async def upgrade(
    reference: str, request: Request, manager: TheManager, call: CallWithBody
) -> Response:
    """``POST /plugins/{name}/upgrade``: on every node, progress as it comes."""
    sender = Sender(request)
    lines = await sender.while_it_waits(manager.plugins.upgrade(reference, call))
    return StreamingResponse(sender.until_it_leaves(lines), media_type=JSON)


@router.post("/plugins/{reference:path}/enable")
async def enable(reference: str, manager: TheManager, call: Call) -> Response:
    """``POST /plugins/{name}/enable``: on every node."""
    return Response(await manager.plugins.change("POST", reference, "/enable", call))


@router.post("/plugins/{reference:path}/disable")
async def disable(reference: str, manager: TheManager, call: Call) -> Response:
    """``POST /plugins/{name}/disable``: on every node."""
    return Response(await manager.plugins.change("POST", reference, "/disable", call))


@router.post("/plugins/{reference:path}/set", status_code=204)
async def configure(reference: str, manager: TheManager, call: CallWithBody) -> Response:
    """``POST /plugins/{name}/set``: on every node."""
    await manager.plugins.change("POST", reference, "/set", call)
    return Response(status_code=204)


@router.delete("/plugins/{reference:path}")
async def remove(reference: str, manager: TheManager, call: Call) -> Response:
    """``DELETE /plugins/{name}``: from every node."""
    return Response(await manager.plugins.change("DELETE", reference, "", call))
