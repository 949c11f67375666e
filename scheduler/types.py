"""The values that a placement is decided on: frozen, without behaviour that could change them.

A node carries what every decision needs, worked out once when it is made.
The manager keeps a node until its engine changes, so a decision over 200
unchanged nodes only reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scheduler.expr import Expression
from scheduler.order import natural_key
from scheduler.rejection import Rejection

if TYPE_CHECKING:
    from random import Random

    from scheduler.order import NaturalKey

SHORT_ID_LENGTH = 12
"""Digits of an ID that ``docker ps`` shows."""

_NANOCPUS = 1_000_000_000
"""In one CPU. Docker's own unit: sums of integers do not depend on their order."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


def nanocpus(cpus: float) -> int:
    """Return *cpus* CPUs in billionths."""
    return round(cpus * _NANOCPUS)


@dataclass(frozen=True, slots=True)
class PortClaim:
    """One port of the host that a container holds or wants."""

    host_port: int
    """0: any free one, which clashes with nothing."""
    host_ip: str = ""
    """Empty, 0.0.0.0 and :: all mean every interface."""
    protocol: str = "tcp"
    is_host_mode: bool = False
    """Exposed in the host's network instead of published; only messages tell them apart."""


@dataclass(frozen=True, slots=True)
class PlacedContainer:
    """A container on a node: running, stopped, or reserved and not created yet."""

    id: str
    """Empty as long as a reserved one has none."""
    name: str
    """Without a slash."""
    image: str = ""
    """As the user gave it: repository and tag."""
    image_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    swarm_id: str = ""
    memory: int = 0
    """Bytes asked for; 0: none."""
    cpus: float = 0.0
    """CPUs asked for; 0: none."""
    ports: tuple[PortClaim, ...] = ()
    is_running: bool = field(kw_only=True)
    """Paused and restarting ones run."""
    is_pending: bool = False
    """Reserved: counts as if it ran."""

    @property
    def is_active(self) -> bool:
        """It runs, or is about to."""
        return self.is_running or self.is_pending


@dataclass(frozen=True, slots=True, order=True)
class HeldPort:
    """Who holds a port, for the port filter and its reason. Sorted, so that reasons are stable."""

    host_ip: str
    holder: str


