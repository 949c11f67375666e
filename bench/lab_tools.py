"""What both instruments over a real lab need: a process's figures, a middle, a table's row."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.processes import Process

_TICKS = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12
"""Positions in /proc/PID/stat, counted after the command's closing parenthesis (see proc(5))."""
_SAMPLE_S = 0.05
MB = 1_000_000


def family(process: Process) -> list[Process]:
    """Return *process* and all that descend from it."""
    return [process, *(one for child in process.children() for one in family(child))]


def cpu_s(processes: Iterable[Process]) -> float:
    """Return the CPU seconds that *processes* have used so far."""
    return sum(_ticks(process.pid) for process in processes) / _TICKS


def rss_mb(processes: Iterable[Process]) -> float:
    """Return the resident memory of *processes*, in MB."""
    return sum(_status_kb(process.pid, "VmRSS:") for process in processes) * 1024 / MB


class Watched:
    """Wall time, CPU seconds and peak memory of processes over a block."""

    def __init__(self, *processes: Process) -> None:
        self._processes = processes
        self.wall_s = self.cpu_s = self.before_mb = self.peak_mb = 0.0
        self._is_over = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="memory")

    def __enter__(self) -> Self:
        self.before_mb = self.peak_mb = rss_mb(self._processes)
        self._cpu_before = cpu_s(self._processes)
        self._started = time.monotonic()
        self._sampler.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wall_s = time.monotonic() - self._started
        self.cpu_s = cpu_s(self._processes) - self._cpu_before
        self._is_over.set()
        self._sampler.join()

    def _sample(self) -> None:
        while not self._is_over.wait(_SAMPLE_S):
            self.peak_mb = max(self.peak_mb, rss_mb(self._processes))


def middle_and_most(values: list[float]) -> str:
    """Return ``median / greatest`` of seconds."""
    return f"{statistics.median(values):.2f} / {max(values):.2f} s"


def row(*cells: object) -> None:
    """Print a row of a Markdown table, at once."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def header(*cells: str) -> None:
    """Print a table's head."""
    row(*cells)
    row(*("---" for _ in cells))


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[_USER]) + int(fields[_SYSTEM])


def _status_kb(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
