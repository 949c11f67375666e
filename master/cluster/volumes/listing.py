"""Volumes of the whole cluster: their homes, their names, ``GET /volumes``.

A local volume's data is on one engine, its home. Its name comes back exactly as it was created as
long as one engine has a volume of that name; with several it is ``node/name``, for each of them.
A volume of a global driver is one thing, whoever lists it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from master.cluster.filters import (
    NO_FILTERS,
    Filters,
    check_keys,
    label_test,
    matcher,
    parse_filters,
    yes_or_no,
)
from master.cluster.lenient import as_mappings, as_text
from master.cluster.model import Container, Engine, Volume
from master.cluster.node_object import node_name
from master.cluster.state import ClusterState
from master.errors import ConflictError, NotFoundError
from scheduler.types import Check, Filter, Node, Request
from scheduler.wording import shorten

ACCEPTED = frozenset({"dangling", "driver", "label", "name", "node"})

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def is_volume_name(text: str) -> bool:
    """Whether a local volume may be called so: what else stands in a bind is a path."""
    return _NAME.fullmatch(text) is not None


# One volume


def find_volume(state: ClusterState, reference: str) -> tuple[Volume, ...]:
    """Return the volume that ``vol`` or ``node/vol`` means: several rows of a global one.

    Raises:
        NotFoundError: there is none, in Docker's words, or several engines have one.
    """
    found = _candidates(state, reference)
    if not found:
        raise NotFoundError(f"get {reference}: no such volume")
    if is_ambiguous(found):
        raise NotFoundError(_ambiguity(state, reference, found))
    return found


def find_volume_to_change(state: ClusterState, reference: str) -> tuple[Volume, ...]:
    """Return the volume as `find_volume`; an ambiguous one is a conflict here.

    Raises:
        NotFoundError: there is none.
        ConflictError: several engines have one: it must be clear whose data is meant.
    """
    found = _candidates(state, reference)
    if is_ambiguous(found):
        raise ConflictError(_ambiguity(state, reference, found))
    return find_volume(state, reference)


def is_ambiguous(volumes: Collection[Volume]) -> bool:
    """Whether volumes of one name are different things."""
    return len(volumes) > 1 and any(volume.is_local for volume in volumes)


def shown_name(state: ClusterState, volume: Volume) -> str:
    """Return ``vol``, or ``node/vol`` if another engine has a volume of that name."""
    if not is_ambiguous(state.volumes_named(volume.name)):
        return volume.name
    return f"{node_name(state, volume.engine)}/{volume.name}"


def split_volume(
    reference: str, find_node: Callable[[str], Engine | None]
) -> tuple[str, Engine | None]:
    """Return ``vol`` and the node of ``node/vol``; anything else comes back as it is."""
    prefix, slash, bare = reference.rpartition("/")
    if not slash or not prefix or not is_volume_name(bare):
        return reference, None
    node = find_node(prefix)
    return (bare, node) if node is not None else (reference, None)


def _candidates(state: ClusterState, reference: str) -> tuple[Volume, ...]:
    node, slash, name = reference.rpartition("/")
    found = state.volumes_named(name)
    if not slash:
        return found
    addresses = {engine.address for engine in state.engines_by_name(node)}
    return tuple(volume for volume in found if volume.engine in addresses)


def _ambiguity(state: ClusterState, reference: str, volumes: Iterable[Volume]) -> str:
    names = sorted(f"{node_name(state, volume.engine)}/{volume.name}" for volume in volumes)
    return (
        f"get {reference}: no such volume by this name alone: several nodes have one. "
        f"Say which one you mean: {', '.join(names)}"
    )


# The list


@dataclass(frozen=True, slots=True)
class VolumeQuery:
    """What a list of volumes is asked for."""

    filters: Filters = field(default_factory=lambda: NO_FILTERS)

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> VolumeQuery:
        """Read the query's parameters.

        Raises:
            BadRequestError: one of them makes no sense, in Docker's words.
        """
        filters = parse_filters(params.get("filters"))
        check_keys(filters, ACCEPTED)
        yes_or_no(filters, "dangling")
        return cls(filters)


def volume_rows(state: ClusterState, query: VolumeQuery) -> list[dict[str, Any]]:
    """Return the rows of ``GET /volumes``, sorted by name.

    Raises:
        BadRequestError: a filter's value makes no sense.
    """
    is_wanted = _test(state, query.filters)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for volume in state.volumes():
        if is_wanted(volume):
            home = volume.engine if volume.is_local else ""
            row = {**volume.row, "Name": shown_name(state, volume)}
            rows.setdefault((volume.name, home), row)
    return sorted(rows.values(), key=lambda row: str(row["Name"]))


def _test(state: ClusterState, filters: Filters) -> Callable[[Volume], bool]:
    has_labels = label_test(filters.get("label", ()))
    drivers = filters.get("driver", ())
    names = matcher("name", filters["name"]) if filters.get("name") else None
    is_on_node = _node_test(state, filters.get("node", ()))
    is_dangling = yes_or_no(filters, "dangling")
    used = volumes_in_use(state.containers()) if is_dangling is not None else frozenset()

    def test(volume: Volume) -> bool:
        return (
            (not drivers or volume.driver in drivers)
            and has_labels(volume.labels)
            and is_on_node(volume.engine)
            and (names is None or names(volume.name) or names(shown_name(state, volume)))
            and (is_dangling is None or is_dangling is ((volume.engine, volume.name) not in used))
        )

    return test


def _node_test(state: ClusterState, nodes: tuple[str, ...]) -> Callable[[str], bool]:
    if not nodes:
        return lambda _: True
    matches = matcher("node", nodes)
    fitting = {
        engine.address
        for engine in state.engines().values()
        if matches(engine.name) or engine.id in nodes or engine.address in nodes
    }
    return fitting.__contains__


def volumes_in_use(containers: Iterable[Container]) -> frozenset[tuple[str, str]]:
    """Return (engine address, volume name) of all that containers, stopped ones too, mount."""
    return frozenset(
        (container.engine, name) for container in containers for name in mounted_volumes(container)
    )


def mounted_volumes(container: Container) -> Iterable[str]:
    """Yield the names of the volumes that a container's row shows."""
    for mount in as_mappings(container.row.get("Mounts")):
        if mount.get("Type", "volume") == "volume" and (name := as_text(mount.get("Name"))):
            yield name


# Placement


def volume_filter(homes: Mapping[str, Collection[str]], names: Mapping[str, str]) -> Filter:
    """Return the filter that sends a container to the data that it mounts.

    Args:
        homes: a volume's name to the addresses of the engines that have it.
        names: engine address to node name, for the reason.
    """

    def check_for(_request: Request, _nodes: Sequence[Node]) -> Check | None:
        return refuse if homes else None

    def refuse(node: Node) -> str | None:
        for volume, addresses in homes.items():
            if node.addr not in addresses:
                where = ", ".join(sorted(names.get(address, address) for address in addresses))
                return f"volume {shorten(volume)} is on {shorten(where)}"
        return None

    return Filter("volume", check_for, lambda _: [f"--volume={volume}" for volume in homes])
