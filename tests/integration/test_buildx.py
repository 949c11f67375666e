"""buildx on its default driver: BuildKit inside the engine, whose place the manager takes.

What is built, and what comes out of it; the builders themselves are in test_build.py.
"""

import json
import re
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from compose_tools import client_with_plugins
from image_tools import reset_images
from integration_tools import Api, Cli, Done

from lab.cluster import Lab

_BAKE = """
group "default" {{ targets = ["shop", "parcel"] }}
target "shop" {{
  tags = ["{image}-shop"]
  target = "base"
}}
target "parcel" {{
  tags = ["{image}-parcel"]
  args = {{ WHO = "bake" }}
}}
"""


@pytest.fixture
def image(lab: Lab, api: Api) -> Iterator[str]:
    """A new name in the lab's registry; nothing built is left."""
    yield f"{lab.registry.endpoint}/buildx/{uuid.uuid4().hex[:12]}:1"
    reset_images(lab, api)


@pytest.fixture
def buildx(lab: Lab, tmp_path: Path, image: str) -> Cli:
    """``docker buildx``, beside a folder ``context`` that no cache knows."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "word").write_text(image)
    lines = ("FROM busybox AS base", "COPY word /word", "RUN cat /word >/copy",
             "FROM scratch", "ARG WHO=nobody", "COPY --from=base /copy /parcel/$WHO")  # fmt: skip
    (context / "Dockerfile").write_text("".join(f"{line}\n" for line in lines))
    (context / "bake.hcl").write_text(_BAKE.format(image=image))
    return replace(client_with_plugins(lab.manager.url, tmp_path / "config"), options=("buildx",))


def _build(buildx: Cli, tmp_path: Path, *arguments: str) -> Done:
    return buildx("build", *arguments, str(tmp_path / "context"), timeout_s=60)


def test_results_come_to_the_client(buildx: Cli, tmp_path: Path, image: str) -> None:
    out, tar, meta, iid = (tmp_path / name for name in ("out", "out.tar", "meta.json", "iid"))
    _build(buildx, tmp_path, "-o", f"type=local,dest={out}")
    assert (out / "parcel" / "nobody").read_text() == image
    _build(buildx, tmp_path, "--build-arg", "WHO=me", "-o", f"type=tar,dest={tar}")
    with tarfile.open(tar) as parcel:
        assert "parcel/me" in parcel.getnames()
    given = ("--load", "-t", image, "--metadata-file", str(meta), "--iidfile", str(iid))
    _build(buildx, tmp_path, *given)
    found = Api(buildx.host.removeprefix("tcp://")).get(f"/images/{image}/json")
    assert iid.read_text().strip() == found["Id"]
    assert json.loads(meta.read_text())["containerimage.digest"] == found["Id"]


def test_bake_builds_several(buildx: Cli, tmp_path: Path, image: str) -> None:
    file = ("bake", "-f", str(tmp_path / "context" / "bake.hcl"))
    paths = ("--set", f"*.context={tmp_path / 'context'}")
    planned = json.loads(buildx(*file, *paths, "--print").out)
    assert set(planned["target"]) == {"shop", "parcel"}
    buildx(*file, *paths, timeout_s=60)
    docker = replace(buildx, options=())
    assert docker("run", "--rm", f"{image}-shop", "cat", "/copy").out == image
    tags = docker("images", "--format", "{{.Repository}}:{{.Tag}}").lines
    assert {f"{image}-shop", f"{image}-parcel"} <= set(tags)


def test_an_image_is_pushed_and_looked_up(
    lab: Lab, api: Api, buildx: Cli, tmp_path: Path, image: str
) -> None:
    _build(buildx, tmp_path, "--push", "-t", image)
    shown = buildx("imagetools", "inspect", image).out
    assert f"Name:      {image}" in shown
    reset_images(lab, api)
    docker = replace(buildx, options=())
    assert image in docker("pull", image, timeout_s=40).out
    assert api.get(f"/images/{image}/json")["RepoDigests"][0].partition("@")[2] in shown


def test_the_cache_is_counted_used_and_pruned(buildx: Cli, tmp_path: Path) -> None:
    _build(buildx, tmp_path)
    assert "CACHED" in _build(buildx, tmp_path).err
    assert "Total:" in buildx("du").out
    assert "local source for context" in buildx("du", "--verbose").out
    assert "Total:" in buildx("prune", "-f", "-a").out
    assert "CACHED" not in _build(buildx, tmp_path).err


def test_the_builder_is_the_cluster(buildx: Cli) -> None:
    shown = buildx("inspect").out
    assert re.search(r"^Driver: +docker$", shown, re.MULTILINE)
    assert re.search(r"^Status: +running$", shown, re.MULTILINE)
    assert "linux/amd64" in shown
    assert "default" in buildx("ls").out
