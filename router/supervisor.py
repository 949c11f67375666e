"""Keeps one proxy running: started, restarted when it dies, adopted after our own restart.

The proxy outlives a router that is killed: it is in a session of its own, and its pid file tells
the next router which process it is. A pid given out anew is told apart by its start time. What no
pid file tells of is found by the proxy's own socket.
"""

import asyncio
import logging
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from signal import Signals

from common.backoff import Backoff
from common.durations import format_duration
from router import files, processes
from router.attempt import Failure, attempt

_log = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.5, cap_s=30.0)
_TELL_AGAIN_S = 0.5
"""To an end that was not heard; doubled each time."""
_GOOD_AFTER_S = 60.0
"""A proxy that lived so long starts the backoff anew when it dies."""
_END_S = 2.0
"""For a process that does not end by itself."""
_FAILING_AFTER = 2
"""Anything may end once; one that cannot even be started again has a reason."""
_SHELL = "/bin/sh"
_GATE = 'ulimit -S -n "$(ulimit -H -n)"; read -r go && exec "$@" </dev/null'
"""Lets the proxy have as many files as it may, and begin when a line comes in; ends when none can
come any more."""


class Supervisor:
    """One process and what became of it."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        pid_file: Path,
        socket: Path,
        stop_signal: Signals,
    ) -> None:
        """Start nothing yet.

        Args:
            argv: runs the proxy in the foreground.
            pid_file: remembers the process over our own end.
            socket: of the proxy; what a crashed one has left of it is removed.
            stop_signal: makes it end gracefully.
        """
        self._argv = argv
        self._pid_file = pid_file
        self._socket = socket
        self._stop_signal = stop_signal
        self._wanted = asyncio.Event()
        self._ended = asyncio.Event()
        self._pid: int | None = None
        self._is_stopping = False
        self._failures = 0
        self.starts = 0
        """How often a process was started."""

    @property
    def pid(self) -> int | None:
        """The main process, None while there is none."""
        return self._pid

    @property
    def is_wanted(self) -> bool:
        """Whether a process runs or is being started again."""
        return self._wanted.is_set()

    @property
    def is_failing(self) -> bool:
        """Whether the last process ended, and the one before it soon before that."""
        return self._failures >= _FAILING_AFTER

    def start(self) -> None:
        """Let there be a process, from now on."""
        self._wanted.set()

    def signal(self, number: Signals) -> bool:
        """Send *number* to the process; False if there is none."""
        if self._pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(self._pid, number)
            return True
        return False

    async def run(self, on_failing: Callable[[], None]) -> None:
        """Keep the process running until `stop`; begins with one that runs already.

        *on_failing* is called when a process has ended that is failing, before its next start.
        """
        while not self._is_stopping:
            began = time.monotonic()
            ended = await attempt(self._serve())
            if self._is_stopping:
                return
            has_lived = time.monotonic() - began > _GOOD_AFTER_S
            self._failures = 1 if has_lived else self._failures + 1
            wait_s = _BACKOFF.delay_s(self._failures, random.random)
            reason = ended.reason if isinstance(ended, Failure) else ended
            _log.error("The proxy ended (%s), next start in %s", reason, _shown(wait_s))
            if self.is_failing:
                on_failing()
            await asyncio.sleep(wait_s)

    async def stop(self, bound_s: float) -> None:
        """End the process: gracefully for *bound_s* seconds, then at once."""
        self._is_stopping = True
        for number, wait_s in ((self._stop_signal, bound_s), (signal.SIGTERM, _END_S)):
            await self._tell(number, wait_s)
        if self._pid is not None:
            processes.signal_group(self._pid, signal.SIGKILL)
            await self._has_ended(_END_S)
        await attempt(self._forget())

    async def _tell(self, number: Signals, bound_s: float) -> None:
        """Send *number* and wait for the end, at most *bound_s* seconds; send it again meanwhile.

        HAProxy's master executes itself anew after each start and reload, and hears nothing then.
        """
        loop = asyncio.get_running_loop()
        deadline, wait_s = loop.time() + bound_s, _TELL_AGAIN_S
        while self.signal(number) and (left_s := deadline - loop.time()) > 0:
            await self._has_ended(min(wait_s, left_s))
            wait_s *= 2

    async def _has_ended(self, bound_s: float) -> None:
        """Wait until `run` has seen the end of the process, at most *bound_s* seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(bound_s):
                await self._ended.wait()

    async def _serve(self) -> str:
        """Follow the process that runs, or start one; return how it ended."""
        if (pid := self._left_by_another()) is not None:
            _log.info("The proxy (process %d) runs already: it goes on", pid)
            self.start()
            await self._follow(pid)
            self._ended.set()
            return "it was started by another router"
        await self._wanted.wait()
        if shutil.which(self._argv[0]) is None:
            return f"{self._argv[0]}: there is no such program"
        self._socket.unlink(missing_ok=True)
        pid = self._started()
        self.starts += 1
        _log.info("Started the proxy (process %d)", pid)
        await self._follow(pid)
        code = _exit_code(pid)
        self._ended.set()
        return f"exit code {code}"

    def _started(self) -> int:
        """Start the proxy when it is written down which process it is, and not before.

        A router that is killed in between leaves a shell that ends at once, so no proxy can run of
        which the next router knows nothing: it would start a second one on the same ports.
        """
        theirs, ours = os.pipe()
        try:
            # No Popen: it would claim the process for itself, which is to outlive us.
            pid = os.posix_spawn(
                _SHELL,
                ["sh", "-c", _GATE, "sh", *self._argv],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, theirs, 0)],
                setsid=True,
                # What Python ignores would stay ignored in the proxy.
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
            )
            self._write_down(pid)
            os.write(ours, b"go\n")
        finally:
            os.close(theirs)
            os.close(ours)
        return pid

    def _write_down(self, pid: int) -> None:
        try:
            files.replace(self._pid_file, f"{pid} {processes.start_time(pid)}\n")
        except OSError as exc:
            # A full disk must not keep the edge down; the socket tells of the process, too.
            _log.error("The proxy (process %d) is not written down: %s", pid, exc)

    async def _follow(self, pid: int) -> None:
        self._ended.clear()
        self._pid = pid
        await processes.end_of(pid)
        self._pid = None
        # Workers whose master was killed would hold the ports that the next one needs; they let go
        # of them at once, and end what they have in progress.
        processes.signal_group(pid, self._stop_signal)

    def _left_by_another(self) -> int | None:
        """Return the process that a router before us has started and that still runs."""
        if (pid := self._written_down()) is not None:
            return pid
        owner = processes.listener_of(self._socket)
        if owner is None:
            return None
        if not processes.start_time(owner):
            # Its workers are left, without the process that could be told anything.
            processes.signal_group(owner, self._stop_signal)
            return None
        # Anything else was not started by a router, and its parent is none of our business.
        return owner if processes.leads_a_session(owner) else None

    def _written_down(self) -> int | None:
        try:
            pid, started = (files.read(self._pid_file) or "").split()
            return int(pid) if processes.start_time(int(pid)) == started else None
        except (OSError, ValueError):
            return None  # no file, or one that tells of no process

    async def _forget(self) -> None:
        self._pid_file.unlink(missing_ok=True)


def _exit_code(pid: int) -> int:
    """Return how our child *pid* ended, which it has."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _shown(seconds: float) -> str:
    return format_duration(round(seconds, 1))
