"""Puts a file in place whole or not at all; what was there keeps its mode and owner."""

import os
from pathlib import Path

_NEW_MODE = 0o644
_NEW_FOLDER_MODE = 0o755


def read(path: Path) -> str | None:
    """Return the text of *path* as it stands there, None if there is no such file."""
    try:
        return path.read_bytes().decode(errors="surrogateescape")
    except FileNotFoundError:
        return None


def write_candidate(target: Path, text: str, *, like: Path | None = None) -> Path:
    """Write *text* beside *target*, on disk for sure, and return where.

    Mode and owner are those of *like*, where that exists; by default those of *target*.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    candidate = target.with_name(f".{target.name}.candidate")
    content = text.encode(errors="surrogateescape")
    try:
        with candidate.open("wb") as file:
            _take_after(like or target, file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        candidate.unlink(missing_ok=True)
        raise
    return candidate


def replace(target: Path, text: str, *, like: Path | None = None) -> None:
    """Give *target* the content *text* in one step, and mode and owner as `write_candidate` does.

    Raises:
        OSError: it stays as it was.
    """
    write_candidate(target, text, like=like).replace(target)


def make_folder(folder: Path) -> None:
    """Let *folder* and those above it exist; what is new can be read by everybody.

    Raises:
        OSError: it cannot be made.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    # Whatever our own umask is: the proxy may run as somebody else.
    folder.chmod(_NEW_FOLDER_MODE)


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
