"""What is known about a lab between two commands: one small JSON file.

Everything that `down` needs stands in it, and it is written after each step, so a lab that was
interrupted half-way can be taken down by it alone.
"""

import fcntl
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.processes import Process

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,23}")
_FILE = "state.json"


@dataclass(frozen=True, slots=True)
class EngineState:
    """How one engine was asked for."""

    generation: str = ""
    """Empty: the dockerd on PATH; ``26.1``: the newer one from the cache folder."""
    minimum_api: str = ""
    """Least API version that it accepts; empty for its own default."""


@dataclass(frozen=True, slots=True)
class LabState:
    """One lab: its place on the machine, its parts' settings and the processes that run."""

    name: str
    index: int
    consul_port: int
    registry_port: int
    manager_port: int
    engines: tuple[EngineState, ...]
    consul_rpc_port: int = 0
    consul_gossip_port: int = 0
    consul_servers: int = 1
    edge_port: int = 0
    router_status_port: int = 0
    agents: bool = True
    """Whether a `swarm agent` runs beside each engine."""
    manager: bool = True
    """Whether the lab has a `swarm manage`."""
    manager_options: tuple[str, ...] = ()
    """More flags for the manager."""
    router: str = ""
    """The proxy at the edge, ``haproxy`` or ``nginx``; empty: the lab has no router."""
    processes: Mapping[str, Process] = field(default_factory=dict)
    """What it is (``consul``, ``dockerhost01``, ``dockerhost01/dockerd`` …) to the process."""

    def to_json(self) -> str:
        """Return the file's text."""
        return json.dumps(asdict(self), indent=2) + "\n"


def from_json(text: str) -> LabState:
    """Read a state file's text.

    Raises:
        LabError: it is no state file of this version.
    """
    try:
        raw: dict[str, Any] = json.loads(text)
        engines = tuple(EngineState(**entry) for entry in raw.pop("engines"))
        processes = {key: Process(**entry) for key, entry in raw.pop("processes").items()}
        options = tuple(raw.pop("manager_options"))
        return LabState(**raw, engines=engines, manager_options=options, processes=processes)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise LabError(f"the lab's state file cannot be read ({exc})") from exc


def check_name(name: str) -> str:
    """Return *name* if a lab may be called so.

    Raises:
        LabError: it is too long, or not plain lower-case letters, digits, ``-`` and ``_``.
    """
    if not _NAME.fullmatch(name):
        raise LabError(
            f"{name!r} cannot be a lab's name: at most 24 lower-case letters, digits, - and _"
        )
    return name


def state_root() -> Path:
    """Return the folder that holds one folder for each lab.

    One place for the whole machine, not for a login: labs must see each other's addresses.
    """
    return Path("/run/swarm-lab")


def data_root() -> Path:
    """Return the folder for the engines' data: not in /run, which is often kept in memory."""
    return Path("/var/lib/swarm-lab")


class Store:
    """The state file of one lab, and the folder of logs that it lies in."""

    def __init__(self, name: str) -> None:
        self.folder = state_root() / check_name(name)
        self.data = data_root() / name
        self._mutex = threading.Lock()

    def exists(self) -> bool:
        """Whether a lab of this name is, or was left, here."""
        return (self.folder / _FILE).exists()

    def read(self) -> LabState:
        """Return the state.

        Raises:
            LabError: no lab of that name is up.
        """
        try:
            return from_json((self.folder / _FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            name = self.folder.name
            raise LabError(
                f"no lab named {name!r} is up: start it with"
                f" `.venv/bin/python -m lab up --name {name}`"
            ) from None

    def write(self, state: LabState) -> None:
        """Replace the file in one step: a reader sees the old or the new text, never half."""
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self.folder / f".{_FILE}.{os.getpid()}"
        scratch.write_text(state.to_json(), encoding="utf-8")
        scratch.replace(self.folder / _FILE)

    def process(self, key: str) -> Process | None:
        """Return the process called *key* if it is alive."""
        process = self.read().processes.get(key)
        return process if process is not None and process.alive() else None

    def set_process(self, key: str, process: Process | None) -> None:
        """Remember, or with None forget, the process called *key*."""
        # The mutex is for the threads that start engines, the file lock for other commands.
        with self._mutex, _locked(self.folder / "lock"):
            state = self.read()
            processes = {name: one for name, one in state.processes.items() if name != key}
            if process is not None:
                processes[key] = process
            self.write(replace(state, processes=processes))

    def remove(self) -> None:
        """Remove the state, the logs and the engines' data, and the empty folders above."""
        for folder in (self.data, self.folder):
            if folder.exists():
                shutil.rmtree(folder)
        data_parent = data_root()
        if data_parent.is_dir() and not any(data_parent.iterdir()):
            data_parent.rmdir()


def other_labs() -> list[LabState]:
    """Return the state of every lab on this machine; call it inside `machine_lock`."""
    found = []
    for path in sorted(state_root().glob(f"*/{_FILE}")):
        try:
            found.append(from_json(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            # Taken down between the listing and the reading.
            continue
    return found


@contextmanager
def machine_lock() -> Iterator[None]:
    """Hold the lock under which labs choose their index and ports, and are removed.

    The last lab to go takes the lock's own folder with it, so that nothing is left behind.
    """
    root = state_root()
    while True:
        root.mkdir(parents=True, exist_ok=True)
        try:
            file = (root / ".lock").open("w", encoding="utf-8")
        except FileNotFoundError:
            # The last lab went between the two lines above.
            continue
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_still_there(file.fileno(), root / ".lock"):
                # We waited for the lock of somebody who has removed it since.
                continue
            yield
            if [entry.name for entry in root.iterdir()] == [".lock"]:
                (root / ".lock").unlink()
                root.rmdir()
            return


def _is_still_there(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
