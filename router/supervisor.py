"""Keeps one proxy running: started, restarted when it dies, adopted after our own restart.

The proxy outlives a router that is killed: it is in a session of its own, and its pid file tells
the next router which process it is. A pid given out anew is told apart by its start time.
"""

import asyncio
import logging
import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from common.backoff import Backoff
from common.durations import format_duration

_log = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.5, cap_s=30.0)
_GOOD_AFTER_S = 60.0
"""A proxy that lived so long starts the backoff anew when it dies."""
_START_TIME_FIELD = 19
"""Of /proc/PID/stat, counted from the field behind the command's name."""


class Supervisor:
    """One process and what became of it."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        pid_file: Path,
        socket: Path,
        stop_signal: signal.Signals,
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
        self._pid: int | None = None
        self._is_stopping = False
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

    def start(self) -> None:
        """Let there be a process, from now on."""
        self._wanted.set()

    def signal(self, number: signal.Signals) -> bool:
        """Send *number* to the process; False if there is none."""
        if self._pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(self._pid, number)
            return True
        return False

    async def run(self) -> None:
        """Keep the process running until `stop`; begins with one that runs already."""
        failures = 0
        if (pid := self._left_by_another()) is not None:
            _log.info("The proxy (process %d) runs already: it goes on", pid)
            self.start()
            await self._follow(pid, None)
        while not self._is_stopping:
            await self._wanted.wait()
            began = time.monotonic()
            ended = await self._run_once()
            if self._is_stopping:
                return
            failures = 1 if time.monotonic() - began > _GOOD_AFTER_S else failures + 1
            wait_s = _BACKOFF.delay_s(failures, random.random)
            _log.error("The proxy ended (%s), next start in %s", ended, _shown(wait_s))
            await asyncio.sleep(wait_s)

    async def stop(self, bound_s: float) -> None:
        """End the process: gracefully for *bound_s* seconds, then at once."""
        self._is_stopping = True
        for number, wait_s in ((self._stop_signal, bound_s), (signal.SIGTERM, 2.0)):
            if self._pid is None:
                break
            self.signal(number)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await _end_of(self._pid)
                    self._pid = None
        if self._pid is not None:
            _signal_group(self._pid, signal.SIGKILL)
        self._pid_file.unlink(missing_ok=True)

    async def _run_once(self) -> str:
        self._socket.unlink(missing_ok=True)
        try:
            process = subprocess.Popen(  # noqa: ASYNC220, S603 (fork and exec of the operator's)
                self._argv, stdin=subprocess.DEVNULL, start_new_session=True
            )
        except OSError as exc:
            return f"{self._argv[0]}: {exc.strerror or exc}"
        self.starts += 1
        _log.info("Started the proxy (process %d)", process.pid)
        self._pid_file.write_text(f"{process.pid} {_start_time(process.pid)}\n", encoding="ascii")
        await self._follow(process.pid, process)
        return f"exit code {process.returncode}"

    async def _follow(self, pid: int, child: subprocess.Popen[bytes] | None) -> None:
        self._pid = pid
        await _end_of(pid)
        self._pid = None
        if child is not None:
            child.wait()
        # Workers whose master was killed would hold the ports that the next one needs; they let go
        # of them at once, and end what they have in progress.
        _signal_group(pid, self._stop_signal)

    def _left_by_another(self) -> int | None:
        """Return the process that a router before us has started and that still runs."""
        try:
            pid, started = self._pid_file.read_text(encoding="ascii").split()
            return int(pid) if _start_time(int(pid)) == started else None
        except (OSError, ValueError):
            return None


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


async def _end_of(pid: int) -> None:
    """Wait until *pid*, ours or not, has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _start_time(pid: int) -> str:
    """Return when *pid* was started, in the kernel's ticks; empty if it is no more."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[_START_TIME_FIELD]


def _shown(seconds: float) -> str:
    return format_duration(round(seconds, 1))
