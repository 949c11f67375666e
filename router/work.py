"""One try after the other to bring what Consul says into force, until it is."""

import asyncio
import logging
import random
import time
from collections.abc import Iterable

from common.backoff import Backoff
from router import files
from router.apply import Applier, Outcome
from router.attempt import Failure, attempt
from router.building import Builder
from router.figures import Figures
from router.own import OwnFiles
from router.rules.agenda import Agenda, Due
from router.rules.build import Built
from router.rules.render import Renderer, View
from router.settings import Settings
from services.watch import Snapshot

_log = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=1.0, cap_s=60.0)
_REMINDER_EVERY = 20
"""A failure that lasts is told of again after so many tries, about a quarter of an hour."""
_CONFIRM_S = 5.0
"""When a proxy that is only starting is asked what it runs."""
_TAKEN_S = 30.0
"""When it is looked again whether a port is free that somebody else has."""


class Work:
    """The files of one router."""

    def __init__(
        self,
        settings: Settings,
        *,
        agenda: Agenda,
        renderer: Renderer,
        own: OwnFiles,
        applier: Applier,
        figures: Figures,
    ) -> None:
        """Do nothing yet."""
        self._config = settings.config
        self._renderer = renderer
        self._own = own
        self._applier = applier
        self._figures = figures
        self._builder = Builder(settings)
        self._agenda = agenda
        self._news = asyncio.Event()
        self._failures = 0
        self._told: frozenset[str] = frozenset()

    @property
    def held(self) -> tuple[str, ...]:
        """Services that are kept although Consul has none of their entries."""
        return self._agenda.held

    def see(self, snapshot: Snapshot) -> None:
        """Take in what Consul says."""
        before = self._agenda.held
        self._agenda.see(snapshot, time.monotonic())
        self._figures.index = snapshot.index
        self._tell_held(before)
        self._news.set()

    def look_again(self) -> None:
        """Try again now: something that is not Consul's may have changed."""
        self._agenda.again(time.monotonic())
        self._news.set()

    async def heard(self) -> None:
        """Wait for the first thing to be seen."""
        await self._news.wait()

    async def run(self) -> None:
        """Serve the file of before, then keep the files at what is seen."""
        begun = await attempt(self._applier.begin())
        if isinstance(begun, Failure):
            _log.error("%s of before is not used: %s", self._config, begun.reason)
        while True:
            await self.carry_out(await self.next_due())

    async def next_due(self) -> Due:
        """Return what is to be brought into force next, as soon as it is due."""
        while (due := self._agenda.take(time.monotonic())) is None:
            try:
                async with asyncio.timeout(self._agenda.wait_s(time.monotonic())):
                    await self._news.wait()
            except TimeoutError:
                continue
            self._news.clear()
        return due

    async def carry_out(self, due: Due) -> list[str]:
        """Try to bring *due* into force, and see to the next try; return why it failed, if so."""
        seen = await attempt(self._seen(due))
        if isinstance(seen, Failure):
            self._figures.note(seen.outcome, seen.reason)
            return self._conclude({str(self._config): seen.reason}, again_s=None)
        view, taken = seen
        brought = await attempt(self._bring(view))
        own = await self._own.apply(view)
        remembered = await attempt(self._remember())
        self._figures.own_files = own
        failures = dict(own)
        if isinstance(remembered, Failure):
            failures["the order of claims"] = remembered.reason
        if isinstance(brought, Failure):
            self._figures.note(brought.outcome, brought.reason)
            return self._conclude({str(self._config): brought.reason, **failures}, again_s=None)
        if brought != "unchanged" and (brought, self._figures.outcome) != ("started", "started"):
            _log.info("%s: %s", self._config, brought)
        self._figures.note(brought)
        self._figures.model = view.model
        again_s = _CONFIRM_S if brought == "started" else _TAKEN_S if taken else None
        return self._conclude(failures, again_s=again_s)

    def preview(self, due: Due) -> list[tuple[str, str]]:
        """Return path and text of each file that *due* would make; write nothing.

        Raises:
            RenderError: a template does not render.
        """
        try:
            running: str | None = files.read(self._config) or ""
        except PermissionError:
            running = None  # whoever looks on need not be who runs the router
        built, _ = self._builder.build(due, running)
        self._complain(built)
        view = _view(built, due)
        rendered = self._renderer.render(view)
        own = [(str(one.target), text) for one, text in self._own.texts(view)]
        return [(str(self._config), rendered.text), *rendered.parts.items(), *own]

    # parts of a try

    async def _seen(self, due: Due) -> tuple[View, frozenset[int]]:
        built, taken = self._builder.build(due, await self._applier.running_text())
        self._complain(built)
        self._figures.built = built
        return _view(built, due), taken

    async def _bring(self, view: View) -> Outcome:
        return await self._applier.apply(self._renderer.render(view))

    async def _remember(self) -> None:
        if self._figures.built is not None:
            self._builder.remember(self._figures.built)

    def _conclude(self, results: dict[str, str], *, again_s: float | None) -> list[str]:
        """Tell of failures and see to the next try; *again_s*: when it comes if there are none."""
        failed = [f"{what}: {reason}" for what, reason in results.items() if reason]
        self._failures = self._failures + 1 if failed else 0
        wait_s = _BACKOFF.delay_s(self._failures, random.random) if failed else again_s
        if wait_s is not None:
            self._agenda.again(time.monotonic() + wait_s)
        is_reminder = self._failures % _REMINDER_EVERY == 0
        for failure in failed:
            if is_reminder or failure not in self._told:
                _log.error("%s; what runs stays as it is, trying again", failure)
        if self._told and not failed:
            _log.info("All files are in force again")
        self._told = frozenset(failed)
        return failed

    # telling

    def _complain(self, built: Built) -> None:
        """Log each refusal and conflict once, for as long as it lasts."""
        before = _complaints(self._figures.built)
        for complaint in sorted(str(one) for one in _complaints(built) - before):
            _log.warning("%s", complaint)

    def _tell_held(self, before: Iterable[str]) -> None:
        if new := sorted(set(self._agenda.held) - set(before)):
            _log.warning(
                "Consul has no entry of %s any more, and not in the way in which services end:"
                " they are kept for a while",
                ", ".join(new),
            )


def _view(built: Built, due: Due) -> View:
    return View(built.model, due.picture.entries, due.picture.keys)


def _complaints(built: Built | None) -> frozenset[object]:
    return frozenset() if built is None else frozenset((*built.refusals, *built.conflicts))
