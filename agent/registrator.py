"""``swarm registrator``: one engine's published ports, as entries in Consul."""

import asyncio
import logging
import random
import secrets
from dataclasses import dataclass
from typing import Literal

from agent.backend import Backend
from agent.board import Board
from agent.catalog import CatalogBackend
from agent.claim import Identity
from agent.figures import Figures
from agent.keys import KeyBackend
from agent.places import EnginePlace, NoAddressError, host_ip
from agent.rules import catalog
from agent.rules.container import Container
from agent.rules.desired import HostWanted, Options, Registration, Wanted, wanted_of
from agent.rules.refusal import Refusal
from agent.watch import Watch
from agent.writer import Writer
from common.backoff import Backoff
from discovery.blocking import BlockingQuery
from discovery.consul_http import ConsulHTTP
from discovery.errors import DiscoveryError
from discovery.uri import ConsulTarget
from engine.client import EngineClient
from engine.errors import EngineError
from services import drain
from services.entry import is_name

_log = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.5, cap_s=10.0)
_LEAVE_TIMEOUT_S = 5.0
"""Longer would keep a service manager waiting; what is left the TTL clears away."""
_REMINDER_EVERY = 30
_MOST_TOLD = 4096
"""Containers whose refusals are remembered, so that they are told of once."""

BackendName = Literal["kv", "catalog", "both"]


@dataclass(frozen=True, slots=True)
class RegistratorSettings:
    """What the command line says."""

    consul: ConsulTarget
    """Its prefix is where the entries go."""
    engine: EnginePlace
    backend: BackendName = "kv"
    host_name: str = ""
    """Empty: the engine's own name."""
    ip: str = ""
    """The host's address for others; empty: found out."""
    advertised: str = ""
    """``host:port`` under which managers reach the engine, if that is known."""
    is_internal: bool = False
    is_explicit: bool = False
    tags: tuple[str, ...] = ()
    ttl_s: float = 30.0
    """Entries go so long after the host's or the agent's last sign of life."""
    resync_s: float = 60.0
    """Between two comparisons of everything; 0: only after failures."""
    leaves: bool = False
    """Withdraw the entries when stopped, instead of letting a successor take them over."""


