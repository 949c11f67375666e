"""``docker system df``: what all engines use together."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from engine.client import EngineClient
from master.cluster.model import ApiVersion, Engine
from master.cluster.shims import image_row
from master.cluster.system.usage_merge import Answer, ShownName, merged_usage
from master.cluster.volumes.listing import shown_name
from master.operations.bodies import answered_json
from master.operations.fanout import ask_all
from master.supervisor.fleet import Fleet

_LIMIT_S = 120.0
"""An engine walks the files of every volume and container for this."""


async def disk_usage(
    fleet: Fleet, query: str, version: ApiVersion
) -> tuple[bytes, Mapping[str, str]]:
    """``GET /system/df``: the body, and headers that name the nodes that it leaves out.

    Args:
        fleet: whom to ask.
        query: as the client sent it: ``type`` may stand there several times.
        version: the client's; the answer's shape depends on it.

    Raises:
        EngineError: no engine answers.
    """

    async def ask(engine: Engine, client: EngineClient) -> Answer:
        response = await client.request(
            "GET", f"/system/df?{query}", version=engine.version_for(version), timeout_s=_LIMIT_S
        )
        return engine.address, answered_json(engine, response.content)

    found = await ask_all(fleet, ask, deadline_s=_LIMIT_S)
    found.raise_if_all_failed()
    usage = merged_usage([answer for _, answer in found.answers], volume_names(fleet))
    if isinstance(images := usage.get("Images"), list):
        usage["Images"] = [image_row(row, version) for row in images]
    return orjson.dumps(usage) + b"\n", found.headers


def volume_names(fleet: Fleet) -> ShownName:
    """Names of volumes as lists show them now; kept, so that they outlive the volumes."""
    shown = {
        (volume.engine, volume.name): shown_name(fleet.state, volume)
        for volume in fleet.state.volumes()
    }
    return lambda address, name: shown.get((address, name), name)
