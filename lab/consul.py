"""The lab's real Consul with its web interface; it keeps its data over a restart.

With one server, that is the address for everybody. With several, each is a process on an address
of its own, and what everybody asks is a client agent, as Consul's makers advise: it forwards to
whichever servers live, so nobody has to know which they are.
"""

import json
from collections.abc import Callable
from pathlib import Path

from lab.addresses import LabPlan
from lab.daemon import Daemon
from lab.http import call
from lab.processes import Process, spawn
from lab.state import Store

_STATUS_OK = 200


class ConsulServer(Daemon):
    """One server of several, ``consul-1`` and so on."""

    is_server = True

    def __init__(
        self, store: Store, plan: LabPlan, program: Callable[[], Path], name: str, address: str
    ) -> None:
        """Describe it.

        Args:
            store: the lab's state.
            plan: the lab's addresses.
            program: finds Consul, when it is needed.
            name: its name as a node.
            address: where it speaks to other Consuls, without port.
        """
        super().__init__(store, name)
        self._plan = plan
        self._program = program
        self._address = address

    @property
    def endpoint(self) -> str:
        """Host and port of its API."""
        return f"{self._address}:{self._plan.consul_port}"

    def ready(self) -> bool:
        """Whether its API answers; a leader takes a majority, which is not this one's affair."""
        return call("GET", self.endpoint, "/v1/agent/self", timeout_s=2).status == _STATUS_OK

    def _launch(self) -> Process:
        folder = self._store.data / self.name
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "consul.json"
        config.write_text(json.dumps(self._configuration(folder), indent=2), encoding="utf-8")
        command = [str(self._program()), "agent", "-config-file", str(config)]
        return spawn(command, self.log, str(self._store.folder))

    def _configuration(self, folder: Path) -> dict[str, object]:
        gossip = self._plan.consul_gossip_port
        ports = {
            "http": self._plan.consul_port,
            "server": self._plan.consul_rpc_port,
            "serf_lan": gossip,
        }
        settings: dict[str, object] = {
            "server": self.is_server,
            "ui": True,
            "node_name": self.name,
            "data_dir": str(folder / "data"),
            "bind_addr": self._address,
            "client_addr": self._address,
            "ports": {**ports, "dns": -1, "grpc": -1, "serf_wan": -1},
            "retry_join": [f"{address}:{gossip}" for address in self._plan.consul_servers],
            "retry_interval": "1s",
            "leave_on_terminate": False,
            "disable_update_check": True,
            "log_level": "INFO",
        }
        if self.is_server:
            settings["bootstrap_expect"] = max(1, len(self._plan.consul_servers))
            # The quickest elections that Consul offers.
            settings["performance"] = {"raft_multiplier": 1}
        return settings


class Consul(ConsulServer):
    """What everybody asks: the lab's only server, or a client agent before several."""

    def __init__(self, store: Store, plan: LabPlan, program: Callable[[], Path]) -> None:
        super().__init__(store, plan, program, "consul", plan.gateway)
        self.is_server = not plan.consul_servers

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
    def services_uri(self) -> str:
        """Where the agents keep services: ``consul://127.0.0.1:8500/services``."""
        return f"consul://{self.endpoint}/services"

    @property
    def ui(self) -> str:
        """Address of the web interface."""
        return f"http://{self.endpoint}/ui"

    def ready(self) -> bool:
        """Whether there is a leader and the node itself is known, which sessions need."""
        answer = call("GET", self.endpoint, "/v1/catalog/nodes", timeout_s=2)
        return answer.status == _STATUS_OK and any(
            node["Node"] == self.name for node in answer.json()
        )

    def _configuration(self, folder: Path) -> dict[str, object]:
        settings = super()._configuration(folder)
        settings["client_addr"] = "127.0.0.1"
        settings["addresses"] = {"http": f"127.0.0.1 {self._plan.gateway}"}
        return settings
