"""The composition root: builds every part, starts and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import socket
import ssl
from collections.abc import Callable, Iterator

import uvloop
from uvicorn.config import Config
from uvicorn.server import Server

from common import tls
from common.tlslayer import TlsLayer
from discovery.consul_http import ConsulHTTP
from discovery.opening import open_discovery
from discovery.uri import ConsulTarget, parse_uri
from master.api.deps import Manager
from master.app import create_app
from master.cluster.events.broker import EventBroker
from master.cluster.placing.drawn_ports import PortDesk
from master.cluster.placing.placement import Placement
from master.cluster.placing.settings import PlacingSettings
from master.cluster.state import ClusterState
from master.cluster.system.info import Summary, SummarySettings
from master.cluster.volumes.desk import VolumeDesk
from master.listen import listening
from master.operations.build import Builder
from master.operations.create import ContainerCreator
from master.operations.drain import Drainer
from master.operations.drawing import PortDrawer
from master.operations.hints import PlacementHints
from master.operations.image_copy import ImageCopier
from master.operations.images import Images
from master.operations.lists import Lists
from master.operations.load import Loader
from master.operations.mirrors import Mirrors
from master.operations.networks import Networks
from master.operations.plugins import Plugins
from master.operations.prune import Pruner
from master.operations.pull import Puller
from master.operations.volumes import Volumes
from master.proxy.front import Front, FrontServices, make_protocol
from master.proxy.relay import Relay
from master.publishing.listeners import PublishedPorts, check_address
from master.route_table import RouteTable
from master.routes import ROUTES
from master.settings import Settings
from master.supervisor.fleet import Fleet
from services.marks import DrainMarks

_log = logging.getLogger(__name__)

_SHUTDOWN_GRACE_S = 5
"""For answers that are on the way. Streams without end (attach, events) are cut after it."""


def run(settings: Settings) -> None:
    """Serve until told to stop.

    Raises:
        ListenError: an address is taken.
        BadDiscoveryError: the discovery's URI makes no sense.
        ValueError: a certificate can't be used.
    """
    uvloop.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Build the manager and serve until a signal comes."""
    if settings.publish_address:
        check_address(settings.publish_address)
    with listening(settings.hosts) as sockets:
        await _Runtime(settings).serve(sockets)


class _Runtime:
    """All parts of one manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        files = settings.tls
        self._server_tls = tls.server_context(files) if files is not None else None
        self._discovery = open_discovery(
            settings.discovery, settings.discovery_opts, heartbeat_s=settings.heartbeat_s
        )
        state = ClusterState()
        self._broker = EventBroker()
        self._fleet = Fleet(
            state,
            self._broker,
            tls=tls.client_context(files) if files is not None else None,
            refresh_s=(settings.refresh_min_s, settings.refresh_max_s),
            failure_limit=settings.failure_retry,
        )
        self._drainer = Drainer(self._fleet, _drain_marks(settings), settings.drain_s)
        self._ports: PublishedPorts | None = None
        if settings.publish_address:
            self._ports = PublishedPorts(self._fleet, settings.publish_address)
        self._manager = self._build(state)

    def _build(self, state: ClusterState) -> Manager:
        settings, fleet = self._settings, self._fleet
        placement = Placement(state, overcommit=settings.overcommit)
        hints = PlacementHints()
        copier = ImageCopier(fleet)
        images = Images(fleet, copier)
        loader = Loader(fleet, images, settings.pull_scope)
        puller = Puller(fleet, copier, hints, settings.pull_scope)
        how = PlacingSettings(
            settings.filters,
            settings.strategy,
            settings.create_retry,
            cpu_shares_are_cores=settings.cpu_shares_are_cores,
        )
        rng = random.Random()  # noqa: S311 - the random strategy's, nothing secret
        mirrors = Mirrors(fleet)
        desk = VolumeDesk(state)
        low, high = settings.publish_ports
        ports = PortDesk(placement, range(low, high + 1), rng) if self._ports else None
        drawer = PortDrawer(fleet, ports)
        creator = ContainerCreator(fleet, placement, puller, hints, how, rng, mirrors, desk, drawer)
        networks = Networks(fleet, placement, mirrors, rng)
        builder = Builder(fleet, placement, how, rng)
        lists = Lists(
            fleet,
            refresh_on_node_filter=settings.refresh_on_node_filter,
            name_refresh_filter=settings.container_name_refresh_filter,
        )
        summary = Summary(
            state,
            placement,
            SummarySettings(strategy=settings.strategy, filters=settings.filters),
            listeners=lambda: self._broker.subscriber_count,
        )
        return Manager(
            fleet=fleet,
            placement=placement,
            creator=creator,
            puller=puller,
            loader=loader,
            images=images,
            builder=builder,
            networks=networks,
            volumes=Volumes(fleet, placement, desk, how, rng),
            pruner=Pruner(fleet),
            plugins=Plugins(fleet),
            lists=lists,
            summary=summary,
        )

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Serve on *sockets* until a signal comes."""
        server = self._server()
        tasks = [asyncio.create_task(self._fleet.run(self._discovery), name="fleet")]
        if self._ports is not None:
            tasks.append(asyncio.create_task(self._ports.run(), name="published ports"))
        for task in tasks:
            task.add_done_callback(lambda _task: server.stop())
        for host in self._settings.hosts:
            _log.info("Listening for HTTP on %s", host)
        try:
            await server.serve(sockets)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._discovery.aclose()
            await self._drainer.aclose()
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def _server(self) -> _Server:
        summary = self._manager.summary
        services = FrontServices(
            table=RouteTable(ROUTES),
            relay=Relay(
                self._fleet,
                self._manager.builder,
                self._manager.images,
                self._drainer,
                self._ports,
            ),
            versions=summary.api_versions,
            headers=summary.standard_headers,
            cors=self._settings.cors,
        )
        protocol = make_protocol(services)
        config = Config(
            create_app(self._manager),
            http=_with_tls(protocol, self._server_tls),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_GRACE_S,
        )
        return _Server(config, on_stop=self._broker.close)


def _drain_marks(settings: Settings) -> DrainMarks | None:
    if not settings.services:
        return None
    target = parse_uri(settings.services, settings.discovery_opts)
    assert isinstance(target, ConsulTarget)  # as the settings have checked
    return DrainMarks(ConsulHTTP(target), target.prefix)


class _Server(Server):
    """uvicorn's server, which ends with 0 when it is told to stop."""

    def __init__(self, config: Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def stop(self) -> None:
        """Stop accepting, let what is on the way finish."""
        self.should_exit = True
        self._on_stop()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT stop the server; uvicorn would raise them again at the end."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)


class _Doorman(asyncio.Protocol):
    """Puts TLS between a TCP connection and its front; unix sockets are local, and plain."""

    def __init__(self, front: asyncio.Protocol, context: ssl.SSLContext) -> None:
        self._front = front
        self._context = context

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Step aside."""
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family == socket.AF_UNIX:
            protocol = self._front
        else:
            protocol = TlsLayer(self._front, self._context, server_side=True)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


def _with_tls(
    create: Callable[..., Front], context: ssl.SSLContext | None
) -> Callable[..., asyncio.Protocol]:
    if context is None:
        return create
    return lambda **kwargs: _Doorman(create(**kwargs), context)
