"""The base images that the Dockerfile and docker-compose.yml name, made from this machine's parts.

No image can be fetched where the tests run. What is made here has the names, the entry points and
the commands that the files rely on, so that both are used as they are: ``python`` is the
interpreter of these tests with the wheels that `requirements.lock` pins and a package manager that
installs HAProxy and Nginx, cut into packages as Debian does, ``consul`` is the lab's.
"""

import hashlib
import io
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pip

from lab.http import call
from lab.images import Image, Layer, archive, build
from lab.install import cache_folder, find

_REPOSITORY = Path(__file__).resolve().parents[2]
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LEFT_OUT = re.compile(
    r"(.*/)?(test|tests|idlelib|tkinter|turtledemo|ensurepip|lib2to3|config-.*|site-packages"
    r"|dist-packages)"
)
_PIP = """#!/bin/sh
PYTHONPATH=/opt/pip exec python -m pip "$@"
"""
_APT_GET = """#!/bin/sh
# There is no archive to ask in here: the packages lie in /packages.
[ "$1" = install ] || exit 0
shift
for package; do
  case $package in -*) continue ;; esac
  cp -a "/packages/$package/." / || { echo "E: Unable to locate package $package" >&2; exit 100; }
done
"""
_CONSUL_ENTRY = """#!/bin/sh
# As the real image does: an agent's data goes to the volume.
if [ "$1" = agent ]; then shift; set -- consul agent -data-dir=/consul/data "$@"; fi
exec "$@"
"""


def load_base_images(engine: Path) -> None:
    """Give the engine behind the socket *engine* ``python`` and ``consul`` images.

    Raises:
        AssertionError: the engine did not take them.
    """
    tar = archive([_python(), _consul()])
    kind = {"Content-Type": "application/x-tar"}
    answer = call("POST", engine, "/images/load?quiet=1", tar, kind, timeout_s=60)
    assert answer.status == 200, answer.body


def wheels() -> Path:
    """Return a folder with the wheels of `requirements.lock`, fetched once for each such file."""
    lock = _REPOSITORY / "requirements.lock"
    folder = cache_folder() / f"wheels-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".wheels-") as scratch:
            made = Path(scratch) / "made"
            command = [sys.executable, "-m", "pip", "download", "-q", "--require-hashes"]
            subprocess.run(
                [*command, "--only-binary", ":all:", "-r", str(lock), "-d", str(made)], check=True
            )
            try:
                made.rename(folder)
            except OSError:
                # Another run fetched the same files in the meantime.
                if not folder.exists():
                    raise
    return folder


def _python() -> Image:
    interpreter = Path(sys.executable).resolve()
    standard = Path(sysconfig.get_path("stdlib"))
    installed = [Path(sysconfig.get_path("platlib")) / name for name in ("pydantic_core", "orjson")]
    modules = [*(standard / "lib-dynload").glob("*.so"), *_modules(installed)]
    tree = Tree()
    tree.add(interpreter)
    tree.add_all(standard)
    # Nobody draws windows in a container.
    tree.add_libraries([interpreter, *(one for one in modules if "_tkinter" not in one.name)])
    for name in ("python", "python3"):
        tree.link(f"/usr/local/bin/{name}", str(interpreter))
    tree.add_all(Path(pip.__file__).parent, "/opt/pip/pip")
    tree.write("/usr/local/bin/pip", _PIP)
    for wheel in wheels().iterdir():
        tree.add(wheel, f"/wheels/{wheel.name}")
    tree.write("/usr/bin/apt-get", _APT_GET)
    _add_proxies(tree)
    environment = {"PATH": _PATH, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
    return image("python:3.12-slim", tree, environment, Cmd=["python3"])


def _add_proxies(tree: "Tree") -> None:
    haproxy, nginx = find().haproxy.parent / "usr", find().nginx.parent / "usr"
    own = next((haproxy / "lib").glob("*-linux-gnu"))
    tree.add_all(haproxy, "/packages/haproxy/usr")
    tree.add_libraries([haproxy / "sbin" / "haproxy"], own)
    tree.add(nginx / "sbin" / "nginx", "/packages/nginx/usr/sbin/nginx")
    tree.add_libraries([nginx / "sbin" / "nginx"])
    # A package of its own in Debian: whoever installs nginx alone has no tcp services.
    modules = "lib/nginx/modules"
    tree.add_all(nginx / modules, f"/packages/libnginx-mod-stream/usr/{modules}")


def _consul() -> Image:
    program = find().consul
    tree = Tree()
    tree.add(program, "/bin/consul")
    tree.add_libraries([program])
    tree.write("/usr/local/bin/docker-entrypoint.sh", _CONSUL_ENTRY)
    return image(
        "hashicorp/consul:1.20",
        tree,
        {"PATH": _PATH},
        Entrypoint=["docker-entrypoint.sh"],
        Cmd=["agent", "-dev", "-client", "0.0.0.0"],
        Volumes={"/consul/data": {}},
    )


def image(name: str, tree: "Tree", environment: dict[str, str], **settings: object) -> Image:
    """Return the image of busybox and *tree*."""
    program = find().busybox
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    base = build(program.read_bytes(), listed.stdout.split(), "amd64")["base"]
    pairs = [f"{key}={value}" for key, value in environment.items()]
    return Image((name,), (*base.layers, tree.layer()), "amd64", {"Env": pairs, **settings})


def _modules(packages: Iterable[Path]) -> list[Path]:
    return [module for package in packages for module in package.glob("*.so")]


class Tree:
    """The files of one layer."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._tar = tarfile.TarFile(fileobj=self._buffer, mode="w", dereference=True)
        self._names: set[str] = set()

    def add(self, path: Path, name: str = "") -> None:
        """Add a file, at its own path unless *name* says another."""
        if (name or str(path)) not in self._names:
            self._names.add(name or str(path))
            self._tar.add(path, (name or str(path)).lstrip("/"))

    def add_all(self, folder: Path, name: str = "") -> None:
        """Add a folder without what nothing here needs."""
        self._tar.add(
            folder,
            (name or str(folder)).lstrip("/"),
            filter=lambda entry: None if _LEFT_OUT.fullmatch(entry.name) else entry,
        )

    def add_libraries(self, programs: Iterable[Path], own: Path | None = None) -> None:
        """Add every shared library that *programs* are linked with, and the loader.

        Those in the folder *own* come with the program's package; what they need themselves is
        added all the same.
        """
        for library in sorted({one for program in programs for one in _libraries(program, own)}):
            if library.parent != own:
                self.add(library)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        entry = tarfile.TarInfo(name.lstrip("/"))
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(entry)

    def write(self, name: str, script: str) -> None:
        """Add a script."""
        entry = tarfile.TarInfo(name.lstrip("/"))
        entry.mode, entry.size = 0o755, len(script.encode())
        self._tar.addfile(entry, io.BytesIO(script.encode()))

    def layer(self) -> Layer:
        """Return it all."""
        self._tar.close()
        return Layer(self._buffer.getvalue())


def _libraries(program: Path, own: Path | None) -> list[Path]:
    """Return what the loader finds for *program* in *own* and on this machine's own paths."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(own or "")}
    done = subprocess.run(
        ["ldd", program], capture_output=True, text=True, check=True, env=environment
    )
    assert "not found" not in done.stdout, f"{program} lacks a library here: {done.stdout}"
    return [Path(found) for found in re.findall(r"(/\S+) \(0x", done.stdout)]
