"""``docker build``: placed like a container, then on one engine from its tar to its last line.

BuildKit's connections go to one engine a client as long as it keeps coming: `Builder.stream`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from engine.client import EngineClient
from engine.errors import EngineError, EngineUnreachableError
from master.cluster.builds import (
    BuildOrder,
    BuildPins,
    Pin,
    build_pin,
    choose,
    client_pin,
    read_build,
    session_pin,
    with_value,
)
from master.cluster.images.holders import image_holders
from master.cluster.images.merge import told_as_progress
from master.cluster.model import ApiVersion, Engine
from master.cluster.placing.placement import Placement
from master.cluster.placing.settings import PlacingSettings
from master.errors import ManagerError, PlacementError
from master.operations.fanout import ask_all
from master.supervisor.fleet import Fleet
from scheduler.schedule import schedule
from scheduler.types import Request

_log = logging.getLogger(__name__)

PARTNER_WAIT_S = 5.0
"""How long a session or an upload waits for the build that it belongs to, as in classic Swarm:
the client sends them at the same time, but only the build says where it may go."""
_CANCEL_TIMEOUT_S = 10.0
_ANYTHING = Request()
"""BuildKit's connections say nothing of what they are for."""


@dataclass(frozen=True)
class BuildCall:
    """One ``POST /build`` as it came."""

    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    """Those for the engine."""
    body: AsyncIterator[bytes]
    """The context, a tar. Read only when an engine has been found that takes it."""
    version: ApiVersion
    client: str
    """The client's address."""


