"""One request to one engine: the head rewritten (version, reference), the bytes passed on.

What the engine understands is left as the client typed it, so that its error texts are those that
the client would have seen without a cluster.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl, quote, unquote

import orjson

from common.http1 import HOP_BY_HOP, BadMessageError, Header, write_head
from engine.connection import EngineConnection
from engine.errors import EngineError, EngineUnreachableError
from engine.pool import EnginePool
from master.cluster import shims
from master.cluster.filters import first_values
from master.cluster.health import PING_DEADLINE_S, PROBE_GAP_S
from master.cluster.model import Container, Engine
from master.errors import ManagerError
from master.proxy import edits
from master.proxy.exchanges import Edited, Held, Passed, Waited
from master.proxy.request import ClientRequest
from master.proxy.splice import Hijacked
from master.route_table import Edit, How, Route, Subject
from master.supervisor.fleet import Fleet
from scheduler.errors import SchedulingError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """Where a relayed request goes."""

    engine: Engine
    pool: EnginePool
    reference: str | None = None
    """What stands in the path instead of the client's reference; None: leave it as typed."""
    container: Container | None = None


class BuildEngines(Protocol):
    """Knows where a client builds (`operations.build.Builder`)."""

    def stream(self, client: str, session: str) -> AbstractAsyncContextManager[str]:
        """The address of the engine for one of BuildKit's connections, while it lasts."""


class Drains(Protocol):
    """Holds back what ends a container (`operations.drain.Drainer`)."""

    def before(
        self, container: Container, method: str, path: str, query: Mapping[str, str]
    ) -> AbstractAsyncContextManager[None]:
        """Entered when the request may be passed on, left when it is answered."""


class StartedPorts(Protocol):
    """Serves published ports (`publishing.listeners.PublishedPorts`)."""

    async def seen(self) -> None:
        """Return when those of a container that has just been started can be connected to."""


class ImageEngines(Protocol):
    """Knows who has images (`operations.images.Images`)."""

    async def collect(self, references: Sequence[str]) -> str:
        """The address of an engine that has all of them; what it lacks is brought to it."""

    async def pushable(self, reference: str, tag: str) -> str:
        """The address of an engine that has what is to be pushed."""


_STARTS = ("/containers/{id}/start", "/containers/{id}/restart")
_WAIT = "/containers/{id}/wait"
_KILLED = 137
"""The exit code of what was killed, as far as anybody can know."""
_SESSION_HEADER = b"x-docker-expose-session-uuid"


