"""The composition root: builds the parts of a router, runs them, stops them in order."""

import asyncio
import dataclasses
import functools
import logging
import signal
from collections.abc import Awaitable
from typing import TypeVar

from discovery.consul_http import ConsulHTTP
from router import commands, files
from router.apply import Applier, Means
from router.attempt import for_good
from router.errors import RouterError
from router.figures import Figures
from router.nginx_stream import stream_module
from router.own import OwnFiles
from router.proxies import Proxy, proxy_of
from router.rules.agenda import Agenda, Due, Picture
from router.rules.debounce import Debounce
from router.rules.guard import LossGuard
from router.rules.memory import Memory
from router.rules.render import PARTS, Renderer, shipped_template
from router.settings import OwnTemplate, Settings
from router.status import StatusApp, listening, serve
from router.supervisor import Supervisor
from router.work import Work
from services.watch import ServiceWatch

_log = logging.getLogger(__name__)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_CANCEL_AGAIN_S = 1.0
_Answer = TypeVar("_Answer")


class Router:
    """One edge."""

    def __init__(self, settings: Settings) -> None:
        """Start nothing, write nothing.

        Raises:
            BadDiscoveryError: a TLS file for Consul cannot be used.
        """
        self._settings = settings
        self._http = ConsulHTTP(settings.target)
        self._watch = ServiceWatch(self._http, settings.target.prefix)
        self._figures = Figures(
            consul=str(settings.target),
            config=str(settings.config),
            is_supervised=bool(settings.run),
        )

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then stop the proxy gracefully.

        Raises:
            RouterError: the status page cannot listen on its address, or a template is none.
            OSError: a template cannot be read, or there is no folder for the file.
        """
        settings = await self._prepared()
        files.make_folder(settings.folder)
        supervisor = _supervisor_of(settings) if settings.run else None
        work = self._work(settings, _applier_of(settings, supervisor))
        listener = listening(settings.status) if settings.status else None
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(for_good(functools.partial(self._follow, work)))]
                if listener is not None:
                    page = StatusApp(functools.partial(self._current_figures, work, supervisor))
                    tasks.append(group.create_task(serve(page, listener)))
                if supervisor is not None:
                    keep_up = functools.partial(supervisor.run, work.look_again)
                    tasks.append(group.create_task(for_good(keep_up)))
                tasks.append(group.create_task(for_good(work.run)))
                await _until_signalled()
                _log.info("Stopping")
                await _end(tasks.pop())
                if supervisor is not None:
                    await supervisor.stop(settings.edge.drain_s)
                await _end(*tasks)
            _log.info("Stopped")
        finally:
            await self._http.aclose()

    async def once(self, *, timeout_s: float) -> None:
        """Bring what Consul says into force as a router that starts does, then end.

        Raises:
            RouterError: it failed, or Consul did not answer in time.
            OSError: there is no folder for the file.
        """
        settings = await self._prepared()
        files.make_folder(settings.folder)
        applier = _applier_of(settings, None)
        applier.trust_file()
        work = self._work(settings, applier)
        following = asyncio.create_task(self._follow(work))
        try:
            await self._in_time(work.heard(), timeout_s)
            # A list without services has to be one for a while, as ever.
            if failures := await work.carry_out(await work.next_due()):
                raise RouterError("; ".join(failures))
        finally:
            await _end(following)
            await self._http.aclose()

    async def preview(self, *, timeout_s: float) -> list[tuple[str, str]]:
        """Return path and text of each file that what Consul says now makes; write nothing.

        Raises:
            RouterError: a template does not render, or Consul did not answer in time.
            OSError: a template cannot be read.
        """
        settings = await self._prepared()
        work = self._work(settings, _applier_of(settings, None), is_first_ever=True)
        try:
            snapshot = await self._in_time(anext(self._watch.snapshots()), timeout_s)
            return work.preview(Due(Picture(snapshot.entries, dict(snapshot.keys))))
        finally:
            await self._http.aclose()

    async def _prepared(self) -> Settings:
        """Return the settings, with what the proxy can do."""
        settings = self._settings
        if settings.kind != "nginx":
            return settings
        module = await stream_module(settings.program)
        return dataclasses.replace(
            settings,
            edge=dataclasses.replace(settings.edge, stream_module=module or ""),
            rules=dataclasses.replace(settings.rules, has_tcp=module is not None),
        )

    def _work(
        self, settings: Settings, applier: Applier, *, is_first_ever: bool | None = None
    ) -> Work:
        if is_first_ever is None:
            is_first_ever = files.read(settings.config) is None
        own = {template.target: template for template in settings.templates}
        in_place_of_ours = own.pop(settings.config, None)
        renderer_of = functools.partial(_renderer_of, settings)
        urgent_s = None if in_place_of_ours else _proxy_of(settings).withdrawal_wait_s
        return Work(
            settings,
            agenda=Agenda(
                LossGuard(settings.empty_grace_s, is_first_ever=is_first_ever),
                Memory(settings.keep_empty_s),
                Debounce(*settings.wait_s, urgent_s),
            ),
            renderer=renderer_of(in_place_of_ours),
            own=OwnFiles(tuple(own.values()), renderer_of),
            applier=applier,
            figures=self._figures,
        )

    async def _follow(self, work: Work) -> None:
        async for snapshot in self._watch.snapshots():
            work.see(snapshot)

    async def _in_time(self, answer: Awaitable[_Answer], timeout_s: float) -> _Answer:
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise RouterError(f"no answer in time: {self._watch.failure}") from None

    def _current_figures(self, work: Work, supervisor: Supervisor | None) -> Figures:
        figures = self._figures
        figures.consul_failure = self._watch.failure
        figures.held = work.held
        if supervisor is not None:
            figures.proxy_pid = supervisor.pid
            figures.proxy_starts = supervisor.starts
        return figures


def _supervisor_of(settings: Settings) -> Supervisor:
    return Supervisor(
        commands.words(settings.run, settings.config),
        pid_file=settings.pid_file,
        socket=settings.socket,
        stop_signal=_proxy_of(settings).stop_signal,
    )


def _applier_of(settings: Settings, supervisor: Supervisor | None) -> Applier:
    proxy = _proxy_of(settings)
    return Applier(
        Means(
            target=settings.config,
            parts=settings.folder / PARTS,
            check=settings.check or proxy.check,
            proxy=proxy,
            supervisor=supervisor,
            reload=settings.reload,
        )
    )


def _proxy_of(settings: Settings) -> Proxy:
    return proxy_of(settings.kind, settings.program, settings.socket)


def _renderer_of(settings: Settings, template: OwnTemplate | None) -> Renderer:
    """Return what renders *template*, or the shipped one."""
    if template is None:
        source = shipped_template(settings.kind)
    else:
        source = template.source.read_text(encoding="utf-8")
    return Renderer(
        source,
        edge=settings.edge,
        paths=settings.paths,
        environ=settings.environ,
        is_adjustable=template is None and settings.kind == "haproxy",
    )


async def _until_signalled() -> None:
    """Wait for a signal to stop; the next one ends the process as it would any other."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def _tell() -> None:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
        told.set()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, _tell)
    await told.wait()


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel *tasks* until they are done: a library that is just cleaning up may swallow one."""
    pending: set[asyncio.Task[None]] = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)
