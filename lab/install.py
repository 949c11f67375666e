"""Finds every program that the lab runs, and gets what is missing.

What is on PATH is used as it is. Otherwise Docker and the network tools are installed as Debian
packages; Consul, the image registry, the static busybox and the second engine generation are
unpacked into the cache folder, so that the machine gains no service and no package source.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import apt
from lab.errors import LabError
from lab.processes import SYSTEM_FOLDERS

_DEBIAN_WITH_CONSUL = "bullseye"
"""The last Debian release that ships a Consul server (1.8.7); it needs libc only."""
_DEBIAN_WITH_NEWER_ENGINE = "trixie"
"""Ships docker.io 26.1.5, which runs beside Debian 12's containerd and runc."""
_NEWER_GENERATION = "26.1"
_NEWER_PACKAGES = ("docker.io", "docker-cli", "docker-compose", "docker-buildx")
_TOOLS = {"ip": "iproute2", "iptables": "iptables", "ps": "procps"}
"""What hosts and engines call, and the package it is in; `docker top` is the host's ps."""
_ELF_SEGMENT_INTERPRETER = 3


@dataclass(frozen=True, slots=True)
class Programs:
    """Absolute paths of the programs that a lab runs."""

    dockerd: Path
    docker: Path
    consul: Path
    registry: Path
    busybox: Path
    """A statically linked one: it becomes an image."""
    newer_dockerd: Path
    """Engine 26.1 (its ``docker-proxy`` lies in the same folder)."""
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
        _unpack_programs()
    return find()


def missing() -> list[str]:
    """Name what this machine still lacks; empty when the lab can start."""
    tools = ("dockerd", "docker", *_TOOLS)
    absent = [name for name in tools if _on_path(name) is None]
    found = {
        "consul": _consul(),
        "docker-registry": _registry(),
        "busybox (static)": _busybox(),
        f"dockerd {_NEWER_GENERATION}": _newer_dockerd(),
    }
    return absent + [name for name, path in found.items() if path is None]


def find() -> Programs:
    """Return the programs.

    Raises:
        LabError: something is missing; says what, and how to get it.
    """
    absent = missing()
    if absent:
        raise LabError(f"{', '.join(absent)} missing here: run `python -m lab install` as root")
    return Programs(
        dockerd=_present(_on_path("dockerd")),
        docker=_present(_on_path("docker")),
        consul=_present(_consul()),
        registry=_present(_registry()),
        busybox=_present(_busybox()),
        newer_dockerd=_present(_newer_dockerd()),
        plugins=cache_folder() / "trixie" / "usr" / "libexec" / "docker" / "cli-plugins",
    )


def _install_packages() -> None:
    wanted = {"dockerd": "docker.io", **_TOOLS}
    packages = [package for tool, package in wanted.items() if _on_path(tool) is None]
    if packages:
        apt.install(packages)
    if _on_path("docker") is None:
        # Debian 12 has the client in docker.io; later releases in a package of its own.
        apt.install(["docker-cli"])


def _unpack_programs() -> None:
    cache = cache_folder()
    if _registry() is None:
        apt.unpack(["docker-registry"], _clear(cache / "registry"))
    if _busybox() is None:
        apt.unpack(["busybox-static"], _clear(cache / "busybox"))
    if _consul() is None:
        apt.unpack(["consul"], _clear(cache / "consul"), _DEBIAN_WITH_CONSUL)
    if _newer_dockerd() is None:
        apt.unpack(_NEWER_PACKAGES, _clear(cache / "trixie"), _DEBIAN_WITH_NEWER_ENGINE)


def _clear(folder: Path) -> Path:
    """Remove a half-made or outdated *folder* and return its path."""
    if folder.exists():
        shutil.rmtree(folder)
    return folder


def _present(path: Path | None) -> Path:
    if path is None:
        raise LabError(
            "a program vanished while the lab looked for it: run `python -m lab install`"
        )
    return path


def _on_path(name: str) -> Path | None:
    # Root's PATH may lack the sbin folders when the shell was not a login shell.
    search = f"{os.environ.get('PATH', '')}:{SYSTEM_FOLDERS}"
    found = shutil.which(name, path=search)
    return Path(found) if found else None


def _consul() -> Path | None:
    return _on_path("consul") or _in_cache("consul/usr/bin/consul")


def _registry() -> Path | None:
    return _on_path("docker-registry") or _in_cache("registry/usr/bin/docker-registry")


def _newer_dockerd() -> Path | None:
    return _in_cache("trixie/usr/sbin/dockerd")


def _busybox() -> Path | None:
    installed = _on_path("busybox")
    if installed is not None and _is_static(installed):
        return installed
    return _in_cache("busybox/bin/busybox") or _in_cache("busybox/usr/bin/busybox")


def _in_cache(relative: str) -> Path | None:
    path = cache_folder() / relative
    return path if path.exists() else None


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
