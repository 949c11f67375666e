"""What the manager knows, as frozen values: engines, containers, images.

Nothing here changes: a change is a new value, put into `ClusterState` by the engine's supervisor.
Times are seconds since the epoch, sizes are bytes, versions are pairs of ints.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

ApiVersion = tuple[int, int]
"""An Engine API version: 1.44 is ``(1, 44)``. Never a string or a float: 1.9 comes before 1.24."""
OLDEST_API: ApiVersion = (1, 24)
"""The oldest Engine API the manager can speak: Docker 1.12, where today's clients begin too."""
NEWEST_API: ApiVersion = (1, 56)
"""The newest Engine API that this manager was written for: neither offered nor asked above it."""

SWARM_ID_LABEL = "com.docker.swarm.id"
"""A container's 64 hex digits that the cluster gave it: known before its engine answers."""
_UP_STATES = frozenset({"running", "paused", "restarting"})

NO_LABELS: Mapping[str, str] = MappingProxyType({})


class Health(enum.Enum):
    """An engine's state; the value is the word that ``docker info`` shows."""

    PENDING = "Pending"
    """In discovery, not yet validated: its containers are not known."""
    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"
    """Validated once, does not answer now: its last known containers are kept."""
    DISCONNECTED = "Disconnected"
    """Gone from discovery, about to be forgotten."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One Docker daemon as the cluster sees it."""

    address: str
    """As discovery gave it: ``10.0.0.5:2375`` or ``unix:///var/run/docker.sock``. The key."""
    id: str = ""
    """``<docker info ID>|<address>``, so that cloned machines differ. Empty while pending."""
    name: str = ""
    """The engine's hostname. Empty while pending."""
    ip: str = ""
    """Where published ports of its containers can be reached."""
    health: Health = Health.PENDING
    failures: int = 0
    """Failed contacts since the last good one."""
    failure_limit: int = 3
    """So many make it unhealthy (``--engine-failure-retry``)."""
    error: str = ""
    """Why it is not healthy, in words for ``docker info``."""
    updated_at: float = 0.0
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS)
    """storagedriver, kernelversion, operatingsystem, ostype, then the daemon's own labels."""
    cpus: int = 0
    memory: int = 0
    api_version: ApiVersion = (1, 24)
    min_api_version: ApiVersion = (1, 12)
    server_version: str = ""
    info: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The daemon's own ``GET /info``, whole."""
    version: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The daemon's own ``GET /version``, whole."""
    clock_skew_s: float = 0.0
    """This machine's clock minus the engine's; 0 when below two seconds."""

    @property
    def health_indicator(self) -> int:
        """0 (out) to 100 (no recent failure), as classic Swarm counts it."""
        if self.health is not Health.HEALTHY or self.failures >= self.failure_limit:
            return 0
        return 100 - self.failures * 100 // self.failure_limit

    def version_for(self, asked: ApiVersion) -> ApiVersion:
        """The API version that it is asked in, for a client that speaks *asked*."""
        return max(min(asked, self.api_version), self.min_api_version)

    @property
    def is_healthy(self) -> bool:
        """Whether requests are sent to it."""
        return self.health is Health.HEALTHY


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """What a container asked for: read once from its inspect, changed only by update."""

    memory: int = 0
    """Bytes reserved: MemoryReservation, else Memory; 0 if nothing was asked."""
    cpus: float = 0.0
    """CPUs: NanoCpus, else CpuQuota/CpuPeriod; 0 if nothing was asked."""
    ports: tuple[tuple[int, str, str], ...] = ()
    """(host port, host IP, protocol) that it binds when running, also while it is stopped."""
    network_mode: str = ""
    created_at: float = 0.0
    """Seconds with their fraction, which the list row lacks; 0 if not known yet."""
    started_at: float = 0.0
    """0 if it never ran."""
    finished_at: float = 0.0
    exit_code: int = 0
    drain_s: float | None = None
    """Seconds that routers get to turn elsewhere before it is stopped; None: it does not say."""
    stop_signal: str = ""
    """What it is stopped by if that is not SIGTERM: ``SIGQUIT``, ``3``."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container on one engine: the engine's own list row and what its inspect adds."""

    id: str
    name: str
    """Without slash: the row's first name that has no second slash."""
    engine: str
    """The engine's address."""
    image: str
    image_id: str
    created: int
    state: str
    """running, exited, created, paused, restarting, removing, dead."""
    labels: Mapping[str, str]
    row: Mapping[str, Any] = field(compare=False)
    """The engine's ``GET /containers/json`` row: every field is kept. Networks that the cluster
    knows by an ID of its own go by that one."""
    config: ContainerConfig = ContainerConfig()

    @property
    def swarm_id(self) -> str:
        """The cluster's own 64-hex ID (`SWARM_ID_LABEL`); empty for foreign ones."""
        return self.labels.get(SWARM_ID_LABEL, "")

    @property
    def is_up(self) -> bool:
        """Whether it has processes, or is about to have them again: what Docker calls running."""
        return self.state in _UP_STATES


@dataclass(frozen=True, slots=True)
class Image:
    """One image on one engine: the engine's own ``GET /images/json`` row."""

    id: str
    engine: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    row: Mapping[str, Any] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume on one engine: the engine's own ``GET /volumes`` row."""

    name: str
    engine: str
    driver: str
    is_local: bool
    """Its data is on this engine alone. False: a driver whose volumes every engine sees."""
    labels: Mapping[str, str]
    row: Mapping[str, Any] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Network:
    """One network on one engine: the engine's own ``GET /networks`` row."""

    id: str
    """The engine's."""
    name: str
    engine: str
    cluster_id: str
    """What clients know it by; the engine's own if it is on this engine alone."""
    driver: str
    is_mirror: bool
    """Made by the cluster: one of several bridges that are one network to clients."""
    is_swarm_scoped: bool
    labels: Mapping[str, str]
    """Without the cluster's own."""
    row: Mapping[str, Any] = field(compare=False)
