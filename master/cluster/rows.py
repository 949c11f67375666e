"""The engine's JSON turned into values: list rows, inspect bodies, image rows.

An engine's answer is data from elsewhere: nothing here raises (`master.cluster.lenient`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from master.cluster.draining import drain_of
from master.cluster.lenient import (
    as_integer,
    as_list,
    as_mapping,
    as_positive,
    as_text,
    as_texts,
)
from master.cluster.model import NO_LABELS, Container, ContainerConfig, Image, Volume

PortUse = tuple[int, str, str]
"""(host port, host IP or "" for every interface, protocol)."""

_EVERY_INTERFACE = frozenset({"0.0.0.0", "::", "[::]"})
_DEFAULT_CPU_PERIOD_US = 100_000
_NANOCPUS = 1_000_000_000
_MAX_PORT = 65_535


def container_from_row(
    engine_address: str, row: Mapping[str, Any], config: ContainerConfig
) -> Container:
    """Return the container of one ``GET /containers/json`` row.

    Args:
        engine_address: key of the engine that sent the row.
        row: kept as it is in the result.
        config: what its inspect said (`config_from_inspect`).
    """
    return Container(
        id=as_text(row.get("Id")),
        name=own_name(row.get("Names")),
        engine=engine_address,
        image=as_text(row.get("Image")),
        image_id=as_text(row.get("ImageID")),
        created=as_integer(row.get("Created")),
        state=as_text(row.get("State")).lower(),
        labels=_labels(row.get("Labels")),
        row=row,
        config=config,
    )


def own_name(names: Any) -> str:
    """Return the first of *names* that is no link alias, without its slash; "" if there is none.

    A link shows up as a further name of its target: ``/web/db`` means "``db`` as ``web`` sees it".
    """
    for name in as_texts(names):
        bare = name.removeprefix("/")
        if bare and "/" not in bare:
            return bare
    return ""


def config_from_inspect(body: Mapping[str, Any]) -> ContainerConfig:
    """Return what the container of a ``GET /containers/{id}/json`` body asked for."""
    host, state = as_mapping(body.get("HostConfig")), as_mapping(body.get("State"))
    config = as_mapping(body.get("Config"))
    return ContainerConfig(
        memory=memory_of(host),
        cpus=cpus_of(host),
        ports=_ports(body, host),
        network_mode=as_text(host.get("NetworkMode")),
        created_at=epoch(body.get("Created")),
        started_at=epoch(state.get("StartedAt")),
        finished_at=epoch(state.get("FinishedAt")),
        exit_code=as_integer(state.get("ExitCode")),
        drain_s=drain_of(as_texts(config.get("Env")), as_mapping(config.get("Labels"))),
        stop_signal=as_text(config.get("StopSignal")),
    )


def image_from_row(engine_address: str, row: Mapping[str, Any]) -> Image:
    """Return the image of one ``GET /images/json`` row; ``<none>`` names are left out."""
    return Image(
        id=as_text(row.get("Id")),
        engine=engine_address,
        tags=tuple(tag for tag in as_texts(row.get("RepoTags")) if tag != "<none>:<none>"),
        digests=tuple(d for d in as_texts(row.get("RepoDigests")) if d != "<none>@<none>"),
        row=row,
    )


def volume_from_row(engine_address: str, row: Mapping[str, Any]) -> Volume:
    """Return the volume of one ``GET /volumes`` row; a row without ``Scope`` is a local one."""
    return Volume(
        name=as_text(row.get("Name")),
        engine=engine_address,
        driver=as_text(row.get("Driver")),
        is_local=row.get("Scope") != "global",
        labels=_labels(row.get("Labels")),
        row=row,
    )


def epoch(text: Any) -> float:
    """Return an RFC 3339 time as seconds since the epoch.

    Docker writes "never" as year 1; that and anything that is no time is 0.
    """
    if not isinstance(text, str):
        return 0.0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return max(moment.timestamp(), 0.0)
    except (OverflowError, ValueError):
        return 0.0


def memory_of(host: Mapping[str, Any]) -> int:
    """Return the bytes that a HostConfig reserves: MemoryReservation, else Memory, else 0."""
    return as_positive(host.get("MemoryReservation")) or as_positive(host.get("Memory"))


def cpus_of(host: Mapping[str, Any]) -> float:
    """Return the CPUs that a HostConfig asks for: NanoCpus, else CpuQuota per period, else 0."""
    if nano := as_positive(host.get("NanoCpus")):
        return nano / _NANOCPUS
    quota = as_positive(host.get("CpuQuota"))
    return quota / (as_positive(host.get("CpuPeriod")) or _DEFAULT_CPU_PERIOD_US)


def host_port_claims(bindings: Any) -> Iterator[PortUse]:
    """Yield the host ports that a ``PortBindings`` or ``NetworkSettings.Ports`` map fixes.

    An empty host port, ``0`` and a range for one container port (``8000-8010``) fix none: the
    engine draws one when the container starts, and ``NetworkSettings.Ports`` tells which.
    """
    for key, hosts in as_mapping(bindings).items():
        protocol = _protocol(key)
        for binding in map(as_mapping, as_list(hosts)):
            ports = _port_range(as_text(binding.get("HostPort")))
            if len(ports) == 1 and ports[0] > 0:
                yield ports[0], _host_ip(as_text(binding.get("HostIp"))), protocol


def _ports(body: Mapping[str, Any], host: Mapping[str, Any]) -> tuple[PortUse, ...]:
    """Return every host port it holds, sorted: those asked for and those the engine drew."""
    claims = set(host_port_claims(host.get("PortBindings")))
    claims.update(host_port_claims(as_mapping(body.get("NetworkSettings")).get("Ports")))
    if host.get("NetworkMode") == "host":
        # No port mapping there: what the image exposes is bound on the host itself.
        for key in as_mapping(as_mapping(body.get("Config")).get("ExposedPorts")):
            ports = _port_range(as_text(key).partition("/")[0])
            claims.update((port, "", _protocol(key)) for port in ports if port > 0)
    return tuple(sorted(claims))


def _port_range(text: str) -> range:
    """Return ``8000`` or ``8000-8010`` as a range; an empty one if it is neither."""
    first, dash, last = text.partition("-")
    if not _is_number(first) or (dash and not _is_number(last)):
        return range(0)
    start, stop = int(first), int(last or first)
    return range(start, stop + 1) if stop <= _MAX_PORT else range(0)


def _is_number(text: str) -> bool:
    # Longer digit strings are no ports, and int() refuses very long ones with an error.
    return text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX_PORT))


def _protocol(key: Any) -> str:
    return as_text(key).partition("/")[2].lower() or "tcp"


def _host_ip(text: str) -> str:
    return "" if text in _EVERY_INTERFACE else text


def _labels(labels: Any) -> Mapping[str, str]:
    if not isinstance(labels, dict) or not labels:
        return NO_LABELS
    return {as_text(key): as_text(value) for key, value in labels.items()}
