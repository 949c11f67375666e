"""The product's own processes in the lab: an agent on each host, one manager on this machine."""

import os
import sys
from pathlib import Path

from lab.addresses import LabPlan
from lab.consul import Consul
from lab.daemon import Daemon
from lab.host import Engine
from lab.http import call
from lab.processes import Process, spawn
from lab.state import Store

_HEARTBEAT = ("--heartbeat", "5s", "--ttl", "20s")
"""The shortest life that Consul grants a session, so that a dead host is missed soon."""
_STATUS_OK = 200
_REPOSITORY = Path(__file__).resolve().parent.parent


class Agent(Daemon):
    """`swarm join` on an engine's host: it loses its network and its life with the host."""

    def __init__(self, store: Store, engine: Engine, consul: Consul) -> None:
        super().__init__(store, engine.plan.agent)
        self._engine = engine
        self._consul = consul

    def ready(self) -> bool:
        """Whether Consul lists the engine's address."""
        target = "/v1/kv/swarm/docker/swarm/nodes/" + self._engine.plan.endpoint
        return call("GET", self._consul.endpoint, target, timeout_s=2).status == _STATUS_OK

    def _launch(self) -> Process:
        advertise = ["--advertise", self._engine.plan.endpoint]
        command = _swarm("join", *advertise, *_HEARTBEAT, self._consul.uri_for_hosts)
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


def _swarm(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "swarm", *arguments]


def _environment() -> dict[str, str]:
    """Let `-m swarm` mean the one beside the lab, whatever the working folder is."""
    paths = [str(_REPOSITORY), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
