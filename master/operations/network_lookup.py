"""What every verb about networks needs: which one is meant, and which engines have it."""

from __future__ import annotations

from master.cluster.model import Engine
from master.cluster.networks.index import ClusterNetwork
from master.cluster.networks.listing import find_network
from master.cluster.state import ClusterState
from master.errors import NotFoundError, UnavailableError
from master.supervisor.fleet import Fleet


async def find(fleet: Fleet, reference: str) -> ClusterNetwork:
    """Return the network that *reference* means, however young.

    Raises:
        NotFoundError: there is none.
        BadRequestError: there are several.
    """
    try:
        return find_network(fleet.state, reference)
    except NotFoundError:
        await fleet.settled()
        return find_network(fleet.state, reference)


def holders(state: ClusterState, group: ClusterNetwork) -> list[Engine]:
    """Return the healthy engines that have a network.

    Raises:
        UnavailableError: none of those that have it answers.
    """
    engines = [state.engine(copy.engine) for copy in group.copies]
    healthy = [engine for engine in engines if engine is not None and engine.is_healthy]
    if not healthy:
        names = ", ".join(e.name for e in engines if e is not None)
        raise UnavailableError(f"network {group.name} is on {names}, which does not answer")
    return healthy


def lost_holders(state: ClusterState, group: ClusterNetwork) -> list[Engine]:
    """Return the engines that have it and do not answer."""
    engines = [state.engine(copy.engine) for copy in group.copies]
    return [engine for engine in engines if engine is not None and not engine.is_healthy]
