"""What is there at an engine's address: asked, and checked before it is used."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from typing import Any

from common.hostport import UnixEndpoint, parse_endpoint
from engine.client import EngineClient
from engine.errors import EngineUnreachableError
from master.cluster.model import NEWEST_API, Engine
from master.cluster.specs import engine_from_info, validate_info, warnings_for
from master.cluster.state import ClusterState

_TIMEOUT_S = 10.0


class RefusedError(Exception):
    """The daemon answers, but must not be used; the text says why."""


async def validate(client: EngineClient, state: ClusterState) -> tuple[Engine, tuple[str, ...]]:
    """Return what a daemon says of itself, and what there is to warn of.

    From now on *client* speaks the API version that both know.

    Args:
        client: to ask it.
        state: knows the others, none of which it may be.

    Raises:
        EngineError: it does not answer.
        RefusedError: it must not be used.
    """
    info = await client.info(_TIMEOUT_S)
    version = await client.version(_TIMEOUT_S)
    if not isinstance(info, dict) or not isinstance(version, dict):
        raise RefusedError("this is no Docker Engine")
    address = client.address
    _check(info, version, address, state)
    specs = engine_from_info(address, await _resolve(address), info, version, time.time())
    client.api_version = min(specs.api_version, NEWEST_API)
    return specs, warnings_for(info, address, state.engines())


def check_again(specs: Engine, state: ClusterState) -> None:
    """Look again, when what else had to be asked is known: others may have come meanwhile.

    Raises:
        RefusedError: the engine must not be used.
    """
    _check(specs.info, specs.version, specs.address, state)


def _check(
    info: Mapping[str, Any], version: Mapping[str, Any], address: str, state: ClusterState
) -> None:
    if problems := validate_info(info, version, address, state.engines()):
        raise RefusedError("; ".join(problems))


async def _resolve(address: str) -> str:
    """The IP address where the engine's published ports can be reached."""
    endpoint = parse_endpoint(address)
    if isinstance(endpoint, UnixEndpoint):
        return "127.0.0.1"
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise EngineUnreachableError(
            address, f"lookup {endpoint.host}: {exc.strerror or exc}", sent=False
        ) from exc
    return str(found[0][4][0])
