"""A real Consul server of its own for the discovery's contract tests."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from lab.install import cache_folder
from tests.fakes.ports import free_ports

_START_TIMEOUT_S = 30.0


def consul_program() -> Path:
    """Return the Consul to test with; fail the test if there is none."""
    found = shutil.which("consul")
    if found:
        return Path(found)
    cached = cache_folder() / "consul" / "usr" / "bin" / "consul"
    if not cached.is_file():
        pytest.fail("no consul on PATH or in the lab's cache: run `make setup`")
    return cached


class ConsulServer:
    """One server on free loopback ports; its data outlives a restart unless wiped."""

    def __init__(self, folder: Path, **config: object) -> None:
        self.folder = folder
        self.config = config
        names = ("http", "https", "server", "serf_lan")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.headers: Mapping[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"consul://127.0.0.1:{self.ports['http']}/swarm"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = {**self.ports, "dns": -1, "grpc": -1, "serf_wan": -1}
        if "cert_file" not in self.config:
            ports["https"] = -1
        config = {
            "server": True,
            "bootstrap_expect": 1,
            "node_name": "test",
            "data_dir": str(self.folder / "data"),
            "bind_addr": "127.0.0.1",
            "client_addr": "127.0.0.1",
            "ports": ports,
            "performance": {"raft_multiplier": 1},
            "disable_update_check": True,
            **self.config,
        }
        path = self.folder / "consul.json"
        path.write_text(json.dumps(config))
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [consul_program(), "agent", "-config-file", path], stdout=log, stderr=log
            )
        self._wait()

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            os.kill(self._process.pid, number)
            self._process.wait(30)
            self._process = None

    def restart(self, *, wiped: bool = False) -> None:
        self.stop()
        if wiped:
            shutil.rmtree(self.folder / "data")
        self.start()

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Call the server's API; *body* is sent as it is if it is text, else as JSON."""
        content = body if isinstance(body, str) else json.dumps(body) if body else None
        url = f"http://127.0.0.1:{self.ports['http']}/v1{path}"
        return httpx.request(
            method, url, content=content, headers=dict(self.headers), timeout=10, trust_env=False
        )

    def keys(self) -> list[str]:
        answer = self.call("GET", "/kv/?keys")
        return [] if answer.status_code == 404 else answer.json()

    def key(self, name: str) -> dict[str, object]:
        (item,) = self.call("GET", f"/kv/{name}").json()
        return item

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                # The node's own check is what sessions need; a leader alone is not enough. It
                # appears when ACLs are ready, too, and is shown to a token that may see nodes.
                if "serfHealth" in self.call("GET", "/health/node/test").text:
                    return
            except (httpx.HTTPError, ValueError):
                pass  # not up yet
            time.sleep(0.05)
        pytest.fail(f"Consul did not start: {(self.folder / 'log').read_text()[-2000:]}")
