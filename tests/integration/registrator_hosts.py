"""Registrators of a test's own beside the lab's engines, and what they wrote."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from integration_tools import REPOSITORY, Api, Cli, until

from lab.cluster import Lab
from lab.host import Engine
from tests.fakes.ports import free_port


def keys(lab: Lab, prefix: str = "services") -> dict[str, dict[str, Any]]:
    """Every entry's key below *prefix*, as Consul shows it, its value as text."""
    # A server that has just started answers others from a part of its log.
    answer = Api(lab.consul.endpoint)("GET", f"/v1/kv/{prefix}/?recurse=1&consistent=1")
    found = answer.json() if answer.status == 200 else []
    for item in found:
        item["Value"] = base64.b64decode(item["Value"] or "").decode()
        item["Key"] = item["Key"].removeprefix(f"{prefix}/")
    return {item["Key"]: item for item in found if not item["Key"].startswith(".")}


def entries(lab: Lab, prefix: str = "services") -> dict[str, str]:
    """Key to address, without metadata."""
    found = keys(lab, prefix)
    return {key: item["Value"] for key, item in found.items() if "/.meta/" not in key}


def serve(docker: Cli, name: str, *options: str, port: tuple[str, ...] = ("-p", "80")) -> None:
    """Run a web server under *name*."""
    docker("run", "-d", "--name", name, *port, *options, "busybox", "httpd", "-f", "-p", "80")


def published(engine: Engine, name: str, port: str = "80/tcp") -> str:
    """Where a container's port is reached: the host's address and the published port."""
    inspect = Api(engine.socket).get(f"/containers/{name}/json")
    number = inspect["NetworkSettings"]["Ports"][port][0]["HostPort"]
    return f"{engine.plan.address}:{number}"


class Registrar:
    """One `swarm registrator` process."""

    def __init__(self, lab: Lab, engine: Engine, folder: Path, *options: str) -> None:
        self.figures = Api(f"127.0.0.1:{free_port()}")
        self.log = folder / f"registrator-{engine.name}.log"
        target = f"consul://{lab.consul.endpoint}/{folder.name}"
        command = ["registrator", "--engine", engine.url, "--ttl", "20s"]
        command += ["--metrics", str(self.figures.place), *options, target]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SWARM_", "DOCKER_"))}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "swarm", *command],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=REPOSITORY,
                env=kept,
            )

    def figure(self, name: str) -> float:
        """One of its figures; -1 if it is not told (yet)."""
        try:
            text = self.figures("GET", "/metrics").body.decode()
        except OSError:
            return -1
        for line in text.splitlines():
            if line.startswith(f"swarm_registrator_{name} "):
                return float(line.rpartition(" ")[2])
        return -1

    def stop(self) -> int:
        """End it as a service manager does; its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the registrator does not end") from None


@contextmanager
def registrars(
    lab: Lab, engines: Sequence[Engine], folder: Path, *options: str
) -> Iterator[list[Registrar]]:
    """A registrator for each of *engines*; they write below a prefix named like *folder*."""
    found = [Registrar(lab, engine, folder, *options) for engine in engines]
    try:
        for one in found:
            until(lambda one=one: one.figure("engine_up") == 1, 15, "a registrator at work")
        yield found
    finally:
        for one in found:
            one.stop()
        for one in found:
            assert "Traceback" not in one.log.read_text(), one.log.read_text()