class Registrator:
    """Keeps one engine's entries; `run` ends only by cancellation."""

    def __init__(self, settings: RegistratorSettings, figures: Figures) -> None:
        """Ask nothing yet.

        Raises:
            BadDiscoveryError: a TLS file for Consul cannot be used.
            ValueError: a TLS file for the engine cannot be used.
        """
        self.figures = figures
        self._settings = settings
        self._client = EngineClient(settings.engine.address, settings.engine.context())
        self._http = ConsulHTTP(settings.consul)
        self._prefix = f"{settings.consul.prefix}/"
        self._board = Board()
        self._watch = Watch(self._client, self.figures, self._changed, patience_s=settings.ttl_s)
        self._writers: list[Writer] = []
        self._options: Options | None = None
        self._draining: frozenset[str] = frozenset()
        self._wanted: dict[str, tuple[Container, Wanted]] = {}
        self._told: dict[str, frozenset[Refusal]] = {}

    async def run(self) -> None:
        """Register until cancelled; then leave if the settings say so."""
        try:
            self._options, engine_id = await self._find_out_patiently()
            backends = self._backends(Identity(self._options.host, engine_id, secrets.token_hex(8)))
            self._writers = [
                Writer(one, self._board, self.figures, self._settings.resync_s) for one in backends
            ]
            async with asyncio.TaskGroup() as group:
                for backend, writer in zip(backends, self._writers, strict=True):
                    group.create_task(writer.run(), name=f"writer of {backend.name}")
                group.create_task(self._watch.run(), name="watch of the engine")
                group.create_task(self._follow_drain_marks(), name="drain marks")
                if self._settings.resync_s > 0:
                    group.create_task(self._resync(), name="resync")
        except asyncio.CancelledError:
            if self._settings.leaves:
                await self._leave()
            raise
        finally:
            await self._http.aclose()
            await self._client.aclose()

    # What is known at the start

    async def _find_out(self) -> tuple[Options, str]:
        """Return how this host registers, and the engine's ID.

        Raises:
            EngineError: the engine does not answer.
            NoAddressError: the host's address or name cannot be used.
        """
        settings = self._settings
        name, engine_id = await self._watch.identify()
        host = settings.host_name or name
        if not is_name(host):
            raise NoAddressError(
                f"the engine's name {host[:80]!r} cannot stand in a key:"
                " give another with --host-name"
            )
        ip = await host_ip(
            given=settings.ip,
            advertised=settings.advertised,
            engine=settings.engine.address,
            consul=(settings.consul.host, settings.consul.port),
        )
        _log.info("Registering what %s publishes at %s", host, ip)
        return (
            Options(host, ip, settings.is_internal, settings.is_explicit, settings.tags),
            engine_id,
        )

    async def _find_out_patiently(self) -> tuple[Options, str]:
        """Return the same, however long it takes: the engine may start after us."""
        failures = 0
        while True:
            try:
                return await self._find_out()
            except (EngineError, NoAddressError) as exc:
                if failures % _REMINDER_EVERY == 0:
                    _log.error("%s; trying again", exc)
                failures += 1
                await asyncio.sleep(_BACKOFF.delay_s(failures, random.random))

    def _backends(self, who: Identity) -> list[Backend]:
        settings = self._settings
        found: list[Backend] = []
        if settings.backend in {"kv", "both"}:
            found.append(KeyBackend(self._http, self._prefix, who, settings.ttl_s))
        if settings.backend in {"catalog", "both"}:
            found.append(CatalogBackend(self._http, who, settings.ttl_s))
        return found

    # What should be

    def _changed(self) -> None:
        """Decide anew what should be registered; called whenever anything may have changed."""
        serving = self._watch.serving()
        registrations: list[Registration] = []
        for container in serving:
            wanted = self._wanted_of(container)
            if container.id not in self._draining:
                registrations += wanted.registrations
        known = {container.id for container in serving}
        self._wanted = {key: value for key, value in self._wanted.items() if key in known}
        unread = {
            name
            for container_id, name in self._watch.unread().items()
            if container_id not in self._draining
        }
        self.figures.entries = len(registrations)
        self._board.put(HostWanted(tuple(registrations), frozenset(unread)))

    def _wanted_of(self, container: Container) -> Wanted:
        assert self._options is not None
        before = self._wanted.get(container.id)
        if before is not None and before[0] is container:
            return before[1]
        wanted = wanted_of(container, self._options)
        self._wanted[container.id] = (container, wanted)
        refusals = frozenset(wanted.refusals)
        if self._settings.backend != "kv":
            refusals = refusals.union(*map(catalog.refusals_of, wanted.registrations))
        self._tell(container, refusals)
        return wanted

    def _tell(self, container: Container, refusals: frozenset[Refusal]) -> None:
        """Log and count what is new among *refusals*."""
        told = self._told.get(container.id, frozenset())
        for refusal in sorted(refusals - told, key=lambda one: (one.reason, one.text)):
            self.figures.refused[refusal.reason] += 1
            _log.warning("Container %s: %s", container.name, refusal.text)
        if refusals:
            self._told[container.id] = told | refusals
        while len(self._told) > _MOST_TOLD:
            del self._told[next(iter(self._told))]

    # What changes it

    async def _follow_drain_marks(self) -> None:
        query = BlockingQuery(self._http, f"{self._prefix}{drain.FOLDER}")
        while True:
            answer = await query.next()
            keys = (entry.key.removeprefix(self._prefix) for entry in answer.listing.entries)
            marked = drain.marked(keys)
            if marked != self._draining:
                self._draining = marked
                if self._board.wanted is not None:
                    self._changed()

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_s)
            try:
                if self._watch.is_following:
                    await self._watch.resync()
            except EngineError as exc:
                _log.debug("resync: %s", exc)  # the watch's pulse judges the engine

    async def _leave(self) -> None:
        for writer in self._writers:
            try:
                async with asyncio.timeout(_LEAVE_TIMEOUT_S):
                    await writer.withdraw()
            except (DiscoveryError, TimeoutError) as exc:
                _log.warning(
                    "Entries could not be withdrawn and go when their TTL ends: %s",
                    str(exc) or "no answer in time",
                )