class Builder:
    """Finds engines for builds, and lets each client come back to its own."""

    def __init__(
        self,
        fleet: Fleet,
        placement: Placement,
        settings: PlacingSettings,
        rng: random.Random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*rng* is the random strategy's; *clock* gives monotonic seconds."""
        self._fleet = fleet
        self._placement = placement
        self._settings = settings
        self._rng = rng
        self._clock = clock
        self._pins = BuildPins()
        self._changed = asyncio.Event()

    async def build(self, call: BuildCall) -> AsyncIterator[bytes]:
        """Build; returns the answer's pieces as the engine sends them, once it has begun to.

        Raises:
            SchedulingError: no engine fits, or an expression makes no sense.
            EngineError: the engine refuses, or does not answer.
        """
        order = read_build(call.query, cpu_shares_are_cores=self._settings.cpu_shares_are_cores)
        order = await self._with_known_network(order)
        if order.is_upload:
            await self._wait(lambda: self._pinned(order.must) is not None)
        failed: dict[str, EngineUnreachableError] = {}
        while True:
            address = self._choose_for(order, call.client, failed)
            pieces = self._run(call, order, address)
            try:
                # Whoever drops it from here on ends it, and so the build: it has begun.
                await anext(pieces)
            except EngineUnreachableError as exc:
                self._fleet.suspect(exc.address)
                if exc.sent:
                    raise
                failed[address] = exc
                continue
            return pieces

    async def cancel(self, build: str, version: ApiVersion) -> None:
        """Stop the build of this ID, wherever it runs.

        Raises:
            EngineError: an engine refuses, or does not answer.
        """
        if not build:
            engines = self._fleet.healthy_engines()[:1]  # for its words on that
        elif (address := self._pins.find(build_pin(build), self._clock())) is not None:
            engines = [self._fleet.healthy_engine(address)]
        else:
            engines = None  # begun through another manager: it may be anywhere

        async def ask(engine: Engine, client: EngineClient) -> None:
            query = {"id": build} if build else {}
            await client.request(
                "POST", "/build/cancel", query, version=engine.version_for(version), timeout_s=None
            )

        asked = await ask_all(self._fleet, ask, deadline_s=_CANCEL_TIMEOUT_S, engines=engines)
        asked.raise_failure()

    @contextlib.asynccontextmanager
    async def stream(self, client: str, session: str) -> AsyncIterator[str]:
        """The address of the engine for one of BuildKit's connections, pinned while it lasts.

        Args:
            client: its address.
            session: the UUID that the connection names; empty if it names none.

        Raises:
            SchedulingError: no engine fits.
        """
        pins = [client_pin(client)]
        if session:
            pins.insert(0, session_pin(session))
            await self._wait(
                lambda: self._pinned(pins[:1]) is not None or self._pins.is_held(pins[-1])
            )
        held = [pin for pin in pins if self._pins.is_held(pin)]
        address = self._healthy(self._pinned(held))
        if address is None:
            pinned = [self._pinned([pin]) for pin in pins]
            address = choose(self._fitting(_ANYTHING, {}), pinned=pinned)
        # All connections of a client together count as one container.
        with self._held(pins, address, None if held else _ANYTHING):
            try:
                yield address
            finally:
                self._fleet.touch_images(address)

    async def _run(self, call: BuildCall, order: BuildOrder, address: str) -> AsyncIterator[bytes]:
        """One build on one engine: nothing when it has begun, then its answer's pieces."""
        engine = self._fleet.healthy_engine(address)
        pins = [*order.must, *self._movable(order.may(call.client), address)]
        with self._held(pins, address, None if order.is_upload else order.request):
            try:
                async with self._fleet.client(address).stream(
                    "POST",
                    "/build",
                    order.query_for(engine.cpus),
                    content=call.body,
                    headers=call.headers,
                    version=engine.version_for(call.version),
                ) as pieces:
                    yield b""
                    async for piece in _until_lost(pieces, engine, self._fleet):
                        yield piece
            finally:
                self._fleet.touch_images(address)
        # The client's next request may be to run the image.
        await self._fleet.settled()

    def _choose_for(
        self, order: BuildOrder, client: str, failed: dict[str, EngineUnreachableError]
    ) -> str:
        other_half = self._healthy(self._pinned(order.must))
        if other_half in failed:
            other_half = None  # it was only tried there: nothing has begun yet
        if other_half is not None and not order.is_choosy:
            return other_half
        fitting = self._fitting(order.request, failed)
        if other_half is not None:
            if other_half not in fitting:
                name = self._fleet.healthy_engine(other_half).name
                raise PlacementError(
                    f"the session of this build is on node {name}, which does not fit the build"
                )
            return other_half

        pinned = [self._pinned([pin]) for pin in order.may(client)]
        return choose(fitting, pinned=pinned, warm=lambda: self._holders(order.cache_from))

    def _holders(self, images: Iterable[str]) -> set[str]:
        return {where for image in images for where in image_holders(self._fleet.state, image)}

    def _fitting(self, request: Request, failed: dict[str, EngineUnreachableError]) -> list[str]:
        """Addresses of the healthy engines that fit, the best one first.

        Raises:
            SchedulingError: there is none.
            EngineError: there is none but those that *failed*: the last one's error.
        """
        healthy = {engine.address for engine in self._fleet.healthy_engines()} - failed.keys()
        if failed and not healthy:
            raise next(reversed(failed.values()))
        found = schedule(
            request,
            [node for node in self._placement.nodes() if node.addr in healthy],
            filters=self._settings.filters,
            strategy=self._settings.strategy,
            rng=self._rng,
        )
        return [node.addr for node in found]

    def _healthy(self, address: str | None) -> str | None:
        engine = self._fleet.state.engine(address) if address is not None else None
        return address if engine is not None and engine.is_healthy else None

    async def _with_known_network(self, order: BuildOrder) -> BuildOrder:
        """Name the container whose network is shared as engines do; leave it to them to miss it."""
        reference = order.request.network_container
        if not reference:
            return order
        try:
            found = await self._fleet.find_container(reference)
        except ManagerError:
            return replace(order, request=replace(order.request, network_container=""))
        if found.as_typed:
            return order
        return replace(
            order, query=with_value(order.query, "networkmode", f"container:{found.container.id}")
        )

    # Pins

    def _pinned(self, pins: Iterable[Pin]) -> str | None:
        """The first engine that one of *pins* has."""
        now = self._clock()
        return next((found for pin in pins if (found := self._pins.find(pin, now))), None)

    def _movable(self, pins: list[Pin], address: str) -> list[Pin]:
        """Those of *pins* that nobody holds on another engine."""
        return [
            pin for pin in pins if self._pinned([pin]) == address or not self._pins.is_held(pin)
        ]

    @contextlib.contextmanager
    def _held(self, pins: list[Pin], address: str, guest: Request | None) -> Iterator[None]:
        """Hold *pins* to this engine; *guest* counts there meanwhile, as a container would."""
        reservations = self._placement.reservations
        swarm_id = secrets.token_hex(32)
        place = None if guest is None else reservations.reserve(guest, address, swarm_id)
        for pin in pins:
            self._pins.put(pin, address, self._clock())
            self._pins.hold(pin)
        self._changed.set()
        self._changed = asyncio.Event()
        try:
            yield
        finally:
            for pin in pins:
                self._pins.release(pin, self._clock())
            if place is not None:
                reservations.cancel(place)

    async def _wait(self, condition: Callable[[], bool]) -> None:
        """Wait until the pins fulfil *condition*, or for `PARTNER_WAIT_S`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PARTNER_WAIT_S):
                while not condition():
                    await self._changed.wait()


async def _until_lost(
    pieces: AsyncIterator[bytes], engine: Engine, fleet: Fleet
) -> AsyncIterator[bytes]:
    """Pass *pieces* on; that the engine was lost is told as engines tell of failed builds."""
    try:
        async for piece in pieces:
            yield piece
    except EngineError as exc:
        _log.warning("build on %s was cut short: %s", engine.name, exc)
        fleet.suspect(engine.address)
        text = f"node {engine.name} does not answer: {exc.message}"
        yield told_as_progress(text)
