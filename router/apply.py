"""Brings a rendered file into force: checked, in place, and what runs follows it."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from router import commands, files
from router.errors import RefusedError, ReloadError
from router.proxies import Generation, Proxy
from router.rules.render import Rendered
from router.supervisor import Supervisor

_log = logging.getLogger(__name__)

Outcome = Literal["unchanged", "written", "adjusted", "reloaded", "started"]
_READY_TIMEOUT_S = 5.0
_TAKEN_TIMEOUT_S = 10.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Means:
    """How the file takes effect."""

    target: Path
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

    async def begin(self) -> bool:
        """Start the proxy with the file from before, if there is a good one; whether it was."""
        means = self._means
        if means.supervisor is None or files.read(means.target) is None:
            return False
        ended = await commands.run(commands.words(means.check, means.target))
        if ended.code:
            _log.warning("%s of before is not used: %s", means.target, ended.told)
            return False
        means.supervisor.start()
        return True

    def trust_file(self) -> None:
        """Take it that what runs has the file as it is; otherwise the first `apply` asks."""
        self._is_settled = True

    async def apply(self, rendered: Rendered) -> Outcome:
        """Bring *rendered* into force.

        Raises:
            RefusedError: the check says no; the file before stays, and in force.
            ReloadError: the proxy did not take it; the file before is back.
            OSError: the file cannot be written; the one before stays.
        """
        target = self._means.target
        before = files.read(target)
        if before == rendered.text and self._is_settled:
            return "unchanged"
        # Until it is known what runs: a router that was killed may have written, not reloaded.
        self._is_settled = False
        if before != rendered.text:
            await self._write(rendered.text)
        try:
            outcome = await self._follow(rendered)
        except ReloadError:
            if before is not None:
                files.replace(target, before)
            raise
        self._is_settled = True
        if outcome == "unchanged" and before != rendered.text:
            return "written"
        return outcome

    async def _write(self, text: str) -> None:
        target = self._means.target
        candidate = files.write_candidate(target, text)
        ended = await commands.run(commands.words(self._means.check, candidate))
        if ended.code:
            candidate.unlink()
            raise RefusedError(f"the check of {target} failed: {ended.told}")
        candidate.replace(target)

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
        if means.supervisor is not None:
            before = await self._ready(rendered)
            if not means.supervisor.signal(means.proxy.reload_signal):
                return "started"  # it is down; when it is started again it reads this file
            await self._taken(rendered, before)
            return "reloaded"
        if not means.reload:
            return "unchanged"
        ended = await commands.run(commands.words(means.reload, means.target))
        if ended.code:
            raise ReloadError(f"the reload failed: {ended.told or f'exit code {ended.code}'}")
        return "reloaded"

    async def _ready(self, rendered: Rendered) -> Generation:
        """Return what runs, once it does: a signal would kill a proxy that is only starting."""
        found = await self._means.proxy.generation()
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY_TIMEOUT_S if _tells(rendered) else 0):
                while found == Generation():
                    await asyncio.sleep(_POLL_S)
                    found = await self._means.proxy.generation()
        return found

    async def _taken(self, rendered: Rendered, before: Generation) -> None:
        """Wait until another generation has the file.

        Raises:
            ReloadError: none does; what ran before still runs.
        """
        if not _tells(rendered):
            return
        try:
            async with asyncio.timeout(_TAKEN_TIMEOUT_S):
                while True:
                    now = await self._means.proxy.generation()
                    if now != before and now.revision == rendered.revision:
                        return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise ReloadError(
                "the proxy passed its check but did not take the file; its own log says why"
                " (a port that somebody else has?)"
            ) from None


def _tells(rendered: Rendered) -> bool:
    """Whether a proxy with this file can say so; own templates may leave the revision out."""
    return rendered.revision in rendered.text
