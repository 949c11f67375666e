"""The cluster as one Docker host: ``GET /info``, ``GET /version``, and what clients negotiate with.

The lines about each engine (``SystemStatus``) have classic Swarm's layout to the letter, since
people's scripts read them (docker/swarm 1.2.9, cluster/swarm/cluster.go, Info). An engine's lines
are made anew only when it changed.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from common.version import VERSION
from master.cluster.model import NEWEST_API, OLDEST_API, ApiVersion, Container, Engine, Health
from master.cluster.placing.placement import Placement
from master.cluster.state import ClusterState
from master.cluster.system.info_merge import Info, majority, merged_info
from scheduler.order import natural_key
from scheduler.types import Node
from scheduler.wording import bytes_text, shorten

SERVER_VERSION = f"swarm/{VERSION}"
"""Clients look at both halves: Jenkins wants ``swarm`` in front, testcontainers digits >= 1.6."""

_PLATFORM_NAME = "Docker Swarm - Community"
_NEVER = "0001-01-01T00:00:00Z"
_LONGEST_ERROR = 300
_VALIDATED = frozenset({Health.HEALTHY, Health.UNHEALTHY})
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
"""What Python calls a machine, to what Go does."""

Pair = tuple[str, str]
Versions = tuple[ApiVersion, ApiVersion]


@dataclass(frozen=True, slots=True)
class SummarySettings:
    """What ``docker info`` shows of the manager itself."""

    strategy: str
    filters: tuple[str, ...]
    hostname: str = field(default_factory=platform.node)


@dataclass(frozen=True, slots=True)
class _Row:
    """One engine's lines, and its containers by Docker's three states."""

    engine: Engine
    node: Node | None
    lines: tuple[Pair, ...]
    running: int
    paused: int
    stopped: int


class Summary:
    """Answers about the whole cluster. Reads the state, remembers what it made of it."""

    def __init__(
        self,
        state: ClusterState,
        placement: Placement,
        settings: SummarySettings,
        *,
        listeners: Callable[[], int] = lambda: 0,
    ) -> None:
        """Start with nothing remembered.

        Args:
            state: the engines and what is on them.
            placement: gives what is reserved on each.
            settings: the manager's own.
            listeners: how many clients follow the events.
        """
        self._state = state
        self._placement = placement
        self._settings = settings
        self._listeners = listeners
        self._rows: dict[str, _Row] = {}
        self._order: tuple[tuple[tuple[str, str], ...], list[str]] = ((), [])
        self._merged: tuple[list[Info], dict[str, Any]] = ([], merged_info([]))
        self._images = (-1, 0)
        self._negotiated: tuple[object, Versions, list[tuple[bytes, bytes]]] | None = None

    def info(self, now: float) -> bytes:
        """Return the body of ``GET /info``, with a line break at its end."""
        return orjson.dumps(self.info_body(now), option=orjson.OPT_APPEND_NEWLINE)

    def info_body(self, now: float) -> dict[str, Any]:
        """Return ``GET /info``: sums over the engines, and classic's lines about each.

        Args:
            now: seconds since the epoch, for ``SystemTime``.
        """
        rows = self._current_rows()
        validated = [row.engine for row in rows if row.engine.health in _VALIDATED]
        settings, total = self._settings, self._placement.total
        return {
            **self._merged_for([row.engine.info for row in rows if row.engine.is_healthy]),
            "ID": "",
            "Name": settings.hostname,
            "ServerVersion": SERVER_VERSION,
            "OperatingSystem": "linux",
            "Containers": sum(row.running + row.paused + row.stopped for row in rows),
            "ContainersRunning": sum(row.running for row in rows),
            "ContainersPaused": sum(row.paused for row in rows),
            "ContainersStopped": sum(row.stopped for row in rows),
            "Images": self._image_count(),
            "NCPU": sum(total(engine.cpus) for engine in validated),
            "MemTotal": sum(total(engine.memory) for engine in validated),
            "SystemStatus": [*self._head(len(rows)), *(line for row in rows for line in row.lines)],
            "SystemTime": _rfc3339_nano(now),
            "NEventsListener": self._listeners(),
            "Debug": False,
            "NFd": 0,
            "NGoroutines": 0,
            "HttpProxy": "",
            "HttpsProxy": "",
            "NoProxy": "",
        }

    def version(self) -> dict[str, Any]:
        """Return ``GET /version``: the manager as component "Engine", then each engine."""
        engines = [row.engine for row in self._current_rows() if row.engine.is_healthy]
        answers = [engine.version for engine in engines]
        oldest, newest = self.api_versions()
        machine = platform.machine()
        details = {
            "ApiVersion": dotted(newest),
            "MinAPIVersion": dotted(oldest),
            "GitCommit": "",
            "GoVersion": f"python{platform.python_version()}",
            "Os": majority(answers, "Os", "linux"),
            "Arch": majority(answers, "Arch", _MACHINES.get(machine, machine)),
            "KernelVersion": majority(answers, "KernelVersion", ""),
            "BuildTime": "",
        }
        own = {"Name": "Engine", "Version": SERVER_VERSION}
        return {
            "Platform": {"Name": _PLATFORM_NAME},
            "Version": SERVER_VERSION,
            **details,
            "Components": [
                {**own, "Details": {**details, "Experimental": "false"}},
                *(_component(engine) for engine in engines),
            ],
        }

    def api_versions(self) -> Versions:
        """Return the oldest and the newest API version that clients may speak now.

        The newest is what every healthy engine speaks, and no newer than what we know. If none is
        healthy, those that were count, so that a client's version doesn't change in an outage.
        """
        return self._negotiation()[0]

    def standard_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of every answer: Api-Version, Docker-Experimental, Ostype, Server."""
        return self._negotiation()[1]

    def ping_headers(self) -> list[Pair]:
        """Return what ``/_ping`` has beside `standard_headers`."""
        return [
            ("Builder-Version", "2"),
            ("Swarm", "inactive"),
            ("Cache-Control", "no-cache, no-store, must-revalidate"),
            ("Pragma", "no-cache"),
        ]

    def _negotiation(self) -> tuple[Versions, list[tuple[bytes, bytes]]]:
        engines = self._state.engines()
        if self._negotiated is None or self._negotiated[0] is not engines:
            versions = _api_versions(engines)
            healthy = [engine.info for engine in engines.values() if engine.is_healthy]
            os_type = majority(healthy, "OSType", "linux")
            headers = {
                "Api-Version": dotted(versions[1]),
                "Docker-Experimental": "false",
                "Ostype": os_type,
                "Server": f"Swarm/{VERSION} ({os_type})",
            }
            encoded = [(k.encode(), _header_text(v)) for k, v in headers.items()]
            self._negotiated = (engines, versions, encoded)
        return self._negotiated[1:]

    def _current_rows(self) -> list[_Row]:
        """Return the engines' rows in natural order of their names."""
        nodes = {node.addr: node for node in self._placement.nodes()}
        engines = self._state.engines()
        rows: dict[str, _Row] = {}
        for address, engine in engines.items():
            row, node = self._rows.get(address), nodes.get(address)
            if row is None or row.engine is not engine or row.node is not node:
                row = _row(engine, node, self._state.containers_on(address))
            rows[address] = row
        self._rows = rows
        return [rows[address] for address in self._sorted(engines)]

    def _sorted(self, engines: Mapping[str, Engine]) -> list[str]:
        names = tuple((engine.name, address) for address, engine in engines.items())
        if names != self._order[0]:
            # Those without a name yet stand under "(unknown)", before the letters.
            order = sorted(names, key=lambda each: (natural_key(each[0] or "(unknown)"), each[1]))
            self._order = (names, [address for _, address in order])
        return self._order[1]

    def _merged_for(self, infos: list[Info]) -> dict[str, Any]:
        known = self._merged[0]
        same = len(known) == len(infos) and all(map(_is_same, known, infos))
        if not same:
            self._merged = (infos, merged_info(infos))
        return self._merged[1]

    def _image_count(self) -> int:
        if self._images[0] != self._state.images_version:
            count = len({image.id for image in self._state.images()})
            self._images = (self._state.images_version, count)
        return self._images[1]

    def _head(self, engine_count: int) -> Iterator[Pair]:
        settings = self._settings
        yield "Role", "primary"  # every manager answers by itself: none is a replica
        yield "Strategy", settings.strategy
        yield "Filters", ", ".join(settings.filters)
        yield "Nodes", str(engine_count)


