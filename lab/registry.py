"""A real image registry, filled with the lab's images, that the engines use as their mirror.

The images are made once, put into a registry's storage by its own HTTP API, and that storage is
kept in the cache folder: later labs start with a copy of it.
"""

import hashlib
import json
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.addresses import LabPlan
from lab.daemon import Daemon
from lab.errors import LabError
from lab.http import Answer, call
from lab.images import MANIFEST_TYPE, Image, archive, build, digest
from lab.install import Programs, cache_folder
from lab.processes import Process, spawn
from lab.state import Store

_STATUS_OK = 200
_STATUS_CREATED = 201
_STATUS_ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class PreparedImages:
    """The lab's images on disk."""

    base_archive: Path
    """For ``docker load``: busybox and alpine."""
    storage: Path
    """A registry's storage folder with every image in it."""


class Registry(Daemon):
    """Debian's docker-registry on the lab's gateway address."""

    def __init__(
        self,
        store: Store,
        plan: LabPlan,
        programs: Callable[[], Programs],
        storage: Path | None = None,
    ) -> None:
        """Describe it.

        Args:
            store: the lab's state.
            plan: the lab's addresses.
            programs: finds the programs, when they are needed.
            storage: folder of the images; by default the lab's own, filled with its images.
        """
        super().__init__(store, "registry")
        self.endpoint = f"{plan.gateway}:{plan.registry_port}"
        self._plan = plan
        self._programs = programs
        self._storage = storage

    def ready(self) -> bool:
        """Whether the API answers."""
        return call("GET", self.endpoint, "/v2/", timeout_s=2).status == _STATUS_OK

    def _launch(self) -> Process:
        storage = self._storage or self._filled()
        storage.mkdir(parents=True, exist_ok=True)
        settings = {
            "version": "0.1",
            "log": {"level": "warn"},
            "storage": {
                "filesystem": {"rootdirectory": str(storage)},
                "delete": {"enabled": True},
            },
            "http": {"addr": self.endpoint, "secret": "a lab has no secrets"},
        }
        # Every JSON text is a YAML text too.
        config = self._store.folder / "registry.yml"
        config.write_text(json.dumps(settings, indent=2), encoding="utf-8")
        return spawn(
            [str(self._programs().registry), "serve", str(config)],
            self.log,
            str(self._store.folder),
            # Instrumentation would otherwise look for a collector.
            {"OTEL_TRACES_EXPORTER": "none"},
        )

    def _filled(self) -> Path:
        """Return the lab's own storage, a copy of the prepared one that may be pushed to."""
        storage = self._store.data / "registry"
        if not storage.exists():
            storage.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(prepare(self._store, self._plan, self._programs).storage, storage)
        return storage


def prepare(store: Store, plan: LabPlan, programs: Callable[[], Programs]) -> PreparedImages:
    """Return the lab's images, made now unless the cache folder has them for this busybox."""
    if platform.machine() != "x86_64":
        raise LabError(
            f"the lab's images are made for x86_64, this machine is {platform.machine()}"
        )
    recipe = (Path(__file__).parent / "images.py").read_bytes() + programs().busybox.read_bytes()
    folder = cache_folder() / f"images-{hashlib.sha256(recipe).hexdigest()[:16]}"
    if not folder.exists():
        cache_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".images-") as scratch:
            _make(Path(scratch) / "made", store, plan, programs)
            _keep(Path(scratch) / "made", folder)
    return PreparedImages(folder / "base.tar", folder / "storage")


def push(endpoint: str, image: Image) -> None:
    """Put *image* into the registry at *endpoint* under each of its names.

    Raises:
        LabError: the registry refused a part of it.
    """
    for name in image.names:
        repository, _, tag = name.partition(":")
        if "/" not in repository:
            # A mirror is asked for official images under this prefix.
            repository = f"library/{repository}"
        for blob in (image.config(), *(layer.packed() for layer in image.layers)):
            _push_blob(endpoint, repository, blob)
        target = f"/v2/{repository}/manifests/{tag}"
        answer = call("PUT", endpoint, target, image.manifest(), {"Content-Type": MANIFEST_TYPE})
        _expect(answer, _STATUS_CREATED, f"the manifest of {name}")


def _make(folder: Path, store: Store, plan: LabPlan, programs: Callable[[], Programs]) -> None:
    busybox = programs().busybox
    applets = subprocess.run(
        [busybox, "--list"], capture_output=True, text=True, check=True
    ).stdout.split()
    images = build(busybox.read_bytes(), applets, _architecture())
    folder.mkdir()
    (folder / "base.tar").write_bytes(archive([images["base"]]))
    registry = Registry(store, plan, programs, folder / "storage")
    registry.start()
    try:
        for image in images.values():
            push(registry.endpoint, image)
    finally:
        registry.stop()


def _architecture() -> str:
    """Return this machine's architecture in Go's words."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def _keep(made: Path, folder: Path) -> None:
    try:
        made.rename(folder)
    except OSError:
        # Another lab made the same images in the meantime; they are equal.
        if not folder.exists():
            raise


def _push_blob(endpoint: str, repository: str, blob: bytes) -> None:
    started = call("POST", endpoint, f"/v2/{repository}/blobs/uploads/", b"")
    _expect(started, _STATUS_ACCEPTED, f"an upload to {repository}")
    place = started.headers["location"].partition(endpoint)[2]
    joint = "&" if "?" in place else "?"
    target = f"{place}{joint}digest={digest(blob)}"
    kind = {"Content-Type": "application/octet-stream"}
    _expect(call("PUT", endpoint, target, blob, kind), _STATUS_CREATED, f"a part of {repository}")


def _expect(answer: Answer, status: int, what: str) -> None:
    if answer.status != status:
        text = answer.body.decode(errors="replace").strip()
        raise LabError(f"the registry did not take {what}: {answer.status} {text}")
