"""The lab's images, made here from one static busybox; pure bytes, no daemon needed.

The same input gives the same bytes, so an image has the same ID in every lab.
"""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
_GROUPS = "root:x:0:\nnogroup:x:65534:\n"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CREATED = "2015-06-01T00:00:00Z"
_FOLDERS = ("bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "usr", "usr/bin", "var")
_DEEPTHOUGHT = """#!/bin/sh
# The answer, and the container that gave it.
echo "deepthought on $(hostname): thinking"
mkdir -p /www
echo "The answer is 42, says $(hostname)." > /www/index.html
echo "deepthought on $(hostname): the answer is 42, ask on port 80"
exec httpd -f -v -p 80 -h /www
"""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of an image."""

    tar: bytes

    @property
    def diff_id(self) -> str:
        """Digest of the uncompressed layer, which the image's configuration names."""
        return digest(self.tar)

    def packed(self) -> bytes:
        """Return the layer as a registry keeps it; without a time stamp, so always the same."""
        return gzip.compress(self.tar, compresslevel=6, mtime=0)


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its layers and its configuration."""

    names: tuple[str, ...]
    """Repository names with tags."""
    layers: tuple[Layer, ...]
    architecture: str
    """In Go's words: ``amd64``, ``arm64``."""
    settings: Mapping[str, Any]
    """The ``config`` part: ``Cmd``, ``Env``, ``ExposedPorts``, ``Labels``."""

    def config(self) -> bytes:
        """Return the configuration; its digest is the image's ID."""
        return _json(
            {
                "architecture": self.architecture,
                "os": "linux",
                "created": _CREATED,
                "config": dict(self.settings),
                "rootfs": {"type": "layers", "diff_ids": [one.diff_id for one in self.layers]},
                "history": [{"created": _CREATED, "created_by": "swarm lab"} for _ in self.layers],
            }
        )

    def manifest(self) -> bytes:
        """Return the manifest that a registry keeps (version 2, schema 2)."""
        docker = "application/vnd.docker"
        return _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": _entry(f"{docker}.container.image.v1+json", self.config()),
                "layers": [
                    _entry(f"{docker}.image.rootfs.diff.tar.gzip", layer.packed())
                    for layer in self.layers
                ],
            }
        )


MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


def digest(data: bytes) -> str:
    """Return the content address of *data*."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def build(busybox: bytes, applets: Sequence[str], architecture: str) -> dict[str, Image]:
    """Make the lab's images: ``busybox``, ``alpine`` (the same one) and ``mbajor/deepthought``.

    Args:
        busybox: a statically linked busybox.
        applets: the commands that it offers.
        architecture: what it runs on, in Go's words.
    """
    base = Layer(_base_tar(busybox, applets))
    app = Layer(_tar({"bin/deepthought": (_DEEPTHOUGHT.encode(), 0o755)}))
    environment = [f"PATH={_PATH}"]
    deepthought = {
        "Env": environment,
        "Cmd": ["/bin/deepthought"],
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"app": "deepthought"},
    }
    shell = {"Env": environment, "Cmd": ["sh"]}
    return {
        "base": Image(("busybox:latest", "alpine:latest"), (base,), architecture, shell),
        "deepthought": Image(
            ("mbajor/deepthought:latest",), (base, app), architecture, deepthought
        ),
    }


def archive(images: Sequence[Image]) -> bytes:
    """Return the tar that ``docker load`` takes."""
    files: dict[str, tuple[bytes, int]] = {}
    index = []
    for image in images:
        config = f"{digest(image.config()).partition(':')[2]}.json"
        files[config] = (image.config(), 0o644)
        layers = [f"{layer.diff_id.partition(':')[2]}/layer.tar" for layer in image.layers]
        for path, layer in zip(layers, image.layers, strict=True):
            files[path] = (layer.tar, 0o644)
        index.append({"Config": config, "RepoTags": list(image.names), "Layers": layers})
    files["manifest.json"] = (_json(index), 0o644)
    return _tar(files)


def _base_tar(busybox: bytes, applets: Sequence[str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in _FOLDERS:
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            folder.mode = 0o1777 if name == "tmp" else 0o755
            tar.addfile(folder)
        _add(tar, "bin/busybox", busybox, 0o755)
        _add(tar, "etc/passwd", _USERS.encode(), 0o644)
        _add(tar, "etc/group", _GROUPS.encode(), 0o644)
        for applet in sorted(set(applets) - {"busybox"}):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type = tarfile.SYMTYPE
            link.linkname = "busybox"
            link.mode = 0o777
            tar.addfile(link)
    return buffer.getvalue()


def _tar(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, (data, mode) in files.items():
            _add(tar, name, data, mode)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    entry.mode = mode
    tar.addfile(entry, io.BytesIO(data))


def _entry(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(data), "digest": digest(data)}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
