"""What is unpacked into the cache folder: which Debian packages make which program.

Nothing of it is installed, so the machine gains no service and no package source. A program that
needs more than its own file (a library, a folder of modules) gets a launcher beside the packages.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import apt

OLDER_CLIENT = "20.10"
"""The generation of Debian 12's docker command."""
CURRENT_CLIENT = "28"
"""The generation of the docker command that most people have today."""
_LIBRARIES = """\
export LD_LIBRARY_PATH="$here/usr/lib/$(uname -m)-linux-gnu"
"""
_HAPROXY = f"""\
{_LIBRARIES}exec "$here/usr/sbin/haproxy" "$@"
"""
# The prefix is where `load_module modules/ngx_stream_module.so` looks, as on an installed one.
_NGINX = """\
exec "$here/usr/sbin/nginx" -p "$here/usr/share/nginx/" "$@"
"""
# Without -S whatever is installed for that Python would come into play.
_COMPOSE_V1 = """\
export PYTHONPATH="$here/usr/lib/python3/dist-packages:$here/usr/lib/python3.11"
exec /usr/bin/python3 -S "$here/usr/bin/docker-compose" "$@"
"""
_SYSTEMD_ANALYZE = """\
libraries="$here/usr/lib/$(uname -m)-linux-gnu"
export LD_LIBRARY_PATH="$libraries/systemd:$libraries:$here/lib/$(uname -m)-linux-gnu"
exec "$here/usr/bin/systemd-analyze" "$@"
"""
_COMPOSE_V1_MODULES = (
    "attr",
    "cached-property",
    "certifi",
    "chardet",
    "charset-normalizer",
    "distro",
    "distutils",
    "docker",
    "dockerpty",
    "docopt",
    "dotenv",
    "idna",
    "jsonschema",
    "pyrsistent",
    "requests",
    "six",
    "texttable",
    "urllib3",
    "websocket",
    "yaml",
)
_LAB_DEBIAN = "bookworm"
"""The release whose libraries and Python these programs are made for."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Some packages, unpacked into one folder of the cache."""

    folder: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]
    """Paths below the folder; each is searched for, the first that exists is taken."""
    suite: str | None = None
    """Another Debian release to take them from."""
    launchers: Mapping[str, str] = field(default_factory=dict)
    """File name to the shell lines that start the program; ``$here`` is the folder."""

    def find(self, cache: Path) -> Path | None:
        """Return the program, or None when the parcel is not (wholly) there."""
        folder = cache / self.folder
        paths = (folder / name for name in self.programs)
        return next((path for path in paths if path.exists()), None)

    def unpack(self, cache: Path) -> None:
        """Fetch the packages and unpack them, instead of what an earlier try has left."""
        folder = cache / self.folder
        if folder.exists():
            shutil.rmtree(folder)
        apt.unpack(self.packages, folder, self.suite)
        for name, lines in self.launchers.items():
            _write_launcher(folder / name, lines)


def _write_launcher(path: Path, lines: str) -> None:
    scratch = path.with_name(f".{path.name}")
    scratch.write_text(f"#!/bin/sh\nhere=${{0%/*}}\n{lines}", encoding="utf-8")
    scratch.chmod(0o755)
    # Whoever finds it finds it whole.
    scratch.replace(path)


CONSUL = Parcel(
    "consul",
    ("consul",),
    ("usr/bin/consul",),
    # The last Debian release that ships a Consul server (1.8.7); it needs libc only.
    suite="bullseye",
)
REGISTRY = Parcel("registry", ("docker-registry",), ("usr/bin/docker-registry",))
BUSYBOX = Parcel("busybox", ("busybox-static",), ("bin/busybox", "usr/bin/busybox"))
NEWER_DOCKER = Parcel(
    "trixie",
    ("docker.io", "docker-cli", "docker-compose", "docker-buildx"),
    ("usr/sbin/dockerd",),
    # Ships docker.io 26.1.5, which runs beside Debian 12's containerd and runc.
    suite="trixie",
)
OLDER_DOCKER = Parcel("docker-20.10", ("docker.io",), ("usr/bin/docker",), suite=_LAB_DEBIAN)
CURRENT_DOCKER = Parcel(
    "docker-28",
    ("docker-cli",),
    ("usr/bin/docker",),
    # Ships docker-cli 28.5.2, which asks for no newer libc than Debian 12's.
    suite="forky",
)
HAPROXY = Parcel(
    "haproxy",
    ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1"),
    ("run-haproxy",),
    suite=_LAB_DEBIAN,
    launchers={"run-haproxy": _HAPROXY},
)
NGINX = Parcel(
    "nginx",
    ("nginx", "nginx-common", "libnginx-mod-stream"),
    ("run-nginx",),
    suite=_LAB_DEBIAN,
    launchers={"run-nginx": _NGINX},
)
COMPOSE_V1 = Parcel(
    "compose-1.29",
    ("docker-compose", *(f"python3-{name}" for name in _COMPOSE_V1_MODULES)),
    ("docker-compose",),
    suite=_LAB_DEBIAN,
    launchers={"docker-compose": _COMPOSE_V1},
)
SYSTEMD_ANALYZE = Parcel(
    "systemd",
    ("systemd", "libsystemd-shared", "libapparmor1", "libip4tc2", "libkmod2", "libseccomp2"),
    ("run-systemd-analyze",),
    suite=_LAB_DEBIAN,
    launchers={"run-systemd-analyze": _SYSTEMD_ANALYZE},
)
