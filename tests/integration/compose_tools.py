"""Docker Compose in both its generations, called alike: the plug-in, and the Python program."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from integration_tools import Api, Cli, Done, remove_volumes
from network_tools import remove_networks

from lab.cluster import Lab
from lab.install import find

GENERATIONS = ("v2", "v1")
"""The plug-in of the docker client, and ``docker-compose`` 1.29."""
_UP_TIMEOUT_S = 60.0
_LABELS = "com.docker.compose"


@dataclass(frozen=True)
class Compose:
    """One project: its folder, its name, and the program that runs it."""

    cli: Cli
    """A docker client of the same settings."""
    generation: str
    folder: Path
    """Holds ``compose.yml``, and what that names."""
    project: str = "shop"

    @property
    def program(self) -> Cli:
        """The program, up to its verb."""
        file = ("-f", str(self.folder / "compose.yml"), "-p", self.project)
        if self.generation == "v1":
            return replace(self.cli, program=find().compose_v1, options=file)
        return replace(self.cli, options=("compose", "--progress", "plain", *file))

    def __call__(self, *arguments: str, check: bool = True) -> Done:
        """Run a verb to its end."""
        return self.program(*arguments, timeout_s=_UP_TIMEOUT_S, check=check)

    def write(self, text: str) -> None:
        """Write the project's file."""
        (self.folder / "compose.yml").write_text(text)

    def named(self, project: str) -> "Compose":
        """The same files as another project."""
        return replace(self, project=project)

    def with_env(self, **environment: str) -> "Compose":
        """The same project, called with more environment variables."""
        env = {**self.cli.environment, **environment}
        return replace(self, cli=replace(self.cli, environment=env))

    def name(self, service: str, index: int = 1) -> str:
        """What the container of a service is called."""
        joint = "_" if self.generation == "v1" else "-"
        return joint.join((self.project, service, str(index)))

    def rows(self, service: str = "") -> list[dict[str, Any]]:
        """All its containers, or a service's, as ``/containers/json`` has them."""
        labels = [f"{_LABELS}.project={self.project}"]
        labels += [f"{_LABELS}.service={service}"] if service else []
        filters = quote(json.dumps({"label": labels}))
        found: list[dict[str, Any]] = self.api.get(f"/containers/json?all=1&filters={filters}")
        return found

    def ids(self) -> dict[str, str]:
        """IDs of all its containers, by name."""
        return {row["Names"][0].lstrip("/"): row["Id"] for row in self.rows()}

    def states(self) -> dict[str, str]:
        """``running``, ``exited`` … of all its containers, by name."""
        return {row["Names"][0].lstrip("/"): row["State"] for row in self.rows()}

    def nodes(self) -> set[str]:
        """The nodes that its containers are on."""
        return {self.api.node_of(container) for container in self.ids().values()}

    @property
    def api(self) -> Api:
        """The manager that it speaks to."""
        return Api(self.cli.host.removeprefix("tcp://"))


def client_with_plugins(host: str, config: Path) -> Cli:
    """The docker client at a manager's address; its settings, in a new folder, have plug-ins."""
    plugins = config / "cli-plugins"
    plugins.mkdir(parents=True)
    for name in ("docker-compose", "docker-buildx"):
        (plugins / name).symlink_to(find().plugins / name)
    # The variable reaches the docker command that compose 1.29 calls now and then; -H doesn't.
    settings = {"DOCKER_CONFIG": str(config), "DOCKER_HOST": host}
    # A client of 20.10 keeps an interrupt to itself: only terminals send it to the plug-in, too.
    return Cli(find().current_docker, host, environment=settings)


def new_project(lab: Lab, generation: str, folder: Path, text: str) -> Compose:
    """The project ``shop`` in *folder*, pointed at the lab's manager."""
    project = Compose(client_with_plugins(lab.manager.url, folder / "config"), generation, folder)
    project.write(text)
    return project


def remove_projects(lab: Lab) -> None:
    """Take containers, networks and volumes from every engine."""
    remove_networks(lab)
    for engine in lab.engines:
        remove_volumes(Api(engine.socket))
