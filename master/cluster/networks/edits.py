"""Networks' IDs in what engines tell, and their names in what engines are asked.

Clients compare a container's ``NetworkID`` with the ID of the network that they were shown; one
that differs makes Compose create the container anew. So the cluster's ID stands in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from master.cluster.lenient import as_mapping
from master.cluster.networks.index import NetworkIds

_NOT_NETWORKS = frozenset({"", "default", "bridge", "host", "none", "nat"})
"""Modes that every engine understands by itself."""
_CONTAINER_MODE = "container:"


def network_ids_in(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the IDs of networks that container rows name."""
    return {
        network_id
        for row in rows
        for endpoint in endpoints_of(row).values()
        if isinstance(endpoint, Mapping)
        and isinstance(network_id := endpoint.get("NetworkID"), str)
        and network_id
    }


def with_cluster_ids(container: dict[str, Any], ids: NetworkIds) -> dict[str, Any]:
    """Return a container's row or inspect with the cluster's IDs; other fields stay as they are."""
    edited = dict(container)
    if endpoints := endpoints_of(container):
        shown = {key: _shown(endpoint, ids) for key, endpoint in endpoints.items()}
        edited["NetworkSettings"] = {**container["NetworkSettings"], "Networks": shown}
    host = container.get("HostConfig")
    if isinstance(host, Mapping) and isinstance(mode := host.get("NetworkMode"), str):
        edited["HostConfig"] = {**host, "NetworkMode": ids.get(mode)}
    return edited


def _shown(endpoint: Any, ids: NetworkIds) -> Any:
    if not isinstance(endpoint, Mapping) or not isinstance(endpoint.get("NetworkID"), str):
        return endpoint
    return {**endpoint, "NetworkID": ids.get(endpoint["NetworkID"])}


def endpoints_of(container: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a container's ends in networks, by their names, from its row or inspect."""
    return as_mapping(as_mapping(container.get("NetworkSettings")).get("Networks"))


def with_cluster_network(
    message: Mapping[str, Any], address: str, ids: NetworkIds
) -> Mapping[str, Any]:
    """Return an engine's event with the cluster's ID, if it is about a network."""
    actor = message.get("Actor")
    if message.get("Type") != "network" or not isinstance(actor, Mapping):
        return message
    attributes = actor.get("Attributes")
    name = attributes.get("name") if isinstance(attributes, Mapping) else None
    known = ids.of_event(address, str(actor.get("ID", "")), str(name or ""))
    return {**message, "Actor": {**actor, "ID": known}}


def networks_joined(body: Mapping[str, Any]) -> list[str]:
    """Return the references to networks in a create's body, each once.

    *body* is `master.cluster.placing.body.read_creation`'s: its types are checked.
    """
    host = body.get("HostConfig") or {}
    networking = body.get("NetworkingConfig") or {}
    mode = str(host.get("NetworkMode") or "")
    wanted = [mode, *(networking.get("EndpointsConfig") or {})]
    return [
        reference
        for reference in dict.fromkeys(wanted)
        if reference not in _NOT_NETWORKS and not reference.startswith(_CONTAINER_MODE)
    ]


def with_local_networks(body: dict[str, Any], local: Callable[[str], str]) -> dict[str, Any]:
    """Return a create's body whose networks are what the chosen engine understands.

    Args:
        body: from `master.cluster.placing.body.read_creation`.
        local: a reference to the engine's own; a reference that it doesn't know comes back as is.
    """
    edited = dict(body)
    host = body.get("HostConfig")
    if host and (mode := host.get("NetworkMode")):
        edited["HostConfig"] = {**host, "NetworkMode": local(mode)}
    networking = body.get("NetworkingConfig")
    if networking and (endpoints := networking.get("EndpointsConfig")):
        edited["NetworkingConfig"] = {
            **networking,
            "EndpointsConfig": {
                local(name): endpoint_on(endpoint, local) for name, endpoint in endpoints.items()
            },
        }
    return edited


def endpoint_on(endpoint: Any, local: Callable[[str], str]) -> Any:
    """Return an endpoint's settings with the engine's own ``NetworkID``, if they name one."""
    if not isinstance(endpoint, Mapping) or not isinstance(endpoint.get("NetworkID"), str):
        return endpoint
    return {**endpoint, "NetworkID": local(endpoint["NetworkID"])}
