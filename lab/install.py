"""Finds every program that the lab runs, and gets what is missing.

What is on PATH is used as it is. Otherwise Docker and the network tools are installed as Debian
packages; everything else is unpacked into the cache folder (`lab.parcels`), so that the machine
gains no service and no package source.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from lab import apt, parcels
from lab.errors import LabError
from lab.processes import SYSTEM_FOLDERS

_TOOLS = {"ip": "iproute2", "iptables": "iptables", "ps": "procps"}
"""What hosts and engines call, and the package it is in; `docker top` is the host's ps."""
_SYSTEM_PYTHON = Path("/usr/bin/python3")
"""Debian's own: compose 1.29 is a program for it, whatever Python runs the lab."""
_SYSTEM_DOCKER = "/usr/bin/docker"
_ELF_SEGMENT_INTERPRETER = 3


@dataclass(frozen=True, slots=True)
class Programs:
    """Absolute paths of the programs that a lab and its tests run."""

    dockerd: Path
    docker: Path
    consul: Path
    registry: Path
    busybox: Path
    """A statically linked one: it becomes an image."""
    haproxy: Path
    nginx: Path
    """Its prefix has ``modules/ngx_stream_module.so``."""
    current_docker: Path
    """The docker command of generation 28."""
    older_docker: Path
    """The docker command of generation 20.10."""
    newer_docker: Path
    """The docker command of generation 26.1."""
    newer_dockerd: Path
    """Engine 26.1 (its ``docker-proxy`` lies in the same folder)."""
    compose_v1: Path
    """The ``docker-compose`` 1.29 of its own, written in Python."""
    systemd_analyze: Path
    """Checks unit files; systemd itself is not run."""
    plugins: Path
    """Folder with the CLI plug-ins ``docker-compose`` and ``docker-buildx``."""


def cache_folder() -> Path:
    """Return where fetched programs and built images are kept."""
    chosen = os.environ.get("SWARM_LAB_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "swarm-lab"


def install() -> Programs:
    """Get what is missing, wait for others who are doing the same, and return the programs."""
    if not missing():
        return find()
    with _one_at_a_time():
        _install_packages()
        # A package just installed may have brought what a parcel is for: look again.
        for name, parcel in _PARCELS.items():
            if _look()[name] is None:
                parcel.unpack(cache_folder())
    return find()


def missing() -> list[str]:
    """Name what this machine still lacks; empty when the lab can start."""
    tools = [name for name in _TOOLS if _on_path(name) is None]
    tools += [] if _SYSTEM_PYTHON.exists() else [str(_SYSTEM_PYTHON)]
    return tools + [name.replace("_", " ") for name, path in _look().items() if path is None]


def find() -> Programs:
    """Return the programs.

    Raises:
        LabError: something is missing; says what, and how to get it.
    """
    absent = missing()
    if absent:
        raise LabError(f"{', '.join(absent)} missing here: run `make parts` as root")
    found = {name: path for name, path in _look().items() if path is not None}
    if len(found) != len(fields(Programs)):
        raise LabError("a program vanished while the lab looked: run `make parts`")
    return Programs(**found)


_PARCELS = {
    "consul": parcels.CONSUL,
    "registry": parcels.REGISTRY,
    "busybox": parcels.BUSYBOX,
    "haproxy": parcels.HAPROXY,
    "nginx": parcels.NGINX,
    "current_docker": parcels.CURRENT_DOCKER,
    "older_docker": parcels.OLDER_DOCKER,
    "newer_dockerd": parcels.NEWER_DOCKER,
    "compose_v1": parcels.COMPOSE_V1,
    "systemd_analyze": parcels.SYSTEMD_ANALYZE,
}
"""Field of `Programs` to the parcel that has it."""


def _look() -> dict[str, Path | None]:
    """Return where each field of `Programs` is, None for what is not there."""
    cache = cache_folder()
    unpacked = {name: parcel.find(cache) for name, parcel in _PARCELS.items()}
    newer = unpacked["newer_dockerd"]
    usr = newer.parents[1] if newer else None
    return {
        **unpacked,
        "dockerd": _on_path("dockerd"),
        "docker": _on_path("docker"),
        "consul": _on_path("consul") or unpacked["consul"],
        "registry": _on_path("docker-registry") or unpacked["registry"],
        "busybox": _static_busybox() or unpacked["busybox"],
        "current_docker": _client("docker", parcels.CURRENT_CLIENT) or unpacked["current_docker"],
        "older_docker": _client(_SYSTEM_DOCKER, parcels.OLDER_CLIENT) or unpacked["older_docker"],
        "newer_docker": usr and usr / "bin" / "docker",
        "systemd_analyze": _on_path("systemd-analyze") or unpacked["systemd_analyze"],
        "plugins": usr and usr / "libexec" / "docker" / "cli-plugins",
    }


def _install_packages() -> None:
    wanted = {"dockerd": "docker.io", **_TOOLS}
    packages = [package for tool, package in wanted.items() if _on_path(tool) is None]
    if not _SYSTEM_PYTHON.exists():
        packages.append("python3")
    if packages:
        apt.install(packages)
    if _on_path("docker") is None:
        # Debian 12 has the client in docker.io; later releases in a package of its own.
        apt.install(["docker-cli"])


def _on_path(name: str) -> Path | None:
    # Root's PATH may lack the sbin folders when the shell was not a login shell.
    search = f"{os.environ.get('PATH', '')}:{SYSTEM_FOLDERS}"
    found = shutil.which(name, path=search)
    return Path(found) if found else None


def _static_busybox() -> Path | None:
    installed = _on_path("busybox")
    return installed if installed is not None and _is_static(installed) else None


def _client(name: str, generation: str) -> Path | None:
    """Return the docker command called *name* if it is there and of that generation."""
    program = _on_path(name)
    if program is None:
        return None
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return program if f" {generation}." in done.stdout else None


def _is_static(program: Path) -> bool:
    """Whether the 64-bit ELF file *program* asks for no dynamic loader."""
    with program.open("rb") as file:
        head = file.read(4096)
    offset = int.from_bytes(head[32:40], "little")
    size = int.from_bytes(head[54:56], "little")
    count = int.from_bytes(head[56:58], "little")
    kinds = (head[offset + i * size : offset + i * size + 4] for i in range(count))
    return all(int.from_bytes(kind, "little") != _ELF_SEGMENT_INTERPRETER for kind in kinds)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold the cache folder's lock: two installs at once would fetch everything twice."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for leftover in cache.glob(f"{apt.SCRATCH}*"):
            shutil.rmtree(leftover)
        yield
