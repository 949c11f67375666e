"""The cgroups of a lab's containers, which outlive a host that loses its power."""

import contextlib
import time
from pathlib import Path

from lab.errors import LabError

_CGROUPS = Path("/sys/fs/cgroup")
_END_TIMEOUT_S = 10.0


def thaw(lab: str) -> None:
    """Let the paused containers of *lab* run: a frozen process does not even die."""
    for group in _of(lab):
        for file, thawed in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            with contextlib.suppress(FileNotFoundError):
                if (group / file).exists():
                    (group / file).write_text(thawed)


def remove(lab: str) -> None:
    """Remove every cgroup of *lab*.

    Raises:
        LabError: something still runs in one.
    """
    deadline = time.monotonic() + _END_TIMEOUT_S
    while True:
        remaining = [path for path in _of(lab) if not _rmdir(path)]
        if not remaining:
            return
        if time.monotonic() > deadline:
            raise LabError(f"the cgroup {remaining[0]} cannot be removed: it is in use")
        time.sleep(0.05)


def _of(lab: str) -> list[Path]:
    """Return the lab's cgroups in every hierarchy, the innermost first."""
    tops = [*_CGROUPS.glob(f"*/swarm-lab/{lab}"), _CGROUPS / "swarm-lab" / lab]
    found: list[Path] = []
    for top in tops:
        if top.is_dir():
            found += [top, *(path for path in top.rglob("*") if path.is_dir())]
            found.append(top.parent)
    return sorted(set(found), key=lambda path: -len(path.parts))


def _rmdir(path: Path) -> bool:
    """Remove a cgroup; tell whether it is gone. The shared parent may stay for other labs."""
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return path.name == "swarm-lab" and any(child.is_dir() for child in path.iterdir())
    return True
