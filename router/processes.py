"""Processes that need not be our children: what is known of them, and their end."""

import asyncio
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from signal import Signals

_START_TIME_FIELD = 19
"""Of /proc/PID/stat, counted from the field behind the command's name."""
_CREDENTIALS = struct.Struct("3i")
"""Process, user and group at the other end of a unix socket."""
_CONNECT_TIMEOUT_S = 1.0


def signal_group(pid: int, number: Signals) -> None:
    """Send *number* to the process group of *pid*, which may itself be gone."""
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


async def end_of(pid: int) -> None:
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


def start_time(pid: int) -> str:
    """Return when *pid* was started, in the kernel's ticks; empty if it is no more."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[_START_TIME_FIELD]


def leads_a_session(pid: int) -> bool:
    """Whether *pid* lives, in a session that it began itself."""
    try:
        return os.getsid(pid) == pid and bool(start_time(pid))
    except ProcessLookupError:
        return False


def listener_of(path: Path) -> int | None:
    """Return the process that listens at the unix socket *path*; None if nobody does.

    It may be gone, while its children go on listening.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_CONNECT_TIMEOUT_S)
        try:
            probe.connect(str(path))
            told = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return None
    pid = int(_CREDENTIALS.unpack(told)[0])
    return pid or None  # 0: in a world of processes that we cannot see
