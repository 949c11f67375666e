"""Files that a proxy's file names: there before it is, gone when nothing names them any more."""

from collections.abc import Mapping
from pathlib import Path

from router import files


def are_there(parts: Mapping[str, str]) -> bool:
    """Whether all of *parts*, by path, stand as they should."""
    return all(files.read(Path(path)) == text for path, text in parts.items())


def write(parts: Mapping[str, str], target: Path) -> None:
    """Write *parts* for a file *target*, whose readers have to be able to read them.

    Raises:
        OSError: one cannot be written.
    """
    for path, text in parts.items():
        files.make_folder(Path(path).parent)
        files.replace(Path(path), text, like=target)


def prune(folder: Path, text: str) -> None:
    """Remove from *folder* what *text*, the file in place, does not name.

    Raises:
        OSError: something cannot be removed.
    """
    if folder.is_dir():
        for path in folder.iterdir():
            if str(path) not in text:
                path.unlink(missing_ok=True)
