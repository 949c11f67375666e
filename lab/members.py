"""The product's own processes: an agent on each host, manager and router on this machine."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from lab.addresses import LabPlan
from lab.consul import Consul
from lab.daemon import Daemon
from lab.host import Engine
from lab.http import call
from lab.install import Programs
from lab.processes import Process, spawn
from lab.state import Store

_HEARTBEAT = ("--heartbeat", "5s", "--ttl", "20s", "--services-ttl", "20s")
"""The shortest life that Consul grants a session, so that a dead host is missed soon."""
_METRICS_PORT = 2376
"""Of each host's own address: beside its engine's."""
_DRAIN = "10s"
"""What the edge gives requests in progress when it stops; `stop` waits no longer than 20 s."""
_NOTE = ("process id", "start time")
"""What a router writes down of its proxy."""
_STATUS_OK = 200
_REPOSITORY = Path(__file__).resolve().parent.parent


class Agent(Daemon):
    """`swarm agent` on an engine's host: it loses its network and its life with the host."""

    def __init__(self, store: Store, engine: Engine, consul: Consul) -> None:
        super().__init__(store, engine.plan.agent)
        self._engine = engine
        self._consul = consul

    def ready(self) -> bool:
        """Whether Consul lists the engine's address."""
        target = "/v1/kv/swarm/docker/swarm/nodes/" + self._engine.plan.endpoint
        return call("GET", self._consul.endpoint, target, timeout_s=2).status == _STATUS_OK

    @property
    def metrics_endpoint(self) -> str:
        """Host and port of its page of figures, ``/metrics``."""
        return f"{self._engine.plan.address}:{_METRICS_PORT}"

    def _launch(self) -> Process:
        advertise = ["--advertise", self._engine.plan.endpoint]
        # The host has this machine's files, so its engine's socket is not at the usual place.
        engine = ["--engine", f"unix://{self._engine.socket}"]
        figures = ["--metrics", self.metrics_endpoint]
        options = (*advertise, *engine, *figures, *_HEARTBEAT)
        command = _swarm("agent", *options, self._consul.uri_for_hosts)
        return self._engine.enter(command, self.log, self.name, _environment())


class Manager(Daemon):
    """`swarm manage` over the lab's engines."""

    def __init__(self, store: Store, plan: LabPlan, consul: Consul) -> None:
        super().__init__(store, "manager")
        self._plan = plan
        self._consul = consul

    @property
    def endpoint(self) -> str:
        """Host and port of its API."""
        return f"127.0.0.1:{self._plan.manager_port}"

    @property
    def url(self) -> str:
        """Address for ``docker -H``."""
        return f"tcp://{self.endpoint}"

    def ready(self) -> bool:
        """Whether the API answers."""
        return call("GET", self.endpoint, "/_ping", timeout_s=2).status == _STATUS_OK

    def healthy_nodes(self) -> int:
        """Count the nodes that the manager's ``info`` calls healthy.

        Raises:
            OSError: the manager cannot be reached.
        """
        info = call("GET", self.endpoint, "/info", timeout_s=5).json()
        rows = [*(info.get("DriverStatus") or []), *(info.get("SystemStatus") or [])]
        # The layout is classic Swarm's: an indented "└ Status" row below each node.
        return sum(row[0].strip(" └") == "Status" and row[1] == "Healthy" for row in rows)

    def _launch(self) -> Process:
        options = self._store.read().manager_options
        command = _swarm("manage", "-H", self.url, *options, self._consul.uri)
        return spawn(command, self.log, str(self._store.folder), _environment())


class Router(Daemon):
    """`swarm router` and its proxy at the edge; the proxy outlives a router that is killed."""

    def __init__(
        self, store: Store, plan: LabPlan, consul: Consul, programs: Callable[[], Programs]
    ) -> None:
        super().__init__(store, "router")
        self._folder = store.folder / "router"
        self._plan = plan
        self._consul = consul
        self._programs = programs

    @property
    def endpoint(self) -> str:
        """Host and port at which the proxy takes requests."""
        return f"{self._plan.gateway}:{self._plan.edge_port}"

    @property
    def status_endpoint(self) -> str:
        """Host and port of the router's own pages."""
        return f"{self._plan.gateway}:{self._plan.router_status_port}"

    def ready(self) -> bool:
        """Whether the router says how it is, and the proxy answers."""
        is_up = call("GET", self.status_endpoint, "/status", timeout_s=2).status == _STATUS_OK
        return is_up and call("GET", self.endpoint, "/", timeout_s=2).status > 0

    def proxy(self) -> list[Process]:
        """Return the proxy's processes that live, the main one first.

        They are found by the router's own note: Nginx writes its title over the environment, and
        with it over the mark by which the lab finds whatever else it started.
        """
        found = []
        for note in self._folder.glob("*.pid"):
            numbers = [int(word) for word in note.read_text(encoding="ascii").split()]
            # A router that dies while it writes leaves an empty note.
            main = Process(*numbers) if len(numbers) == len(_NOTE) else None
            if main is not None and main.alive():
                found += [main, *main.children()]
        return found

    def _launch(self) -> Process:
        programs = self._programs()
        proxy = self._store.read().router
        program = programs.nginx if proxy == "nginx" else programs.haproxy
        self._folder.mkdir(exist_ok=True)
        command = _swarm(
            "router",
            *("--proxy", proxy, f"--{proxy}", str(program), "--exec", "auto"),
            *("--config", str(self._folder / f"{proxy}.conf"), "--http", self.endpoint),
            *("--status", self.status_endpoint, "--drain", _DRAIN),
            self._consul.services_uri,
        )
        return spawn(command, self.log, str(self._store.folder), _environment())


def _swarm(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "swarm", *arguments]


def _environment() -> dict[str, str]:
    """Let `-m swarm` mean the one beside the lab, whatever the working folder is."""
    paths = [str(_REPOSITORY), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
