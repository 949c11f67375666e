"""Brings a rendered file into force: checked, in place, and what runs follows it."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from router import commands, files, parts
from router.errors import RefusedError, ReloadError
from router.proxies import Generation, Proxy
from router.rules.render import Rendered
from router.supervisor import Supervisor

_log = logging.getLogger(__name__)

Outcome = Literal["unchanged", "written", "adjusted", "reloaded", "started"]
_READY_TIMEOUT_S = 5.0
_TAKEN_TIMEOUT_S = 10.0
_TELL_AGAIN_S = 3.0
"""A reload takes less, if the proxy has heard of it."""
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Means:
    """How the file takes effect."""

    target: Path
    parts: Path
    """Folder of the files that it names."""
    check: str
    """Command that checks the file ``{}``."""
    proxy: Proxy
    supervisor: Supervisor | None
    """Runs the proxy; None: somebody else does."""
    reload: str = ""
    """Command that reloads somebody else's proxy; empty: nobody is told."""


class Applier:
    """One proxy's file."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._is_settled = False
        self._good: str | None = None
        """Text that the proxy has taken for sure; what a reload that fails goes back to."""

    async def begin(self) -> None:
        """Start the proxy with the file from before, if there is a good one."""
        means = self._means
        before = files.read(means.target)
        if means.supervisor is None or before is None:
            return
        if not means.supervisor.is_wanted:
            ended = await commands.run(commands.words(means.check, means.target))
            if ended.code:
                _log.warning("%s of before is not used: %s", means.target, ended.reason)
                return
            self._good = before
            means.supervisor.start()
        if means.proxy.socket in before:
            await self._up()

    def trust_file(self) -> None:
        """Take it that what runs has the file as it is; otherwise the first `apply` asks."""
        self._is_settled = True

    async def running_text(self) -> str:
        """Return the text that the proxy runs with, as far as can be known; empty: none.

        A proxy that ends again and again has nothing, whatever its file says.
        """
        means = self._means
        text = files.read(means.target) or ""
        is_failing = means.supervisor is not None and means.supervisor.is_failing
        can_tell = means.proxy.socket in text
        return "" if is_failing and can_tell and not await self._answers() else text

    async def apply(self, rendered: Rendered) -> Outcome:
        """Bring *rendered* into force.

        Raises:
            RefusedError: the check says no; the file before stays, and in force.
            ReloadError: the proxy did not take it; the file before is back.
            OSError: the file cannot be written; the one before stays.
        """
        target = self._means.target
        before = files.read(target)
        is_written = before == rendered.text and parts.are_there(rendered.parts)
        if is_written and self._is_settled:
            return "unchanged"
        # Until it is known what runs: a router that was killed may have written, not reloaded.
        self._is_settled = False
        if not is_written:
            await self._write(rendered)
        try:
            outcome = await self._follow(rendered)
        except Exception:
            self._take_back(before)
            raise
        # One that only starts has not said yet that it can.
        self._is_settled = outcome != "started" or not _tells(rendered)
        if self._is_settled:
            self._good = rendered.text
        parts.prune(self._means.parts, rendered.text)
        if outcome == "unchanged" and not is_written:
            return "written"
        return outcome

    async def _write(self, rendered: Rendered) -> None:
        target = self._means.target
        parts.write(rendered.parts, target)
        candidate = files.write_candidate(target, rendered.text)
        ended = await commands.run(commands.words(self._means.check, candidate))
        if ended.code:
            candidate.unlink()
            parts.prune(self._means.parts, files.read(target) or "")
            raise RefusedError(f"the check of {target} failed: {ended.reason}")
        candidate.replace(target)

    def _take_back(self, before: str | None) -> None:
        """Put back the file that the proxy runs with.

        It may still take the new one, late. Then they differ until the next try, which comes soon
        and begins by asking what runs.
        """
        good = before if self._good is None else self._good
        if good is not None:
            files.replace(self._means.target, good)

    async def _follow(self, rendered: Rendered) -> Outcome:
        means = self._means
        if means.supervisor is not None and not means.supervisor.is_wanted:
            means.supervisor.start()
            return "started"
        match await means.proxy.adjust(rendered):
            case "nothing to do":
                return "unchanged"
            case "done":
                return "adjusted"
            case "needs a reload":
                return await self._reload(rendered)

    async def _reload(self, rendered: Rendered) -> Outcome:
        means = self._means
        if means.supervisor is None:
            return await self._reload_somebody_s(rendered)
        if _tells(rendered):
            # A signal would kill a proxy that is only starting.
            await self._up()
        before = await means.proxy.generation()
        if not before.process and before.revision == rendered.revision:
            return "reloaded"  # it came up with this file, and will bring forth no other generation
        is_down = means.supervisor.is_failing and before == Generation()
        if is_down or not means.supervisor.signal(means.proxy.reload_signal):
            return "started"  # when it is started again it reads this file
        # A master that has just started may not have heard it.
        tell = partial(means.supervisor.signal, means.proxy.reload_signal)
        await self._taken(rendered, before, tell_again=tell)
        return "reloaded"

    async def _reload_somebody_s(self, rendered: Rendered) -> Outcome:
        means = self._means
        if not means.reload:
            return "unchanged"
        before = await means.proxy.generation()
        ended = await commands.run(commands.words(means.reload, means.target))
        if ended.code:
            raise ReloadError(f"the reload failed: {ended.reason}")
        # A command has done its part when it has told the proxy, which may still refuse the file.
        # One that did not answer before may be out of our sight, and never will.
        if before != Generation():
            await self._taken(rendered, before)
        return "reloaded"

    async def _answers(self) -> bool:
        return await self._means.proxy.generation() != Generation()

    async def _up(self) -> None:
        """Wait until the supervised proxy answers, or is known not to."""
        supervisor = self._means.supervisor
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY_TIMEOUT_S):
                while supervisor is not None and not supervisor.is_failing:
                    if await self._answers():
                        return
                    await asyncio.sleep(_POLL_S)

    async def _taken(
        self,
        rendered: Rendered,
        before: Generation,
        *,
        tell_again: Callable[[], object] = lambda: None,
    ) -> None:
        """Wait until another generation has the file; *tell_again* is called once meanwhile.

        Raises:
            ReloadError: none does; what ran before still runs.
        """
        if not _tells(rendered):
            return
        try:
            async with asyncio.timeout(_TAKEN_TIMEOUT_S):
                again = asyncio.get_running_loop().call_later(_TELL_AGAIN_S, tell_again)
                try:
                    while True:
                        now = await self._means.proxy.generation()
                        if now != before and now.revision == rendered.revision:
                            return
                        await asyncio.sleep(_POLL_S)
                finally:
                    again.cancel()
        except TimeoutError:
            raise ReloadError(
                "the proxy passed its check but did not take the file; its own log says why"
                " (a port that somebody else has?)"
            ) from None


def _tells(rendered: Rendered) -> bool:
    """Whether a proxy with this file can say so; own templates may leave the revision out."""
    return rendered.revision in rendered.text
