"""A whole lab: its parts put together, brought up, and taken down without a trace."""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Self

from lab import cgroups, network
from lab.claim import plan_of, with_addresses
from lab.consul import Consul, ConsulServer
from lab.daemon import Daemon
from lab.errors import LabError
from lab.host import Engine
from lab.http import call, tail
from lab.install import find
from lab.members import Agent, Manager, Router
from lab.processes import Process, end_all, identify, marked, spawn
from lab.registry import Registry, prepare
from lab.state import EngineState, LabState, Store, machine_lock, other_labs

NEWER = EngineState(generation="26.1", minimum_api="1.44")
"""An engine of the second generation that refuses old clients, as Engine 29 does."""
_END_TIMEOUT_S = 10.0
_HEALTHY_TIMEOUT_S = 30.0
_STATUS_OK = 200


class Lab:
    """A named cluster of real parts on this machine.

    As a context manager it is up inside the block and gone after it::

        with Lab("tests", engines=2) as lab:
            lab.engines[0].docker("run", "--rm", "busybox", "true")
    """

    def __init__(
        self,
        name: str = "lab",
        engines: int | Sequence[EngineState] = 3,
        *,
        consul_servers: int = 1,
        agents: bool = True,
        manager: bool = True,
        manager_options: Sequence[str] = (),
        manager_port: int | None = None,
        router: str = "",
    ) -> None:
        """Describe a lab; nothing is started yet.

        Args:
            name: names the lab on this machine.
            engines: how many, or one `EngineState` for each.
            consul_servers: one, or several behind a client agent.
            agents: whether `swarm agent` runs beside each engine.
            manager: whether `swarm manage` runs.
            manager_options: more flags for it.
            manager_port: its port on 127.0.0.1; by default 2375, or the next that is free.
            router: the proxy that `swarm router` keeps at the edge, ``haproxy`` or ``nginx``;
                by default there is no router.
        """
        wanted = [EngineState()] * engines if isinstance(engines, int) else list(engines)
        self.name = name
        self._store = Store(name)
        self._manager_port = manager_port
        self._assemble(
            LabState(
                name=name,
                index=0,
                consul_port=0,
                registry_port=0,
                manager_port=0,
                engines=tuple(wanted),
                consul_servers=consul_servers,
                agents=agents,
                manager=manager,
                manager_options=tuple(manager_options),
                router=router,
            )
        )

    @classmethod
    def load(cls, name: str = "lab") -> Self:
        """Return the lab that is up under *name*.

        Raises:
            LabError: there is none.
        """
        state = Store(name).read()
        lab = cls(name, state.engines)
        lab._assemble(state)
        return lab

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    def up(self, *, keep_without_manager: bool = False) -> None:
        """Start everything and wait until it works; on failure take down what was started.

        Args:
            keep_without_manager: leave the rest up when only the manager or the router does not
                start, for whoever is just changing it.

        Raises:
            LabError: not root, a program missing, the name in use, or a part did not start.
        """
        _require_root()
        find()
        self._claim()
        started = False
        try:
            self._start()
            started = True
            self._start_members()
        except BaseException as exc:
            if started and keep_without_manager and isinstance(exc, LabError):
                raise LabError(f"{exc} (the rest is up: `restart` tries again)") from exc
            self.down()
            raise

    def down(self) -> None:
        """End and remove everything of this lab, from whatever state it is in.

        Raises:
            LabError: not root, or something of it does not go away.
        """
        _require_root()
        with machine_lock():
            cgroups.thaw(self.name)
            self._end_processes()
            cgroups.remove(self.name)
            self._store.remove()

    def part(self, name: str) -> Engine | Daemon:
        """Return the part called *name*: an engine, ``agent-01``, ``consul``, ``manager`` ….

        Raises:
            LabError: there is no such part; names those that there are.
        """
        parts = self.parts()
        if name not in parts:
            raise LabError(f"this lab has no {name!r}; it has {', '.join(parts)}")
        return parts[name]

    def parts(self) -> dict[str, Engine | Daemon]:
        """Return every part by name."""
        parts: dict[str, Engine | Daemon] = {"consul": self.consul}
        parts.update({server.name: server for server in self.consul_servers})
        parts["registry"] = self.registry
        parts.update({engine.name: engine for engine in self.engines})
        parts.update({agent.name: agent for agent in self.agents})
        if self._wanted.manager:
            parts["manager"] = self.manager
        if self._wanted.router:
            parts["router"] = self.router
        return parts

    def statuses(self) -> dict[str, str]:
        """Return what each part does: ``up``, ``hangs``, ``down`` …; asks all at once."""
        parts = self.parts()
        with ThreadPoolExecutor(max_workers=len(parts)) as pool:
            answers = pool.map(lambda part: part.status(), parts.values())
            return dict(zip(parts, answers, strict=True))

    def logs(self, name: str = "manager") -> str:
        """Return what the part called *name* has logged, empty if it never ran."""
        log = self.part(name).log
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    def wait_healthy(self, timeout_s: float = _HEALTHY_TIMEOUT_S) -> None:
        """Wait until the manager calls every engine healthy.

        Raises:
            LabError: it did not in time; carries the manager's last words.
        """
        deadline = time.monotonic() + timeout_s
        healthy = 0
        while time.monotonic() < deadline:
            try:
                healthy = self.manager.healthy_nodes()
            except OSError:
                healthy = 0
            if healthy == len(self.engines):
                return
            time.sleep(0.1)
        raise LabError(
            f"the manager calls {healthy} of {len(self.engines)} engines healthy after "
            f"{timeout_s:.0f} s; its log says: {tail(self.manager.log)}"
        )

    def _assemble(self, state: LabState) -> None:
        """Make the objects of every part for *state*; starts nothing."""
        self._wanted = state
        self.plan = plan_of(state)
        programs = cache(find)
        self._assemble_consul(lambda: programs().consul)
        self.registry = Registry(self._store, self.plan, programs)
        self.engines = [
            Engine(self._store, self.plan, host, wanted, programs)
            for host, wanted in zip(self.plan.hosts, state.engines, strict=True)
        ]
        self.agents: list[Agent] = []
        if state.agents:
            self.agents = [Agent(self._store, engine, self.consul) for engine in self.engines]
            for engine, agent in zip(self.engines, self.agents, strict=True):
                engine.agent = agent
        self.manager = Manager(self._store, self.plan, self.consul)
        self.router = Router(self._store, self.plan, self.consul, programs)

    def _assemble_consul(self, program: Callable[[], Path]) -> None:
        self.consul = Consul(self._store, self.plan, program)
        self.consul_servers = [
            ConsulServer(self._store, self.plan, program, f"consul-{number}", address)
            for number, address in enumerate(self.plan.consul_servers, 1)
        ]

    def _claim(self) -> None:
        """Take an index and ports that no other lab has, and write the state file."""
        with machine_lock():
            if self._store.exists():
                if any(process.alive() for process in self._store.read().processes.values()):
                    raise LabError(
                        f"a lab named {self.name!r} is up already: `.venv/bin/python -m lab down"
                        f" --name {self.name}` ends it, another --name starts a second one"
                    )
                # Left over by a power cut or a `kill -9` of everything.
                self._end_processes()
                cgroups.remove(self.name)
            shutil.rmtree(self._store.folder, ignore_errors=True)
            shutil.rmtree(self._store.data, ignore_errors=True)
            others = [lab for lab in other_labs() if lab.name != self.name]
            state = with_addresses(self._wanted, others, self._manager_port)
            self._store.write(state)
        self._assemble(state)

    def _start(self) -> None:
        network.connect_machine(self._start_switch(), self.plan)
        prepare(self._store, self.plan, find)
        starts: list[Callable[[], None]] = [self.consul.start, self.registry.start]
        starts += [server.start for server in self.consul_servers]
        starts += [engine.start for engine in self.engines]
        _together(starts)
        _together([partial(self._load_images, engine) for engine in self.engines])
        _together([agent.start for agent in self.agents])

    def _start_members(self) -> None:
        starts: list[Callable[[], None]] = []
        starts += [self.manager.start] if self._wanted.manager else []
        starts += [self.router.start] if self._wanted.router else []
        _together(starts)
        if self._wanted.manager and self.agents:
            self.wait_healthy()

    def _start_switch(self) -> Process:
        unshare = shutil.which("unshare")
        if unshare is None:
            raise LabError("unshare is missing: install util-linux")
        log = self._store.folder / "switch.log"
        switch = spawn([unshare, "--net", "sleep", "infinity"], log, str(self._store.folder))
        self._store.set_process("switch", switch)
        deadline = time.monotonic() + _END_TIMEOUT_S
        # Before the program changes, the new network does not exist yet.
        while switch.command() != "sleep":
            if not switch.alive() or time.monotonic() > deadline:
                raise LabError(f"a network namespace could not be made: {tail(log)}")
            time.sleep(0.005)
        return switch

    def _load_images(self, engine: Engine) -> None:
        archive = prepare(self._store, self.plan, find).base_archive.read_bytes()
        kind = {"Content-Type": "application/x-tar"}
        answer = call("POST", engine.socket, "/images/load?quiet=1", archive, kind, timeout_s=60)
        if answer.status != _STATUS_OK:
            text = answer.body.decode(errors="replace").strip()
            raise LabError(f"{engine.name} did not take the busybox image: {text}")

    def _end_processes(self) -> None:
        processes: list[Process] = []
        if self._store.exists():
            processes += self._store.read().processes.values()
            processes += self.router.proxy()
        # What was started just before the state could be written is found by its mark.
        processes += [one for one in marked(str(self._store.folder)) if one != _self()]
        end_all(processes)


def _require_root() -> None:
    if os.geteuid() != 0:
        raise LabError("a lab needs root (namespaces, networks, dockerd): try again with sudo")


def _together(actions: Sequence[Callable[[], None]]) -> None:
    """Run *actions* side by side; when all have ended, raise the first failure."""
    if not actions:
        return
    with ThreadPoolExecutor(max_workers=len(actions)) as pool:
        for result in [pool.submit(action) for action in actions]:
            result.result()


def _self() -> Process | None:
    return identify(os.getpid())
