"""The part of an engine's inspect answer that registration depends on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

PREFIX = "SERVICE_"
"""Environment variables and labels that speak to the registrator."""

STOP_TIMEOUT_S = 10
"""An engine's, for containers that don't say."""

_NS = 1_000_000_000
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """A port inside a container."""

    number: int
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class Binding:
    """Where the engine publishes a port."""

    ip: str
    """Of an interface of the host; ``0.0.0.0``, ``::`` or empty: of all."""
    port: int


@dataclass(frozen=True, slots=True)
class Network:
    """A container's place in one network."""

    id: str = ""
    ipv4: str = ""
    ipv6: str = ""

    @property
    def ip(self) -> str:
        """The address that others in the network use, empty if it has none."""
        return self.ipv4 or self.ipv6


@dataclass(frozen=True, slots=True)
class Container:
    """One container at one moment."""

    id: str
    name: str
    """Without slash."""
    image: str
    """As its maker typed it."""
    image_id: str = ""
    """``sha256:…``"""
    env: Mapping[str, str] = field(default_factory=dict)
    """Only what begins with `PREFIX`."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Only what begins with `PREFIX`."""
    is_serving: bool = True
    """Runs, and is neither paused nor between two starts."""
    health: str = ""
    """``starting``, ``healthy``, ``unhealthy``; empty without a health check."""
    started_ns: int = 0
    """The engine's clock, in nanoseconds since 1970."""
    stop_signal: str = ""
    """The image's own, if any: ``SIGQUIT``, ``3`` …."""
    stop_timeout_s: int = STOP_TIMEOUT_S
    """What it gets to end, once it is asked to, before it is killed; negative: for ever."""
    network_mode: str = "bridge"
    exposed: frozenset[Port] = frozenset()
    published: Mapping[Port, tuple[Binding, ...]] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    """By name."""


def read_container(inspect: Mapping[str, Any]) -> Container:
    """Return what an answer of ``GET /containers/(id)/json`` says; what is missing is empty."""
    config = inspect.get("Config") or {}
    state = inspect.get("State") or {}
    settings = inspect.get("NetworkSettings") or {}
    pairs = (str(pair).partition("=") for pair in config.get("Env") or ())
    return Container(
        id=str(inspect.get("Id", "")),
        name=str(inspect.get("Name", "")).removeprefix("/"),
        image=str(config.get("Image", "")),
        image_id=str(inspect.get("Image", "")),
        env=_ours((key, value) for key, _, value in pairs),
        labels=_ours((config.get("Labels") or {}).items()),
        is_serving=bool(state.get("Running"))
        and not (state.get("Paused") or state.get("Restarting")),
        health=_health(state),
        started_ns=nanoseconds(str(state.get("StartedAt", ""))),
        stop_signal=str(config.get("StopSignal") or ""),
        stop_timeout_s=_stop_timeout(config),
        network_mode=str((inspect.get("HostConfig") or {}).get("NetworkMode") or "default"),
        exposed=frozenset(_ports(config.get("ExposedPorts") or ())),
        published=_published(settings.get("Ports") or {}),
        networks=_networks(settings.get("Networks") or {}),
    )


def _ours(pairs: Iterable[tuple[str, Any]]) -> dict[str, str]:
    return {key: str(value) for key, value in pairs if key.startswith(PREFIX)}


def _stop_timeout(config: Mapping[str, Any]) -> int:
    timeout = config.get("StopTimeout")
    return timeout if isinstance(timeout, int) else STOP_TIMEOUT_S


def _health(state: Mapping[str, Any]) -> str:
    status = str((state.get("Health") or {}).get("Status") or "")
    return "" if status == "none" else status


def nanoseconds(stamp: str) -> int:
    """Return a moment as an engine writes it in nanoseconds since 1970; 0 for other text."""
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * _NS + moment.microsecond * 1000


def _ports(texts: Iterable[str]) -> Iterable[Port]:
    return (port for text in texts if (port := _port(text)) is not None)


def _port(text: str) -> Port | None:
    number, _, protocol = text.partition("/")
    if not _is_port_number(number):
        return None
    return Port(int(number), protocol or "tcp")


def _is_port_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text[:6]) <= _MAX_PORT


def _published(rows: Mapping[str, Any]) -> dict[Port, tuple[Binding, ...]]:
    published: dict[Port, tuple[Binding, ...]] = {}
    for text, bindings in rows.items():
        port = _port(text)
        found = tuple(
            Binding(str(row.get("HostIp") or ""), int(row["HostPort"]))
            for row in bindings or ()
            if _is_port_number(str(row.get("HostPort", "")))
        )
        if port is not None and found:
            published[port] = found
    return published


def _networks(rows: Mapping[str, Any]) -> dict[str, Network]:
    return {
        name: Network(
            id=str(row.get("NetworkID") or ""),
            ipv4=str(row.get("IPAddress") or ""),
            ipv6=str(row.get("GlobalIPv6Address") or ""),
        )
        for name, row in rows.items()
        if isinstance(row, Mapping)
    }
