"""Puts a file in place whole or not at all; what was there keeps its mode and owner."""

import os
from pathlib import Path

_NEW_MODE = 0o644


def read(path: Path) -> str | None:
    """Return the text of *path*, None if there is no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None


def write_candidate(target: Path, text: str) -> Path:
    """Write *text* beside *target*, on disk for sure, and return where.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    candidate = target.with_name(f".{target.name}.candidate")
    try:
        with candidate.open("w", encoding="utf-8", errors="surrogateescape") as file:
            _take_after(target, file.fileno())
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        candidate.unlink(missing_ok=True)
        raise
    return candidate


def replace(target: Path, text: str) -> None:
    """Give *target* the content *text* in one step.

    Raises:
        OSError: it stays as it was.
    """
    write_candidate(target, text).replace(target)


def _take_after(target: Path, descriptor: int) -> None:
    try:
        there = target.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, _NEW_MODE)
        return
    mine = os.fstat(descriptor)
    if (there.st_uid, there.st_gid) != (mine.st_uid, mine.st_gid):
        os.fchown(descriptor, there.st_uid, there.st_gid)
    os.fchmod(descriptor, there.st_mode & 0o7777)
