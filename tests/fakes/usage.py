"""What a process holds: files, sockets, threads, memory. For tests that look for leaks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Usage:
    """One look at a process."""

    files: int
    """Open file descriptors of every kind."""
    sockets: int
    threads: int
    memory: int
    """Bytes of resident memory."""


def usage(pid: int | None = None) -> Usage:
    """Look at a process; None: at this one."""
    folder = _folder(pid)
    names = open_files(pid)
    return Usage(
        files=len(names),
        sockets=sum(name.startswith("socket:") for name in names),
        threads=sum(1 for _ in (folder / "task").iterdir()),
        memory=int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
    )


def open_files(pid: int | None = None) -> list[str]:
    """What each open file descriptor of a process is."""
    names = []
    for entry in (_folder(pid) / "fd").iterdir():
        try:
            names.append(str(entry.readlink()))
        except FileNotFoundError:
            continue  # closed meanwhile
    return names


def unnamed_files(pid: int | None = None) -> list[str]:
    """The open files that have no name any more: that is where the manager keeps bodies."""
    return [name for name in open_files(pid) if name.endswith("(deleted)")]


def _folder(pid: int | None) -> Path:
    return Path("/proc") / ("self" if pid is None else str(pid))