@dataclass(frozen=True, slots=True)
class Node:
    """One engine as the scheduler sees it: a snapshot, never a live object."""

    id: str
    name: str
    addr: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    memory_total: int = 0
    """Bytes, overcommit already applied."""
    cpus_total: float = 0.0
    """CPUs, overcommit already applied."""
    health: int = 100
    """0 (unhealthy) to 100 (no recent failure)."""
    containers: tuple[PlacedContainer, ...] = ()
    images: frozenset[str] = frozenset()
    """IDs, repo:tags, repos and digest references."""

    memory_used: int = field(init=False, repr=False, compare=False)
    """Bytes asked for by containers in any state."""
    memory_active: int = field(init=False, repr=False, compare=False)
    """Bytes asked for by those that run or are pending."""
    nanocpus_total: int = field(init=False, repr=False, compare=False)
    nanocpus_used: int = field(init=False, repr=False, compare=False)
    """Billionths of a CPU asked for by containers in any state."""
    nanocpus_active: int = field(init=False, repr=False, compare=False)
    active_count: int = field(init=False, repr=False, compare=False)
    """Containers that run or are pending."""
    container_slots: int | None = field(init=False, repr=False, compare=False)
    """The label ``containerslots``; None without one that is an integer."""
    ports: Mapping[tuple[int, str], tuple[HeldPort, ...]] = field(
        init=False, repr=False, compare=False
    )
    """(host port, protocol) to those that hold it, in whatever state they are."""
    container_names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """Names, IDs and short IDs of the containers: the subjects of ``affinity:container``."""
    references: frozenset[str] = field(init=False, repr=False, compare=False)
    """Everything but a prefix that names one of the containers: see :func:`_references`."""
    sort_key: tuple[NaturalKey, str, str] = field(init=False, repr=False, compare=False)
    """Natural order of the names; ID and address decide between equal names."""

    def __post_init__(self) -> None:
        active = [container for container in self.containers if container.is_active]
        derived: dict[str, object] = {
            "memory_used": sum(container.memory for container in self.containers),
            "memory_active": sum(container.memory for container in active),
            "nanocpus_total": nanocpus(self.cpus_total),
            "nanocpus_used": sum(nanocpus(container.cpus) for container in self.containers),
            "nanocpus_active": sum(nanocpus(container.cpus) for container in active),
            "active_count": len(active),
            "container_slots": _integer(self.labels.get("containerslots", "")),
            "ports": _held_ports(self.containers),
            "container_names": _container_names(self.containers),
            "references": frozenset(_references(self)),
            "sort_key": (natural_key(self.name), self.id, self.addr),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @property
    def cpus_used(self) -> float:
        """CPUs asked for by containers in any state."""
        return self.nanocpus_used / _NANOCPUS


@dataclass(frozen=True, slots=True)
class Request:
    """What a container that is to be created asks for."""

    name: str = ""
    image: str = ""
    """As it was typed."""
    full_image: str = ""
    """The same with its tag, as `Node.images` has it; empty: as it was typed."""
    labels: Mapping[str, str] = field(default_factory=dict)
    memory: int = 0
    """Bytes; 0: does not ask."""
    cpus: float = 0.0
    """CPUs; 0: does not ask."""
    ports: tuple[PortClaim, ...] = ()
    constraints: tuple[Expression, ...] = ()
    affinities: tuple[Expression, ...] = ()
    whitelists: tuple[Expression, ...] = ()
    volumes_from: tuple[str, ...] = ()
    """As Docker spells them: ``data``, ``data:ro``."""
    links: tuple[str, ...] = ()
    """``db:alias``. Only those that need the same engine: on a network of the user's own a link
    is an alias and no reason to share a node (moby#23885), so the caller leaves it out."""
    network_container: str = ""
    """The container whose network it joins: X of ``--net=container:X``."""
    ipc_container: str = ""
    """X of ``--ipc=container:X``."""
    pid_container: str = ""
    """X of ``--pid=container:X``."""

    nanocpus: int = field(init=False, repr=False, compare=False)
    """The CPUs asked for, in billionths."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "nanocpus", nanocpus(self.cpus))

    @property
    def has_soft(self) -> bool:
        """At least one expression is only a wish."""
        return any(
            expression.is_soft
            for expression in (*self.constraints, *self.affinities, *self.whitelists)
        )

    def without_soft(self) -> Request:
        """Return the request with its hard expressions only."""
        return replace(
            self,
            constraints=_hard(self.constraints),
            affinities=_hard(self.affinities),
            whitelists=_hard(self.whitelists),
        )


Check = Callable[[Node], str | None]
"""Says why a node is refused, in words; None: it is not."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A rule that refuses nodes one by one."""

    name: str
    check_for: Callable[[Request, Sequence[Node]], Check | None]
    """(request, all nodes of the cluster) to a check; None if the request asks nothing of it."""
    conditions_of: Callable[[Request], list[str]]
    """What the request asks, in classic Swarm's words for "following conditions"."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """A strategy's answer: the nodes that have room, best first, and why the others have none."""

    nodes: list[Node]
    without_room: list[tuple[Node, str]] = field(default_factory=list)
    """With what each of them lacks, in words."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A rule that sorts nodes."""

    name: str
    rank: Callable[[Request, Sequence[Node], Random], Ranking]


@dataclass(frozen=True, slots=True)
class Placement:
    """The whole decision: every node is either among *nodes*, best first, or among *rejections*."""

    nodes: tuple[Node, ...]
    rejections: tuple[Rejection, ...]


def _hard(expressions: tuple[Expression, ...]) -> tuple[Expression, ...]:
    return tuple(expression for expression in expressions if not expression.is_soft)


def _integer(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None


def _held_ports(
    containers: tuple[PlacedContainer, ...],
) -> dict[tuple[int, str], tuple[HeldPort, ...]]:
    held: dict[tuple[int, str], list[HeldPort]] = {}
    for container in containers:
        for claim in container.ports:
            if claim.host_port:
                holder = HeldPort(claim.host_ip, container.name or container.id)
                held.setdefault((claim.host_port, claim.protocol), []).append(holder)
    return {key: tuple(sorted(holders)) for key, holders in held.items()}


def _container_names(containers: tuple[PlacedContainer, ...]) -> tuple[str, ...]:
    return tuple(
        subject
        for container in containers
        for subject in (container.name, container.id, container.id[:SHORT_ID_LENGTH])
        if subject
    )


def _references(node: Node) -> list[str]:
    """Name, node/name, ID/name, and both IDs in full and short, of each container.

    Source: cluster/container.go, Containers.Get.
    """
    references: list[str] = []
    for container in node.containers:
        if container.name:
            references += (
                container.name,
                f"{node.name}/{container.name}",
                f"{node.id}/{container.name}",
            )
        for identity in (container.id, container.swarm_id):
            if identity:
                references += (identity, identity[:SHORT_ID_LENGTH])
    return references
