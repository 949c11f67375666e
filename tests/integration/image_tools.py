"""Images for tests: made as tars, named as the tests like, taken from every engine afterwards."""

import hashlib
import io
import json
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from integration_tools import Api, remove_containers, until

from lab.cluster import Lab

BASE = ("busybox:latest", "alpine:latest")


def archive(tag: str, size: int = 1000) -> bytes:
    """An image as ``docker save`` writes it: one layer with a file of random bytes."""
    layer = tar({"data": os.urandom(size)})
    config = {
        "created": "2020-01-01T00:00:00Z",
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["true"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]
    files = {
        "config.json": json.dumps(config).encode(),
        "layer.tar": layer,
        "manifest.json": json.dumps(manifest).encode(),
    }
    return tar(files)


def tar(files: dict[str, bytes]) -> bytes:
    """Files as a tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def ids(lab: Lab, image: str) -> list[str]:
    """Each engine's ID for *image*; empty where it is not."""
    return [engine.docker("images", "-q", "--no-trunc", image).strip() for engine in lab.engines]


def reset_images(lab: Lab, api: Api) -> None:
    """Leave nothing but busybox and alpine on every engine, and wait until the manager knows.

    Containers go, too: the image of one that runs can't be removed.
    """
    with ThreadPoolExecutor(len(lab.engines)) as pool:
        list(pool.map(_reset, [Api(engine.socket) for engine in lab.engines]))

    def is_known() -> bool:
        images = api.get("/images/json?all=1")
        tags = {tag for row in images for tag in row["RepoTags"] or ["none"]}
        return tags == set(BASE) and not any(_foreign_digests(row) for row in images)

    until(is_known, 5, "the end of the tests' images")


def _foreign_digests(row: dict[str, Any]) -> list[str]:
    """What a push or a pull by digest leaves on an image when its tags are gone."""
    bases = {name.partition(":")[0] for name in BASE}
    return [name for name in row["RepoDigests"] or [] if name.partition("@")[0] not in bases]


def _reset(engine: Api) -> None:
    remove_containers(engine)
    for row in engine.get("/images/json"):
        for name in row["RepoTags"] or [row["Id"]]:
            if name not in BASE:
                engine(
                    "DELETE", f"/images/{row['Id'] if name == '<none>:<none>' else name}?force=1"
                )
        for name in _foreign_digests(row):
            engine("DELETE", f"/images/{name}")  # is gone already if it was the last reference
    for name in BASE:
        if engine("GET", f"/images/{name}/json").status != 200:
            repository, _, tag = name.partition(":")
            engine("POST", f"/images/create?fromImage={repository}&tag={tag}")
