"""What ``swarm manage`` was told, checked once; nothing of it changes while the manager runs."""

import math
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from common.hostport import parse_endpoint
from common.tls import TlsFiles
from services.drain import LONGEST_S

PullScope = Literal["placeable", "all", "one"]

DEFAULT_HOSTS = ("tcp://127.0.0.1:2375",)
DEFAULT_FILTERS = (
    "health",
    "port",
    "containerslots",
    "dependency",
    "affinity",
    "constraint",
    "whitelist",
)
STRATEGIES = ("spread", "binpack", "random")
_STRATEGY_ALIASES = {"binpacking": "binpack"}
_MIN_HEARTBEAT_S = 1.0
PUBLISH_PORTS = (61000, 65535)
"""Above what Linux gives to outgoing connections and Docker draws from (32768 to 60999,
``net.ipv4.ip_local_port_range``)."""


class SettingsError(ValueError):
    """A setting that cannot be used; its text is for the user, in classic Swarm's words."""


class Settings(BaseModel):
    """The manager's settings.

    Build it with `Settings.checked`, which answers bad values with one plain sentence.

    Source: classic Swarm 1.2.9's flags, ``cli/flags.go`` and ``cli/manage.go``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    discovery: str
    """Where engines come from, as in ``discovery.uri``: ``consul://h:8500/prefix``, ``nodes://…``."""
    discovery_opts: dict[str, str] = Field(default_factory=dict, repr=False)
    """The ``--discovery-opt`` pairs: ``kv.path``, ``kv.token`` (a secret), and so on."""
    hosts: tuple[str, ...] = DEFAULT_HOSTS
    """Addresses to listen on, ``tcp://host:port`` or ``unix:///path``; at least one."""
    advertise: str = ""
    """``host:port`` under which others reach this manager; empty when not given."""
    strategy: str = "spread"
    """``spread``, ``binpack`` or ``random``; aliases are already replaced."""
    filters: tuple[str, ...] = DEFAULT_FILTERS
    """Names of the scheduler's filters in the order in which they are asked."""
    overcommit: float = 0.05
    """Share of its memory and CPUs that an engine may give out beyond what it has: 0.05 is 5 %."""
    create_retry: int = 0
    """How often a failed create is tried again on another engine."""
    cpu_shares_are_cores: bool = False
    """``--cpu-shares`` asks for so many CPUs, as in classic Swarm, where it was the only way to."""
    heartbeat_s: float = 60.0
    """Seconds between two looks at a discovery that cannot tell of changes by itself (file)."""
    refresh_min_s: float = 30.0
    """Least seconds between two full refreshes of an engine."""
    refresh_max_s: float = 60.0
    """Most seconds between two full refreshes of a healthy engine."""
    failure_retry: int = 3
    """Failed contacts in a row after which an engine counts as unhealthy."""
    tls: TlsFiles | None = None
    """Certificates for listeners and engines; None: plain connections."""
    cors: bool = False
    """Send the CORS headers, so that web pages of other origins may call the API."""
    pull_scope: PullScope = "placeable"
    """Engines that ``docker pull`` pulls on: where it can be placed, all, or one."""
    refresh_on_node_filter: bool = False
    """Refresh a node's containers first when a list is filtered by ``node``."""
    container_name_refresh_filter: str = ""
    """Refresh all nodes first when a list is filtered by exactly this ``name``; empty: never."""
    services: str = ""
    """``consul://h:8500/services``: where agents keep the services, for ``SERVICE_DRAIN``; empty:
    nothing is drained."""
    drain_s: float = 0.0
    """Seconds of draining for a container that binds ports and has no ``SERVICE_DRAIN``."""
    publish_address: str = ""
    """IP address of this machine at which published TCP ports are served too; empty: nowhere."""
    publish_ports: tuple[int, int] = PUBLISH_PORTS
    """First and last of the ports that are drawn for it."""
    log_level: str = "info"
    """``debug``, ``info``, ``warn``, ``error``, ``fatal`` or ``panic``."""

    @property
    def debug(self) -> bool:
        """Whether debug messages are wanted."""
        return self.log_level == "debug"

    @classmethod
    def checked(cls, **values: Any) -> Self:
        """Return the settings.

        Raises:
            SettingsError: a value cannot be used; the text names the first one.
        """
        try:
            return cls(**values)
        except ValidationError as exc:
            raise SettingsError(_first_message(exc)) from exc

    @field_validator("hosts")
    @classmethod
    def _hosts_can_be_listened_on(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        if not hosts:
            raise ValueError("at least one --host is needed")
        # Written out in one form, so that "127.0.0.1:2375" and "tcp://127.0.0.1:2375" are one
        # listener and not a clash.
        return tuple(dict.fromkeys(str(parse_endpoint(host)) for host in hosts))

    @field_validator("strategy")
    @classmethod
    def _strategy_is_known(cls, name: str) -> str:
        name = _STRATEGY_ALIASES.get(name, name)
        if name not in STRATEGIES:
            raise ValueError("strategy not supported")
        return name

    @field_validator("filters")
    @classmethod
    def _filters_are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if any(name not in DEFAULT_FILTERS for name in names):
            raise ValueError("filter not supported")
        return tuple(dict.fromkeys(names))

    @field_validator("overcommit")
    @classmethod
    def _overcommit_leaves_something(cls, ratio: float) -> float:
        if not (math.isfinite(ratio) and ratio > -1):
            raise ValueError(f"swarm.overcommit should be larger than -1, {ratio:f} is invalid")
        return ratio

    @field_validator("create_retry")
    @classmethod
    def _create_retry_is_a_count(cls, count: int) -> int:
        if count < 0:
            raise ValueError(f"swarm.createretry can not be negative, {count} is invalid")
        return count

    @field_validator("heartbeat_s")
    @classmethod
    def _heartbeat_is_long_enough(cls, seconds: float) -> float:
        if not seconds >= _MIN_HEARTBEAT_S:
            raise ValueError("--heartbeat should be at least one second")
        return seconds

    @field_validator("drain_s")
    @classmethod
    def _drain_is_short(cls, seconds: float) -> float:
        if not 0 <= seconds <= LONGEST_S:
            raise ValueError(f"--drain should be between 0s and {LONGEST_S:g}s")
        return seconds

    @field_validator("failure_retry")
    @classmethod
    def _failure_retry_is_positive(cls, count: int) -> int:
        if count <= 0:
            raise ValueError("invalid failure retry count")
        return count

    @model_validator(mode="after")
    def _refresh_interval_is_one(self) -> Self:
        if not self.refresh_min_s > 0:
            raise ValueError("min refresh interval should be a positive number")
        if self.refresh_max_s < self.refresh_min_s:
            raise ValueError("max refresh interval cannot be less than min refresh interval")
        return self


def _first_message(exc: ValidationError) -> str:
    """Return our own sentence where a validator raised one, else pydantic's with the field."""
    first = exc.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ValueError):
        return str(cause)
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}"
