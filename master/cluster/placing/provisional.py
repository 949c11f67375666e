"""A created container, as far as it is known before the engine has been asked about it."""

from __future__ import annotations

import time

from master.cluster.draining import drain_of
from master.cluster.model import Container, ContainerConfig, Engine
from master.cluster.networks.edits import networks_joined
from master.cluster.placing.body import Creation
from scheduler.types import Request


def provisional(
    container_id: str, engine: Engine, request: Request, creation: Creation
) -> Container:
    """Return it: its ID and its name are known at once; lists wait for the engine's own row."""
    mode = str((creation.body.get("HostConfig") or {}).get("NetworkMode") or "default")
    created = int(time.time() - engine.clock_skew_s)
    name = request.name or container_id[:12]
    row = {
        "Id": container_id,
        "Names": [f"/{name}"],
        "Image": request.image,
        "ImageID": "",
        "Command": "",
        "Created": created,
        "Ports": [],
        "Labels": dict(request.labels),
        "State": "created",
        "Status": "Created",
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {"Networks": {name: {} for name in networks_joined(creation.body)}},
        "Mounts": [],
    }
    return Container(
        id=container_id,
        name=name,
        engine=engine.address,
        image=request.image,
        image_id="",
        created=created,
        state="created",
        labels=request.labels,
        row=row,
        config=ContainerConfig(
            memory=request.memory,
            cpus=request.cpus,
            ports=tuple((p.host_port, p.host_ip, p.protocol) for p in request.ports),
            network_mode=mode,
            drain_s=drain_of(creation.body.get("Env") or (), request.labels),
        ),
    )