class Relay:
    """The fast lane's one function: `__call__` answers a request by asking one engine."""

    def __init__(
        self,
        fleet: Fleet,
        builds: BuildEngines,
        images: ImageEngines,
        drains: Drains,
        ports: StartedPorts | None = None,
    ) -> None:
        """*ports* None: they are at the nodes only, and a start is answered at once."""
        self._fleet = fleet
        self._ports = ports
        self._drains = drains
        self._images = images
        self._builds = builds

    async def __call__(self, request: ClientRequest) -> None:
        """Answer *request*; errors become Docker's own kind of answer."""
        try:
            if request.route.subject is Subject.BUILD:
                await self._build(request)
            else:
                await self._forward(request, await self._target_of(request))
        except ManagerError as exc:
            request.refuse(exc.status, str(exc))
        except SchedulingError as exc:
            request.refuse(500, str(exc))
        except EngineError as exc:
            self._fleet.suspect(exc.address)
            request.refuse(500, self._lost(exc.address, exc.message))
        except Exception:  # noqa: BLE001 - the client must get an answer, and the log the cause
            _log.exception("relay of %s %s failed", request.head.method, request.route.path)
            request.refuse(500, "the manager failed to answer; its log says why")

    async def _forward(self, request: ClientRequest, target: Target) -> None:
        route, container = request.route, target.container
        if container is None or not route.changes:
            await self._exchange(request, target)
            return
        query = _pairs(request)
        async with self._drains.before(container, route.method, route.path, first_values(query)):
            await self._exchange(request, target)

    async def _build(self, request: ClientRequest) -> None:
        session = request.head.headers.get(_SESSION_HEADER).decode("latin-1")
        async with self._builds.stream(request.client, session) as address:
            await self._exchange(request, self._healthy(address, None, None))

    def _lost(self, address: str, reason: str) -> str:
        engine = self._fleet.state.engine(address)
        name = engine.name if engine is not None and engine.name else address
        return f"node {name} does not answer: {reason}"

    async def _target_of(self, request: ClientRequest) -> Target:
        route = request.route
        query = _pairs(request)
        if route.subject is Subject.ANY:
            return self._healthy(self._fleet.any_healthy().address, None, None)
        if route.subject is Subject.IMAGES:
            names = [value for key, value in query if key == "names" and value]
            return self._healthy(await self._images.collect(names), None, None)
        if route.subject is Subject.IMAGE and route.path.endswith("/get"):
            name = unquote(request.params["name"])
            return self._healthy(await self._images.collect([name]), None, None)
        if route.subject is Subject.IMAGE and route.path.endswith("/push"):
            name = unquote(request.params["name"])
            address = await self._images.pushable(name, first_values(query).get("tag", ""))
            return self._healthy(address, None, None)
        if route.subject is Subject.CONTAINER and "id" not in request.params:
            if not (container := first_values(query).get("container")):
                # Any engine can say what is wrong with that.
                return self._healthy(self._fleet.any_healthy().address, None, None)
            return await self._target(route, {"id": quote(container)})
        return await self._target(route, request.params)

    async def _target(self, route: Route, params: Mapping[str, str]) -> Target:
        if route.subject is Subject.IMAGE:
            return await self._image(unquote(params["name"]))
        reference = unquote(params["id"])
        if route.subject is Subject.EXEC:
            address, container = await self._fleet.find_exec(reference)
            return self._healthy(address, None, container)
        found = await self._fleet.find_container(reference)
        container = found.container
        return self._healthy(container.engine, None if found.as_typed else container.id, container)

    def _healthy(self, address: str, reference: str | None, container: Container | None) -> Target:
        engine = self._fleet.healthy_engine(address, container)
        return Target(engine, self._fleet.client(address).pool, reference, container)

    async def _image(self, reference: str) -> Target:
        address = await self._fleet.find_image(reference)
        return self._healthy(address, None, None)

    async def _exchange(self, request: ClientRequest, target: Target) -> None:
        dedicated = request.route.how is How.HIJACK or request.route.streams
        connection = await target.pool.acquire(fresh=dedicated)
        may_retry = connection.is_reused and request.may_repeat
        try:
            try:
                await self._once(request, target, connection)
            except (OSError, BadMessageError):
                if not may_retry or connection.answered:
                    raise
                # The engine had closed a kept-alive connection in the same moment.
                await self._once(request, target, await target.pool.acquire(fresh=True))
        except (OSError, BadMessageError) as exc:
            raise EngineUnreachableError(target.engine.address, str(exc)) from exc

    async def _once(
        self, request: ClientRequest, target: Target, connection: EngineConnection
    ) -> None:
        exchange = self._exchange_for(request, target, connection)
        try:
            connection.begin(request.head.method, exchange, scan=not request.route.streams)
            request.answer_from(connection)
            connection.write(self._head(request, target))
            request.pipe_body(connection)
            await exchange.finished()
        finally:
            request.answer_from(None)
            if connection.is_idle and not request.has_ended_sink:
                target.pool.release(connection)
            else:
                target.pool.discard(connection)

    def _exchange_for(
        self, request: ClientRequest, target: Target, connection: EngineConnection
    ) -> Passed:
        on_answer = self._observer(request.route, target)
        spoken = target.engine.version_for(request.version)
        request.translate_head = lambda lines: shims.stream_headers(lines, request.version, spoken)
        if request.route.how is How.HIJACK:
            return Hijacked(request, connection, on_answer)
        if self._ports is not None and request.route.path in _STARTS:
            return Held(request, connection, on_answer, self._ports.seen)
        if request.route.path == _WAIT:
            return Waited(request, connection, on_answer, lambda: self._last_words(target.engine))
        if request.route.edit is Edit.NODE:
            networks = self._fleet.state.network_ids
            return Edited(
                request,
                connection,
                on_answer,
                lambda body: edits.add_node(body, target.engine, networks),
            )
        if request.route.edit is Edit.EXEC:
            return Edited(
                request, connection, on_answer, lambda body: self._remember_exec(body, target)
            )
        if request.route.edit is Edit.IMAGE and shims.wants_image_edit(request.version, spoken):
            return Edited(request, connection, on_answer, shims.image_inspect)
        return Passed(request, connection, on_answer)

    async def _last_words(self, engine: Engine) -> bytes | None:
        """How a container ended that was on *engine*, if that is lost; None if it answers."""
        while (known := self._fleet.state.engine(engine.address)) is not None and known.is_healthy:
            if await self._fleet.answers(engine.address, PING_DEADLINE_S):
                return None
            await asyncio.sleep(PROBE_GAP_S)  # each that fails counts, until it is unhealthy
        error = {"Message": f"node {engine.name} lost"}
        return orjson.dumps({"StatusCode": _KILLED, "Error": error}) + b"\n"

    def _remember_exec(self, body: bytes, target: Target) -> bytes:
        assert target.container is not None
        self._fleet.execs.add(edits.created_id(body), target.container)
        return body

    def _observer(self, route: Route, target: Target) -> Callable[[int], None]:
        container, fleet = target.container, self._fleet
        if route.subject is Subject.BUILD:
            # At the end of what the client says as well: the image is there before it leaves.
            return lambda _status: fleet.touch_images(target.engine.address)
        if route.path == "/commit":
            return lambda _status: fleet.touch_images(target.engine.address)
        if container is None or not (route.changes or route.path.endswith(("/wait", "/attach"))):
            return lambda _status: None

        def observe(status: int) -> None:
            if route.method == "DELETE" and status == 204:  # noqa: PLR2004
                fleet.forget(container)
            elif status < 300:  # noqa: PLR2004
                fleet.touch(container.engine, container.id)

        return observe

    @staticmethod
    def _head(request: ClientRequest, target: Target) -> bytes:
        route, head = request.route, request.head
        path = _path(route, request.params, target.reference)
        version = target.engine.version_for(request.version)
        target_line = b"/v%d.%d%s" % (*version, path.encode("ascii"))
        if query := _query(route, head.query, target.reference):
            target_line += b"?" + query
        protocol = b"HTTP/1.1" if head.version == (1, 1) else b"HTTP/1.0"
        start = b"%s %s %s" % (head.method.encode("ascii"), target_line, protocol)
        return write_head(start, _lines(request))


def _pairs(request: ClientRequest) -> list[tuple[str, str]]:
    """The query's parameters, with what is empty."""
    query = request.head.query
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else []


def _lines(request: ClientRequest) -> list[Header]:
    if request.route.how is How.HIJACK:
        return list(request.head.headers.lines)
    lines = request.head.headers.without(HOP_BY_HOP)
    if request.route.streams:
        lines.append((b"Connection", b"close"))
    return lines


def _path(route: Route, params: Mapping[str, str], reference: str | None) -> str:
    path = route.path
    for name, value in params.items():
        is_subject = name in ("id", "name") and reference is not None
        path = path.replace("{" + name + "}", reference if is_subject and reference else value)
    return path


def _query(route: Route, query: bytes, reference: str | None) -> bytes:
    """The query as it came, but for a container that stands in it (``POST /commit``)."""
    if "{" in route.path or route.subject is not Subject.CONTAINER or reference is None:
        return query
    kept = [pair for pair in query.split(b"&") if not pair.startswith(b"container=")]
    return b"&".join([*kept, b"container=" + reference.encode("ascii")])
