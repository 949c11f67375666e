"""What the lab's plain processes have in common: Consul, the registry, the agents …."""

import signal
from abc import ABC, abstractmethod
from pathlib import Path

from lab.errors import LabError
from lab.http import wait_for
from lab.processes import Process, end_all
from lab.state import Store

_STOP_TIMEOUT_S = 20.0


class Daemon(ABC):
    """One process with the verbs that break and mend it."""

    start_timeout_s = 20.0

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self._store = store

    @property
    def log(self) -> Path:
        """What the process wrote."""
        return self._store.folder / f"{self.name}.log"

    @property
    def process(self) -> Process | None:
        """The process, or None when it does not run."""
        return self._store.process(self.name)

    @abstractmethod
    def ready(self) -> bool:
        """Whether it does its work.

        Raises:
            OSError: it cannot be reached.
        """

    @abstractmethod
    def _launch(self) -> Process:
        """Start the process; do not wait for it."""

    def start(self) -> None:
        """Start it unless it runs, and wait until it is ready.

        Raises:
            LabError: it did not get ready; carries the last lines of its log.
        """
        process = self.process or self._launch()
        self._store.set_process(self.name, process)
        wait_for(self.name, self.ready, process.alive, self.log, self.start_timeout_s)

    def kill(self) -> None:
        """End it without a warning."""
        keys = (self.name, f"{self.name}/helper")
        end_all(one for one in map(self._store.process, keys) if one is not None)
        self._store.set_process(self.name, None)

    def stop(self) -> None:
        """Ask it to end, and wait until it has.

        Raises:
            LabError: it does not end.
        """
        process = self.process
        if process is not None:
            process.send(signal.SIGTERM)
            # One that was paused hears nothing until it goes on.
            self._wake(process)
            if not process.gone_within(_STOP_TIMEOUT_S):
                raise LabError(f"{self.name} does not stop; `kill {self.name}` will")
        self._store.set_process(self.name, None)

    def restart(self) -> None:
        """Stop it if it runs, then start it."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it: connections are taken and never answered."""
        self._running().freeze()

    def unpause(self) -> None:
        """Undo `pause`."""
        self._wake(self._running())

    def status(self) -> str:
        """Return ``up``, ``hangs`` or ``down``."""
        if self.process is None:
            return "down"
        try:
            return "up" if self.ready() else "hangs"
        except OSError:
            return "hangs"

    def _wake(self, process: Process) -> None:
        """Let *process* go on, and the helper that put it on its host, which stops with it."""
        process.send(signal.SIGCONT)
        helper = self._store.process(f"{self.name}/helper")
        if helper is not None:
            helper.send(signal.SIGCONT)

    def _running(self) -> Process:
        process = self.process
        if process is None:
            raise LabError(f"{self.name} does not run: `restart {self.name}` first")
        return process
