"""``docker rename``: a name is unique in the whole cluster, so an engine alone can't decide."""

from __future__ import annotations

from dataclasses import replace

from master.cluster.model import ApiVersion, Container
from master.cluster.placing.body import split_name
from master.cluster.placing.placement import Placement
from master.cluster.placing.reservations import Reservation
from master.errors import BadRequestError, ConflictError
from master.operations.names import is_really_taken
from master.supervisor.fleet import Fleet


async def rename(
    fleet: Fleet, placement: Placement, reference: str, name: str, version: ApiVersion
) -> None:
    """Rename the container that *reference* means.

    Raises:
        NotFoundError: there is none.
        BadRequestError: *name* can be no container's name.
        ConflictError: another container has it, on whatever engine.
        EngineStatusError: the engine refuses.
    """
    container = (await fleet.find_container(reference)).container
    engine = fleet.healthy_engine(container.engine, container)
    if not name:
        raise BadRequestError("Neither old nor new names may be empty")
    bare, _ = split_name(name, fleet.state.engine_by_name)
    reservation = await _reserve(fleet, placement, bare, container)
    try:
        await fleet.client(engine.address).request(
            "POST",
            f"/containers/{container.id}/rename",
            {"name": bare},
            version=engine.version_for(version),
        )
    except BaseException:
        placement.cancel(reservation)
        raise
    current = fleet.state.container(container.engine, container.id)
    if current is not None:
        row = {**current.row, "Names": [f"/{bare}"]}
        fleet.state.put_container(replace(current, name=bare, row=row))
    placement.settle(reservation)
    fleet.touch(container.engine, container.id)


async def _reserve(
    fleet: Fleet, placement: Placement, name: str, container: Container
) -> Reservation:
    try:
        return placement.reserve_name(name, container)
    except ConflictError:
        if await is_really_taken(fleet, name):
            raise
        return placement.reserve_name(name, container)
