"""What a create body asks of the scheduler: `request_from_body`.

Deviation from classic Swarm: ``CpuShares`` is not a number of CPUs (that is
``swarm.cpushares=cores``); NanoCpus, CpuQuota and MemoryReservation count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from master.cluster.images.reference import id_prefix, reference_key
from master.cluster.placing.body import CONTAINER_MODE
from master.cluster.placing.cores import cores_of
from master.cluster.rows import cpus_of, host_port_claims, memory_of
from scheduler.directives import read_labels
from scheduler.expr import Expression, parse, parse_many
from scheduler.types import PortClaim, Request

_MAX_PORT = 65_535
_DEFAULT_NETWORKS = frozenset({"", "default", "bridge"})
"""Where a link needs the other container's engine; elsewhere it is an alias (moby#23885)."""
_EXPOSED = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/([A-Za-z]+))?", re.ASCII)
_PLATFORM = re.compile(r"[A-Za-z0-9_]+(?:/[A-Za-z0-9_.]+){0,2}", re.ASCII)
_SYSTEMS = frozenset({"linux", "windows", "darwin", "freebsd"})
_MACHINES = {
    "amd64": "amd64|x86_64",
    "x86_64": "amd64|x86_64",
    "arm64": "arm64|aarch64",
    "aarch64": "arm64|aarch64",
    "arm": "arm|armv6l|armv7l|armhf|armel",
    "386": "386|i386|i686",
}
"""An architecture as platforms call it, to what engines say in their info."""


def request_from_body(body: dict[str, Any], name: str = "", *, platform: str = "") -> Request:
    """Return what *body* asks for.

    Args:
        body: of a `Creation`: its types are checked and its directives stand in its labels.
        name: without slash; empty if the engine chooses one.
        platform: the query's ``platform`` such as ``linux/arm64``: its system is a must, its
            architecture a wish (an engine may emulate it).

    Raises:
        BadExpressionError: a constraint, affinity or whitelist can't be understood.
    """
    host = body.get("HostConfig") or {}
    labels = body.get("Labels") or {}
    given = read_labels(labels)
    mode = host.get("NetworkMode", "")
    return Request(
        name=name,
        image=body.get("Image", ""),
        full_image=_full_name(body.get("Image", "")),
        labels=labels,
        memory=memory_of(host),
        cpus=cpus_of(host) or cores_of(labels),
        ports=ports_of(body),
        constraints=parse_many(given.constraints, "constraint") + _platform(platform),
        affinities=parse_many(given.affinities, "affinity"),
        whitelists=parse_many(given.whitelists, "whitelist"),
        volumes_from=tuple(host.get("VolumesFrom", ())),
        links=tuple(host.get("Links", ())) if mode in _DEFAULT_NETWORKS else (),
        network_container=_joined(mode),
        ipc_container=_joined(host.get("IpcMode", "")),
        pid_container=_joined(host.get("PidMode", "")),
    )


def _full_name(image: str) -> str:
    """Return what engines call *image*; what may be an ID stays as it is."""
    return image if id_prefix(image) is not None else reference_key(image) or image


def _joined(mode: str) -> str:
    """Return X of ``container:X``; empty for any other mode."""
    return mode.removeprefix(CONTAINER_MODE) if mode.startswith(CONTAINER_MODE) else ""


def ports_of(body: dict[str, Any]) -> tuple[PortClaim, ...]:
    """Return the host ports that the container will bind, sorted.

    In the host's network these are its exposed ports. Else its published ones: an empty host
    port, and a range for one container port, claim none, since the engine picks a free one.
    """
    host = body.get("HostConfig") or {}
    if host.get("NetworkMode") == "host":
        exposed = {port for key in body.get("ExposedPorts", {}) for port in _exposed(key)}
        return tuple(
            PortClaim(port, protocol=protocol, is_host_mode=True)
            for port, protocol in sorted(exposed)
        )
    return tuple(PortClaim(*use) for use in sorted(set(host_port_claims(host.get("PortBindings")))))


def _exposed(key: str) -> Iterator[tuple[int, str]]:
    match = _EXPOSED.fullmatch(key)
    if match is None:
        return
    first, last = int(match[1]), int(match[2] or match[1])
    for port in range(max(first, 1), min(last, _MAX_PORT) + 1):
        yield port, (match[3] or "tcp").lower()


def _platform(platform: str) -> tuple[Expression, ...]:
    """Return a platform as constraints; none for one that the engine has to refuse itself."""
    if not _PLATFORM.fullmatch(platform):
        return ()
    parts = platform.lower().split("/")
    wanted = []
    if parts[0] in _SYSTEMS:
        wanted.append(parse(f"ostype=={parts.pop(0)}"))
    if parts:
        wanted.append(parse(f"architecture==~/^({_MACHINES.get(parts[0], parts[0])})$/"))
    return tuple(wanted)
