"""Processes that outlive the command that started them, and are never mistaken for others.

A process is known by its id *and* its start time, so a recycled id is never signalled. Everything
that a lab starts also carries a mark in its environment: what was started in the instant before a
`kill -9` of the lab itself, and so is in no state file, is still found by it.
"""

import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

MARK = "SWARM_LAB_MARK"
HELPER = "nsenter"
"""Command name of the processes that put others into a host's namespaces."""
SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
_STEERING = ("DOCKER_", "CONSUL_", "SWARM_")
_POLL_S = 0.01
_STOPPED = "T"
_STATE, _PARENT, _START = 0, 1, 19
"""Positions in /proc/PID/stat, counted after the command's closing parenthesis (see proc(5))."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process, for as long as it lives."""

    pid: int
    start: int
    """Clock ticks after boot at which it started."""

    def alive(self) -> bool:
        """Whether exactly this process still runs; a zombie does not."""
        _reap(self.pid)
        fields = _stat(self.pid)
        return fields is not None and int(fields[_START]) == self.start and fields[_STATE] != "Z"

    def send(self, number: signal.Signals) -> None:
        """Signal the process if it still lives."""
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                # It ended between the look and the signal, which is as good as before it.
                return

    def gone_within(self, timeout_s: float) -> bool:
        """Wait for the end of the process; tell whether it came in time."""
        deadline = time.monotonic() + timeout_s
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def freeze(self, timeout_s: float = 5.0) -> None:
        """Stop the process where it is, and wait until every thread of it stands still.

        Raises:
            LabError: a thread runs on (it hangs in the kernel).
        """
        self.send(signal.SIGSTOP)
        deadline = time.monotonic() + timeout_s
        while self.alive() and not self._stands_still():
            if time.monotonic() > deadline:
                raise LabError(f"process {self.pid} does not stand still, though it was stopped")
            time.sleep(_POLL_S)

    def _stands_still(self) -> bool:
        """Whether every thread is stopped; one that has just ended runs no more either."""
        threads = map(_read_stat, Path(f"/proc/{self.pid}/task").glob("*/stat"))
        return all(fields is None or fields[_STATE] == _STOPPED for fields in threads)

    def children(self) -> "list[Process]":
        """Return the direct children."""
        return [other for other, fields in _all() if int(fields[_PARENT]) == self.pid]

    def command(self) -> str:
        """Return the short command name, empty when the process is gone."""
        try:
            return Path(f"/proc/{self.pid}/comm").read_text(encoding="utf-8").strip()
        except (FileNotFoundError, ProcessLookupError):
            return ""


def identify(pid: int) -> Process | None:
    """Return the process that has *pid* now, or None."""
    fields = _stat(pid)
    return None if fields is None else Process(pid, int(fields[_START]))


def end_all(processes: Iterable[Process], timeout_s: float = 10.0) -> None:
    """Kill *processes* and wait until all are gone.

    All are signalled before any is waited for. The helpers that put a process on a host are not
    killed but woken: they are the parents of what runs there, the host's first process ends only
    when they have collected their children, and then they end by themselves.

    Raises:
        LabError: one is still there after *timeout_s* (it hangs in the kernel).
    """
    victims = list(processes)
    for process in victims:
        is_helper = process.command() == HELPER
        process.send(signal.SIGCONT if is_helper else signal.SIGKILL)
    deadline = time.monotonic() + timeout_s
    for process in victims:
        if not process.gone_within(deadline - time.monotonic()):
            raise LabError(f"process {process.pid} does not end, though it was killed")


def spawn(
    command: Sequence[str], log: Path, mark: str, extra: Mapping[str, str] | None = None
) -> Process:
    """Start *command* in a session of its own, its output appended to *log*.

    Args:
        command: program and arguments; the program's absolute path.
        log: file for standard output and error; made if needed.
        mark: what `marked` will look for.
        extra: additions to `clean_environment`.
    """
    environment = {**clean_environment(), **(extra or {}), MARK: mark}
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    pid = os.posix_spawn(command[0], list(command), environment, file_actions=actions, setsid=True)
    process = identify(pid)
    if process is None:
        raise LabError(f"{command[0]} ended at once, see {log}")
    return process


def clean_environment() -> dict[str, str]:
    """Return this process's environment, fit for the lab's programs.

    Without what would steer them behind the lab's back (DOCKER_TLS_VERIFY, CONSUL_HTTP_ADDR,
    SWARM_DISCOVERY …), and with the folders of system programs, which not every root's PATH has.
    """
    kept = {name: text for name, text in os.environ.items() if not name.startswith(_STEERING)}
    kept["PATH"] = f"{kept.get('PATH', '/usr/bin:/bin')}:{SYSTEM_FOLDERS}"
    return kept


def marked(mark: str) -> list[Process]:
    """Find every process that was started with *mark*, this one excluded."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for process, _fields in _all():
        try:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if wanted in environment.split(b"\0") and process.pid != os.getpid():
            found.append(process)
    return found


def _all() -> list[tuple[Process, list[str]]]:
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - hundreds of names, no paths wanted
        fields = _stat(int(entry)) if entry.isdigit() else None
        if fields is not None:
            found.append((Process(int(entry), int(fields[_START])), fields))
    return found


def _stat(pid: int) -> list[str] | None:
    return _read_stat(Path(f"/proc/{pid}/stat"))


def _read_stat(path: Path) -> list[str] | None:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command may hold blanks and parentheses itself: only the last ")" ends it.
    return text.rpartition(")")[2].split()


def _reap(pid: int) -> None:
    """Collect *pid* if it is our ended child, so that no zombie is left behind."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        # Started by an earlier command: init collects it.
        return