def dotted(version: ApiVersion) -> str:
    """Return ``(1, 44)`` as ``1.44``."""
    return f"{version[0]}.{version[1]}"


def _api_versions(engines: Mapping[str, Engine]) -> Versions:
    healthy = [engine.api_version for engine in engines.values() if engine.is_healthy]
    known = [e.api_version for e in engines.values() if e.health is Health.UNHEALTHY]
    return OLDEST_API, max(OLDEST_API, min([NEWEST_API, *(healthy or known)]))


def _row(engine: Engine, node: Node | None, containers: tuple[Container, ...]) -> _Row:
    running = sum(container.state == "running" for container in containers)
    paused = sum(container.state == "paused" for container in containers)
    # As the engine counts itself: whatever is neither running nor paused is stopped.
    stopped = len(containers) - running - paused
    counts = f"{len(containers)}"
    if engine.is_healthy:
        counts += f" ({running} Running, {paused} Paused, {stopped} Stopped)"
    cpus_used, cpus = (node.cpus_used, node.cpus_total) if node else (0, 0)
    memory_used, memory = (node.memory_used, node.memory_total) if node else (0, 0)
    lines = {
        "ID": engine.id,
        "Status": engine.health.value,
        "Containers": counts,
        "Reserved CPUs": f"{_cpus_text(cpus_used)} / {_cpus_text(cpus)}",
        "Reserved Memory": f"{bytes_text(memory_used)} / {bytes_text(memory)}",
        "Labels": ", ".join(f"{key}={value}" for key, value in sorted(engine.labels.items())),
        "Error": shorten(engine.error, _LONGEST_ERROR),
        "UpdatedAt": _rfc3339(engine.updated_at),
        "ServerVersion": engine.server_version,
    }
    if not engine.error:
        del lines["Error"]
    title = (f" {engine.name or '(unknown)'}", engine.address)
    pairs = (title, *((f"  └ {key}", value) for key, value in lines.items()))
    return _Row(engine, node, pairs, running, paused, stopped)


def _component(engine: Engine) -> dict[str, Any]:
    keys = ("ApiVersion", "MinAPIVersion", "Os", "Arch", "KernelVersion")
    details = {key: str(engine.version.get(key, "")) for key in keys}
    return {
        "Name": engine.name,
        "Version": engine.server_version,
        "Details": {"Address": engine.address, **details},
    }


def _cpus_text(cpus: float) -> str:
    """Return whole CPUs without a fraction, others with at most two digits of one."""
    return f"{cpus:.2f}".rstrip("0").rstrip(".")


def _rfc3339(seconds: float) -> str:
    if seconds <= 0:
        return _NEVER
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _rfc3339_nano(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def _header_text(text: str) -> bytes:
    """Return a value that can't break out of its header: an engine's word stands in it."""
    return shorten(text).encode("ascii", "replace")


def _is_same(one: object, other: object) -> bool:
    return one is other
