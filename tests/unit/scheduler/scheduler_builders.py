"""Short ways to the values that the scheduler's tests are about."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from scheduler import Node, PlacedContainer, PortClaim, Request, parse_many
from scheduler.filters import FILTERS
from scheduler.types import Filter

GIB = 1024**3


def container(name: str = "web", **fields: Any) -> PlacedContainer:
    fields.setdefault("id", (name.encode().hex() * 64)[:64] if name else "")
    fields.setdefault("is_running", True)
    return PlacedContainer(name=name, **fields)


def node(name: str = "node-1", *containers: PlacedContainer, **fields: Any) -> Node:
    fields.setdefault("id", f"ID:{name}")
    fields.setdefault("memory_total", 4 * GIB)
    fields.setdefault("cpus_total", 4.0)
    return Node(name=name, containers=containers, **fields)


def labelled(name: str = "node-1", **labels: str) -> Node:
    return node(name, labels=labels)


def request(
    *constraints: str,
    affinities: tuple[str, ...] = (),
    whitelists: tuple[str, ...] = (),
    **fields: Any,
) -> Request:
    return Request(
        constraints=parse_many(constraints),
        affinities=parse_many(affinities, "affinity"),
        whitelists=parse_many(whitelists, "whitelist"),
        **fields,
    )


def ports(*host_ports: int) -> tuple[PortClaim, ...]:
    return tuple(PortClaim(host_port) for host_port in host_ports)


def rng(seed: int = 1) -> random.Random:
    return random.Random(seed)


def refusal(
    rule: Filter | str, wanted: Request, subject: Node, others: tuple[Node, ...] = ()
) -> str | None:
    """Return why *rule* refuses *subject*; None if it does not."""
    found = FILTERS[rule] if isinstance(rule, str) else rule
    check = found.check_for(wanted, (subject, *others))
    return None if check is None else check(subject)


def names(nodes: Any) -> list[str]:
    return [entry.name for entry in nodes]


def labels_of(container_labels: Mapping[str, str]) -> PlacedContainer:
    return container("labelled", labels=container_labels)
