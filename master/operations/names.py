"""Names of containers: unique in the whole cluster."""

from __future__ import annotations

from master.supervisor.fleet import Fleet


async def is_really_taken(fleet: Fleet, name: str) -> bool:
    """Whether a live engine confirms a conflict: the container may have gone a moment ago.

    A holder that is gone is forgotten; then the name can be had.
    """
    holders = [fleet.state.container_at(key) for key in fleet.state.names.exact(name)]
    if not holders:
        return True  # reserved by a create or a rename that is on the way
    return any([await fleet.still_there(holder) for holder in holders])
