"""``GET /networks`` and one network's inspect: merged over the engines, filtered as Docker does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from master.cluster.filters import (
    Filters,
    Matcher,
    bad_value,
    check_keys,
    label_test,
    matcher,
    parse_filters,
    yes_or_no,
)
from master.cluster.groups import group_of
from master.cluster.lenient import as_mapping
from master.cluster.model import Container, Engine, Network
from master.cluster.networks.edits import endpoints_of
from master.cluster.networks.index import ClusterNetwork, no_such_network
from master.cluster.state import ClusterState

ACCEPTED = frozenset({"dangling", "driver", "id", "label", "name", "node", "scope", "type"})
"""Filters of a list; ``node`` is ours, as for containers."""

_TYPES = {"builtin": True, "custom": False}


def read_filters(text: str | None) -> Filters:
    """Read a list's ``filters``.

    Raises:
        BadRequestError: they make no sense.
    """
    filters = parse_filters(text)
    check_keys(filters, ACCEPTED)
    yes_or_no(filters, "dangling")
    for value in filters.get("type", ()):
        if value not in _TYPES:
            raise bad_value("type", value)
    return filters


def list_networks(state: ClusterState, filters: Filters) -> list[dict[str, Any]]:
    """Return the rows of all networks that *filters* let pass, by name.

    Raises:
        BadRequestError: a pattern makes no sense.
    """
    tests = list(_tests(state, filters))
    rows = []
    for group in state.network_index().all():
        name = shown_name(state, group)
        if all(test(group, name) for test in tests):
            rows.append({**_common(group), "Name": name})
    return sorted(rows, key=lambda row: (row["Name"], row["Id"]))


def find_network(state: ClusterState, reference: str) -> ClusterNetwork:
    """Return the network that *reference* means: ID, name, beginning of an ID, or ``node/name``.

    Raises:
        NotFoundError: there is none.
        BadRequestError: there are several.
    """
    index = state.network_index()
    if "/" not in reference or index.named(reference):
        return index.resolve(reference)
    node, _, bare = reference.rpartition("/")
    engine = state.engine_by_name(node)
    for group in index.fitting(bare) if engine is not None and bare else ():
        if (copy := group.copy_on(engine.address)) is not None:  # type: ignore[union-attr]
            return group.only(copy)
    raise no_such_network(reference)


def shown_name(state: ClusterState, group: ClusterNetwork) -> str:
    """Return the name as it was created; ``node/name`` where that would mean several networks."""
    if len(state.network_index().named(group.name)) == 1:
        return group.name
    engine = state.engine(group.copies[0].engine)
    return f"{engine.name}/{group.name}" if engine is not None and engine.name else group.name


def merged_inspect(
    group: ClusterNetwork, parts: Iterable[tuple[Engine, Mapping[str, Any]]]
) -> dict[str, Any]:
    """Return one inspect: the eldest copy's, with the containers of all of them and their nodes.

    Args:
        group: says the ID.
        parts: at least one engine and what its inspect answered.
    """
    answered = {engine.address: (engine, body) for engine, body in parts}
    eldest = next(c.engine for c in group.copies if c.engine in answered)
    merged = {**answered[eldest][1], "Id": group.id, "Labels": dict(group.labels)}
    containers: dict[str, Any] = {}
    for engine, body in answered.values():
        found = body.get("Containers")
        for key, endpoint in (found if isinstance(found, Mapping) else {}).items():
            known = isinstance(endpoint, Mapping)
            containers[key] = {**endpoint, "Node": engine.name} if known else endpoint
    merged["Containers"] = containers
    return merged


def belongs(container: Container, group: ClusterNetwork) -> bool:
    """Whether a container joined this network. Before its first start only a name may say so."""
    for key, endpoint in endpoints_of(container.row).items():
        network_id = as_mapping(endpoint).get("NetworkID")
        if network_id == group.id:
            return True
        if not network_id and key in {group.name, group.id}:
            return group.copy_on(container.engine) is not None
    return False


def family(state: ClusterState, group: ClusterNetwork) -> list[ClusterNetwork]:
    """Return the networks whose containers keep together with those of *group*; it is the first.

    These are the other networks of the same Compose project, job or session: older API versions
    name one network in the create and connect the others afterwards, when the place is chosen.
    """
    label = group_of(group.labels)
    if label is None:
        return [group]
    others = [
        other
        for other in state.network_index().all()
        if other.id != group.id
        and other.is_mirrored
        and not other.is_spread
        and group_of(other.labels) == label
    ]
    return [group, *others]


Test = Callable[[ClusterNetwork, str], bool]
"""(network, its shown name) to whether it stays in the list."""


def _tests(state: ClusterState, filters: Filters) -> Iterable[Test]:
    if names := filters.get("name"):
        fits_name = matcher("name", names)
        yield lambda group, name: fits_name(group.name) or fits_name(name)
    if ids := filters.get("id"):
        fits_id = matcher("id", ids)
        yield lambda group, _: fits_id(group.id) or any(fits_id(c.id) for c in group.copies)
    if drivers := filters.get("driver"):
        yield lambda group, _: group.copies[0].driver in drivers
    if scopes := filters.get("scope"):
        yield lambda group, _: group.copies[0].row.get("Scope") in scopes
    if labels := filters.get("label"):
        has_labels = label_test(labels)
        yield lambda group, _: has_labels(group.labels)
    if kinds := filters.get("type"):
        wanted = {_TYPES[kind] for kind in kinds}
        yield lambda group, _: group.is_predefined in wanted
    if nodes := filters.get("node"):
        fits_node = matcher("node", nodes)
        yield lambda group, _: any(_is_on(state, c, nodes, fits_node) for c in group.copies)
    if (dangling := yes_or_no(filters, "dangling")) is not None:
        used = _used(state)
        # Docker never calls its own networks dangling, whoever uses them.
        yield lambda group, _: dangling is (not group.is_predefined and group.id not in used)


def _is_on(state: ClusterState, copy: Network, nodes: tuple[str, ...], fits: Matcher) -> bool:
    engine = state.engine(copy.engine)
    return engine is not None and (
        fits(engine.name) or engine.id in nodes or engine.address in nodes
    )


def _used(state: ClusterState) -> set[str]:
    return {
        str(as_mapping(endpoint).get("NetworkID"))
        for container in state.containers()
        if container.is_up
        for endpoint in endpoints_of(container.row).values()
    }


def _common(group: ClusterNetwork) -> dict[str, Any]:
    return {**group.copies[0].row, "Id": group.id, "Labels": dict(group.labels)}
