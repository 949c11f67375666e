"""One real Consul server with its web interface, which keeps its data over a restart."""

import json
from collections.abc import Callable
from pathlib import Path

from lab.addresses import LabPlan
from lab.daemon import Daemon
from lab.http import call
from lab.ports import free_port
from lab.processes import Process, spawn
from lab.state import Store

_STATUS_OK = 200
_RPC_PORT = 8300
_GOSSIP_PORT = 8301


class Consul(Daemon):
    """The lab's Consul. Cluster traffic stays on the lab's gateway address."""

    def __init__(self, store: Store, plan: LabPlan, program: Callable[[], Path]) -> None:
        super().__init__(store, "consul")
        self._plan = plan
        self._program = program

    @property
    def endpoint(self) -> str:
        """Host and port as this machine sees it: ``127.0.0.1:8500``."""
        return f"127.0.0.1:{self._plan.consul_port}"

    @property
    def uri(self) -> str:
        """Discovery address for the manager: ``consul://127.0.0.1:8500/swarm``."""
        return f"consul://{self.endpoint}/swarm"

    @property
    def uri_for_hosts(self) -> str:
        """Discovery address for what runs on a host, where 127.0.0.1 is the host itself."""
        return f"consul://{self._plan.gateway}:{self._plan.consul_port}/swarm"

    @property
    def ui(self) -> str:
        """Address of the web interface."""
        return f"http://{self.endpoint}/ui"

    def ready(self) -> bool:
        """Whether there is a leader and the node itself is known."""
        answer = call("GET", self.endpoint, "/v1/catalog/nodes", timeout_s=2)
        return answer.status == _STATUS_OK and bool(answer.json())

    def _launch(self) -> Process:
        folder = self._store.data / "consul"
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "consul.json"
        if not config.exists():
            # Written once: a server remembers its own address and must find it again.
            config.write_text(json.dumps(self._configuration(folder), indent=2), encoding="utf-8")
        command = [str(self._program()), "agent", "-config-file", str(config)]
        return spawn(command, self.log, str(self._store.folder))

    def _configuration(self, folder: Path) -> dict[str, object]:
        # The machine may run a Consul of its own that listens on every address.
        rpc = free_port(self._plan.gateway, _RPC_PORT)
        gossip = free_port(self._plan.gateway, _GOSSIP_PORT, {rpc})
        ports = {"http": self._plan.consul_port, "server": rpc, "serf_lan": gossip}
        return {
            "server": True,
            "bootstrap_expect": 1,
            "ui": True,
            "node_name": "consul",
            "data_dir": str(folder / "data"),
            "bind_addr": self._plan.gateway,
            "client_addr": "127.0.0.1",
            "addresses": {"http": f"127.0.0.1 {self._plan.gateway}"},
            "ports": {**ports, "dns": -1, "grpc": -1, "serf_wan": -1},
            # The quickest elections that Consul offers: one server has nobody to wait for.
            "performance": {"raft_multiplier": 1},
            "leave_on_terminate": False,
            "disable_update_check": True,
            "log_level": "INFO",
        }
