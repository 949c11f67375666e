"""Runs a command to its end: checks and reloads."""

import asyncio
import os
import shlex
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_TIMEOUT_S = 30.0
_LAST_LINES = 4
_MAX_TOLD = 500
_MAX_READ = 16384


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    told: str
    """The last lines of what it said, in one; made for a log line."""

    @property
    def reason(self) -> str:
        """Why it failed, in words."""
        return self.told or f"exit code {self.code}"


def words(command: str, file: Path) -> list[str]:
    """Return *command* taken apart as a shell would, with ``{}`` replaced by *file*.

    Raises:
        ValueError: a quote is not closed, or there is no word.
    """
    parts = shlex.split(command)
    if not parts:
        raise ValueError("an empty command")
    return [part.replace("{}", str(file)) for part in parts]


async def run(
    argv: Sequence[str], *, timeout_s: float = _TIMEOUT_S, keep: Sequence[int] = ()
) -> Ended:
    """Run *argv*; a program that cannot be started or does not end in time counts as failed.

    It finds the files *keep* open under the same numbers.
    """
    # No pipe: what the command leaves running may keep its output open for ever. No file: a full
    # disk must not be what makes a check fail.
    with os.fdopen(os.memfd_create("output"), "w+b") as output:
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                pass_fds=keep,
            )
        except OSError as exc:
            return Ended(127, f"{argv[0]}: {exc.strerror or exc}")
        try:
            async with asyncio.timeout(timeout_s):
                code = await process.wait()
        except TimeoutError:
            return Ended(124, f"{argv[0]} did not end in {timeout_s:.0f} s")
        finally:
            if process.returncode is None:
                # What it has started itself would otherwise go on.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return Ended(code, _last_lines(_end_of(output)))


def _end_of(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _MAX_READ))
    return output.read().decode(errors="replace")


def _last_lines(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-_LAST_LINES:])[-_MAX_TOLD:]
