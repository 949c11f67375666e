"""The architecture as containers: docker-compose.yml as it is, on an engine of the lab."""

import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from integration_tools import REPOSITORY, Cli, Done

from lab.host import Engine
from lab.http import call
from lab.install import find

WHOLE, AGENT = "docker-compose.yml", "docker-compose.agent.yml"
MANAGER_PORT, EDGE_PORT, TCP_PORT = 3375, 8080, 10001
"""Published by the manager, by the edge, and by the edge for one of its tcp services."""
_UP_TIMEOUT_S = 200.0
_HEALTH = "healthcheck: { interval: 1s, start_period: 3s }"


@dataclass(frozen=True)
class House:
    """The repository's compose files on one engine."""

    engine: Engine
    docker: Cli
    """Pointed at the engine itself."""
    files: tuple[Path, ...] = ()
    """What is laid over docker-compose.yml."""

    @classmethod
    def on(cls, engine: Engine, folder: Path, **environment: str) -> "House":
        """The house on *engine*; *folder* is for a client, *environment* for the file."""
        settings = {
            "DOCKER_CONFIG": config_with_plugins(folder),
            "DOCKER_GID": str(engine.socket.stat().st_gid),
            # From outside of the lab's hosts, their loopback devices are out of reach.
            "MANAGER_LISTEN": str(MANAGER_PORT),
            **environment,
        }
        # By the socket: the engine's port is one of the things that a test may break.
        return cls(
            engine, Cli(find().newer_docker, f"unix://{engine.socket}", environment=settings)
        )

    def given(self, **environment: str) -> "House":
        """The same, with more variables for the file."""
        docker = replace(self.docker, environment={**self.docker.environment, **environment})
        return replace(self, docker=docker)

    def asked_each_second(self, folder: Path, *parts: str) -> "House":
        """The same, its *parts* judged by their own health check, but sooner."""
        file = folder / "health.yml"
        rows = "".join(f"  {part}: {{ {_HEALTH} }}\n" for part in parts)
        file.write_text(f"services:\n{rows}")
        return replace(self, files=(*self.files, file))

    @property
    def cluster(self) -> Cli:
        """A client pointed at the manager's published port."""
        return replace(self.docker, host=f"tcp://{self.engine.plan.address}:{MANAGER_PORT}")

    def compose(self, *arguments: str, file: str = WHOLE, check: bool = True) -> Done:
        """Run a verb of compose on one of the repository's files."""
        files = [REPOSITORY / file, *(self.files if file == WHOLE else ())]
        options = [word for one in files for word in ("-f", str(one))]
        return self.docker("compose", *options, *arguments, timeout_s=_UP_TIMEOUT_S, check=check)

    def up(self, *parts: str, file: str = WHOLE) -> None:
        """Start *parts* (all), and wait until they are healthy; the whole is built before.

        Raises:
            AssertionError: they do not become so; carries what they logged.
        """
        try:
            build = ("--build",) if file == WHOLE else ()
            self.compose("up", "-d", *build, "--wait", *parts, file=file)
        except AssertionError as exc:
            logs = self.compose("logs", "--no-color", "--tail", "12", file=file).out
            raise AssertionError(f"{exc}\n{logs}") from None

    def container(self, part: str, file: str = WHOLE) -> str:
        """The ID of a part's container."""
        return self.compose("ps", "-aq", part, file=file).line

    def health(self, part: str, file: str = WHOLE) -> tuple[str, str]:
        """What the engine says of a part's health, and what the part itself said last."""
        found = json.loads(
            self.docker("inspect", "-f", "{{json .State.Health}}", self.container(part, file)).out
        )
        log = found["Log"] or [{"Output": ""}]
        return found["Status"], log[-1]["Output"].strip()

    def is_said_to_be(self, part: str, status: str, file: str = WHOLE) -> bool:
        """Whether a part's health is *status*."""
        return self.health(part, file)[0] == status

    def keys(self, prefix: str) -> dict[str, str]:
        """What Consul has under *prefix*."""
        lines = self.compose("exec", "-T", "consul", "consul", "kv", "get", "-recurse", prefix).out
        # KEY:HOST:PORT, and keys have colons too.
        rows = (line.rsplit(":", 2) for line in lines.splitlines())
        return {key: f"{host}:{port}" for key, host, port in rows}

    def edge(self, name: str, port: int = EDGE_PORT) -> tuple[int, str]:
        """Ask the router's proxy for a virtual host; status and body."""
        answer = call("GET", f"{self.engine.plan.address}:{port}", "/", headers={"Host": name})
        return answer.status, answer.body.decode()

    def image(self, name: str) -> Any:
        """An image as the engine describes it."""
        return json.loads(self.docker("image", "inspect", name).out)[0]


def config_with_plugins(folder: Path) -> str:
    """Return a folder of client settings with the plug-ins, made in *folder*."""
    made = Path(tempfile.mkdtemp(dir=folder))
    shutil.copytree(find().plugins, made / "cli-plugins", copy_function=_link)
    return str(made)


def _link(source: str, target: str) -> None:
    Path(target).symlink_to(source)
