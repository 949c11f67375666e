"""The composition root: builds the parts of a router, runs them, stops them in order."""

import asyncio
import dataclasses
import logging
import signal
import time
from collections.abc import Iterable

from discovery.consul_http import ConsulHTTP
from router import commands, files, ledger, ports
from router.apply import Applier, Means
from router.errors import RefusedError, ReloadError, RenderError, RouterError
from router.figures import Figures
from router.nginx_stream import stream_module
from router.own import OwnFiles
from router.proxies import proxy_of
from router.rules.agenda import Agenda, Picture
from router.rules.build import Built, build
from router.rules.debounce import Debounce
from router.rules.guard import LossGuard
from router.rules.memory import Memory
from router.rules.render import Renderer, View, shipped_template
from router.rules.seniority import Seniority
from router.settings import OwnTemplate, Settings
from router.status import StatusApp, listening, serve
from router.supervisor import Supervisor
from services.entry import ServiceEntry
from services.watch import ServiceWatch

_log = logging.getLogger(__name__)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_CANCEL_AGAIN_S = 1.0
_FAILURES: dict[type[Exception], str] = {
    RenderError: "render-failed",
    RefusedError: "check-failed",
    ReloadError: "reload-failed",
    OSError: "write-failed",
}


class Router:
    """One edge."""

    def __init__(self, settings: Settings) -> None:
        """Read the templates; start nothing.

        Raises:
            RenderError: a template cannot be read.
            OSError: likewise, or no folder for the file.
            BadDiscoveryError: a TLS file for Consul cannot be used.
        """
        self._settings = settings
        settings.folder.mkdir(parents=True, exist_ok=True)
        own = {template.target: template for template in settings.templates}
        self._in_place_of_ours = own.pop(settings.config, None)
        self._renderer = self._main_renderer()
        self._own = OwnFiles(tuple(own.values()), self._renderer_of)
        proxy = proxy_of(settings.kind, settings.program, settings.socket)
        self._supervisor = (
            Supervisor(
                commands.words(settings.run, settings.config),
                pid_file=settings.pid_file,
                socket=settings.socket,
                stop_signal=proxy.stop_signal,
            )
            if settings.run
            else None
        )
        check = settings.check or proxy.check
        self._applier = Applier(
            Means(settings.config, check, proxy, self._supervisor, settings.reload)
        )
        self._http = ConsulHTTP(settings.target)
        self._watch = ServiceWatch(self._http, settings.target.prefix)
        self._agenda = Agenda(
            LossGuard(settings.empty_grace_s, is_first_ever=files.read(settings.config) is None),
            Memory(settings.keep_empty_s),
            Debounce(*settings.wait_s),
        )
        self._seniority = Seniority(settings.keep_empty_s, ledger.read(settings.claims_file))
        self._seen = asyncio.Event()
        self._figures = Figures(
            consul=str(settings.target),
            config=str(settings.config),
            is_supervised=self._supervisor is not None,
        )
        self._complaints: frozenset[object] = frozenset()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then stop the proxy gracefully.

        Raises:
            RouterError: the status page cannot listen on its address.
        """
        listener = listening(self._settings.status) if self._settings.status else None
        try:
            await self._prepare()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._follow())]
                if listener is not None:
                    page = StatusApp(self._current_figures)
                    tasks.append(group.create_task(serve(page, listener)))
                if self._supervisor is not None:
                    tasks.append(group.create_task(self._supervisor.run()))
                    await self._applier.begin()
                tasks.append(group.create_task(self._work()))
                await _until_signalled()
                _log.info("Stopping")
                await _end(tasks.pop())
                if self._supervisor is not None:
                    await self._supervisor.stop(self._settings.edge.drain_s)
                await _end(*tasks)
            _log.info("Stopped")
        finally:
            await self._http.aclose()

    async def once(self, *, is_dry: bool, timeout_s: float) -> list[tuple[str, str]]:
        """Render what Consul says now, and bring it into force unless *is_dry*.

        Returns:
            Path and text of each file.

        Raises:
            RouterError: it failed, or Consul did not answer in time.
            OSError: a file cannot be written.
        """
        try:
            await self._prepare()
            async with asyncio.timeout(timeout_s):
                snapshot = await anext(self._watch.snapshots())
            built = self._built(snapshot.entries, ())
            self._complain(built)
            view = View(built.model, snapshot.entries, snapshot.keys)
            rendered = self._renderer.render(view)
            texts = [(str(one.target), text) for one, text in self._own.texts(view)]
            if not is_dry:
                self._remember(built)
                self._applier.trust_file()
                _log.info("%s: %s", self._settings.config, await self._applier.apply(rendered))
                for target, failure in (await self._own.apply(view)).items():
                    if failure:
                        raise RouterError(f"{target}: {failure}")
            return [(str(self._settings.config), rendered.text), *texts]
        except TimeoutError:
            raise RouterError(f"no answer in time: {self._watch.failure}") from None
        finally:
            await self._http.aclose()

    # parts

    def _main_renderer(self) -> Renderer:
        if self._in_place_of_ours is not None:
            return self._renderer_of(self._in_place_of_ours)
        return Renderer(
            shipped_template(self._settings.kind),
            edge=self._settings.edge,
            paths=self._settings.paths,
            environ=self._settings.environ,
            is_adjustable=self._settings.kind == "haproxy",
        )

    def _renderer_of(self, template: OwnTemplate) -> Renderer:
        return Renderer(
            template.source.read_text(encoding="utf-8"),
            edge=self._settings.edge,
            paths=self._settings.paths,
            environ=self._settings.environ,
        )

    async def _prepare(self) -> None:
        """Find out what the proxy can do."""
        settings = self._settings
        if settings.kind != "nginx":
            return
        module = await stream_module(settings.program, settings.folder)
        self._settings = dataclasses.replace(
            settings,
            edge=dataclasses.replace(settings.edge, stream_module=module or ""),
            rules=dataclasses.replace(settings.rules, has_tcp=module is not None),
        )
        self._renderer = self._main_renderer()

    # work

    async def _follow(self) -> None:
        async for snapshot in self._watch.snapshots():
            self._figures.index = snapshot.index
            was_held = self._agenda.held
            self._agenda.see(snapshot, time.monotonic())
            self._tell_held(was_held)
            self._seen.set()

    async def _work(self) -> None:
        while True:
            due = self._agenda.take(time.monotonic())
            if due is not None:
                await self._apply(*due)
            wait_s = self._agenda.wait_s(time.monotonic())
            try:
                async with asyncio.timeout(wait_s):
                    await self._seen.wait()
            except TimeoutError:
                continue
            self._seen.clear()

    async def _apply(self, picture: Picture, departed: tuple[ServiceEntry, ...]) -> None:
        built = self._built(picture.entries, departed)
        self._complain(built)
        self._remember(built)
        self._figures.built = built
        view = View(built.model, picture.entries, picture.keys)
        try:
            outcome = await self._applier.apply(self._renderer.render(view))
        except tuple(_FAILURES) as exc:
            name = next(name for kind, name in _FAILURES.items() if isinstance(exc, kind))
            self._figures.note(name, str(exc))
            _log.error("%s; what runs stays as it is until the next change", exc)
        else:
            self._figures.note(outcome)
            self._figures.model = built.model
            if outcome != "unchanged":
                _log.info("%s: %s", self._settings.config, outcome)
        self._figures.own_files = await self._own.apply(view)

    def _built(self, entries: Iterable[ServiceEntry], departed: Iterable[ServiceEntry]) -> Built:
        settings = self._settings
        places = self._seniority.places
        built = build(entries, departed, settings.rules, places)
        if self._supervisor is None:
            return built
        wanted = [listener.port for listener in built.model.listeners]
        taken = ports.taken(settings.edge, wanted, files.read(settings.config) or "")
        if not taken:
            return built
        rules = dataclasses.replace(settings.rules, taken_ports=settings.rules.taken_ports | taken)
        return build(entries, departed, rules, places)

    def _remember(self, built: Built) -> None:
        """Note who claimed what first."""
        if self._seniority.note(built.claims, time.monotonic()):
            ledger.write(self._settings.claims_file, self._seniority.claims)

    # telling

    def _complain(self, built: Built) -> None:
        """Log each refusal and conflict once, for as long as it lasts."""
        complaints: frozenset[object] = frozenset((*built.refusals, *built.conflicts))
        for complaint in sorted(str(one) for one in complaints - self._complaints):
            _log.warning("%s", complaint)
        self._complaints = complaints

    def _tell_held(self, before: tuple[str, ...]) -> None:
        if new := sorted(set(self._agenda.held) - set(before)):
            _log.warning(
                "Consul has no entry of %s any more, and not in the way in which services end:"
                " they are kept for a while",
                ", ".join(new),
            )

    def _current_figures(self) -> Figures:
        figures = self._figures
        figures.consul_failure = self._watch.failure
        figures.held = self._agenda.held
        if self._supervisor is not None:
            figures.proxy_pid = self._supervisor.pid
            figures.proxy_starts = self._supervisor.starts
        return figures


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
