"""What the user typed turned into one container of the cluster."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from master.cluster.index import ContainerKey, TextIndex
from master.cluster.model import Container
from master.cluster.node_object import node_name
from master.cluster.state import ClusterState
from master.errors import BadRequestError, ConflictError, NotFoundError

_SHORT_ID = 12


@dataclass(frozen=True, slots=True)
class Resolved:
    """One container, and whether its engine understands the reference as it was typed."""

    container: Container
    as_typed: bool
    """True for an ID, its prefix, a plain name: a request can be relayed with its path
    unchanged. ``/name``, ``node/name`` and Swarm IDs mean nothing to the engine: the full ID
    has to take their place."""


def resolve(state: ClusterState, reference: str) -> Resolved:
    """Return the container that *reference* means; the first of these that fits decides.

    1. its ID, full or 12 characters;
    2. its Swarm ID, full or 12 characters;
    3. its name: ``web``, ``/web``, ``node/web``, where node is an engine's name, ID or address;
    4. a prefix that fits one container only, by its ID or its Swarm ID.

    Containers of engines that don't answer resolve as well: the request then says so.

    Raises:
        NotFoundError: nothing fits.
        ConflictError: the name, or the full ID, exists on several engines.
        BadRequestError: the prefix fits several containers.

    Source: classic Swarm's order (cluster/container.go, Get). Unlike there, a prefix of both the
    ID and the Swarm ID of one container is no ambiguity, and an ambiguity is told.
    """
    if not reference:
        raise not_found(reference)
    if keys := _by_id(state.ids, reference):
        container = _only(state, keys, reference)
        return Resolved(container, as_typed=not _hidden_by_a_name(state, container, reference))
    if keys := _by_id(state.swarm_ids, reference):
        return Resolved(_only(state, keys, reference), as_typed=False)
    if keys := _by_name(state, reference):
        return Resolved(_only(state, keys, reference), as_typed="/" not in reference)
    return _by_prefix(state, reference)


def not_found(reference: str) -> NotFoundError:
    """Return Docker's answer to an unknown container."""
    return NotFoundError(f"No such container: {reference}")


def _by_id(ids: TextIndex, reference: str) -> Collection[ContainerKey]:
    if len(reference) == _SHORT_ID:
        return tuple(ids.starting_with(reference))
    return ids.exact(reference)


def _by_name(state: ClusterState, reference: str) -> Collection[ContainerKey]:
    """Return the containers with this name, on whatever engines it doesn't rule out.

    A container's name has no slash, so all before the last one is the node: an engine's ID or
    address may have slashes (``unix:///var/run/docker.sock``).
    """
    node, slash, name = reference.rpartition("/")
    found = state.names.exact(name)
    if not slash or not node:
        return found
    addresses = {engine.address for engine in state.engines_by_name(node.removeprefix("/"))}
    return tuple(key for key in found if key[0] in addresses)


def _only(state: ClusterState, keys: Collection[ContainerKey], reference: str) -> Container:
    if len(keys) == 1:
        return state.container_at(next(iter(keys)))
    candidates = sorted(_full_name(state, state.container_at(key)) for key in keys)
    raise ConflictError(
        f"More than one container is called {reference} in this cluster. "
        f"Say which one you mean: {', '.join(candidates)}"
    )


def _full_name(state: ClusterState, container: Container) -> str:
    node = node_name(state, container.engine)
    return f"{node}/{container.name or container.id[:_SHORT_ID]}"


def _hidden_by_a_name(state: ClusterState, container: Container, reference: str) -> bool:
    """Whether the engine would take a short ID for the name of another container of its."""
    return len(reference) == _SHORT_ID and any(
        address == container.engine and other != container.id
        for address, other in state.names.exact(reference)
    )


def find_prefix(state: ClusterState, prefix: str) -> Container | None:
    """Return the one container whose ID or Swarm ID starts with *prefix*; None if not one does."""
    if not prefix:
        return None
    try:
        return _by_prefix(state, prefix).container
    except (NotFoundError, BadRequestError):
        return None


def _by_prefix(state: ClusterState, reference: str) -> Resolved:
    found: ContainerKey | None = None
    is_id = False
    for index in (state.ids, state.swarm_ids):
        for key in index.starting_with(reference):
            if found is not None and key != found:
                # Docker's words, and its status since version 25 (before, it was a 500).
                raise BadRequestError(f"multiple IDs found with provided prefix: {reference}")
            found = key
            is_id = is_id or index is state.ids
    if found is None:
        raise not_found(reference)
    return Resolved(state.container_at(found), as_typed=is_id)
