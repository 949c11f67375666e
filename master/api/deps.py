"""What handlers are given: the cluster's parts, and the request's odds and ends.

The functions are async though they wait for nothing: FastAPI would give each to a thread otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from master.cluster.filters import first_values
from master.cluster.model import ApiVersion
from master.cluster.placing.placement import Placement
from master.cluster.system.info import Summary
from master.operations.build import Builder
from master.operations.create import ContainerCreator
from master.operations.images import Images
from master.operations.lists import Lists
from master.operations.load import Loader
from master.operations.networks import Networks
from master.operations.plugins import Plugins
from master.operations.prune import Pruner
from master.operations.pull import Puller
from master.operations.volumes import Volumes
from master.supervisor.fleet import Fleet


@dataclass(frozen=True)
class Manager:
    """Everything that handlers may call."""

    fleet: Fleet
    placement: Placement
    creator: ContainerCreator
    puller: Puller
    loader: Loader
    images: Images
    builder: Builder
    networks: Networks
    volumes: Volumes
    pruner: Pruner
    plugins: Plugins
    lists: Lists
    summary: Summary


async def _manager(request: Request) -> Manager:
    manager: Manager = request.app.state.manager
    return manager


def input_ended(request: Request) -> asyncio.Future[None]:
    """Done when the client has ended its half of the connection; the front knows."""
    ended: asyncio.Future[None] = request.state.input_ended
    return ended


async def _api_version(request: Request) -> ApiVersion:
    version: ApiVersion = request.state.api_version
    return version


async def _client(request: Request) -> str:
    """The client's address: an IP, or "local" on a unix socket."""
    return request.client.host if request.client is not None else "local"


async def _query(request: Request) -> Mapping[str, str]:
    return first_values(request.query_params.multi_items())


async def _registry_auth(request: Request) -> Mapping[str, str]:
    value = request.headers.get("x-registry-auth")
    return {"X-Registry-Auth": value} if value else {}


TheManager = Annotated[Manager, Depends(_manager)]
Version = Annotated[ApiVersion, Depends(_api_version)]
Client = Annotated[str, Depends(_client)]
Query = Annotated[Mapping[str, str], Depends(_query)]
RegistryAuth = Annotated[Mapping[str, str], Depends(_registry_auth)]
