"""The lab's images: the same bytes every time, and the shapes that Docker expects."""

import io
import json
import tarfile

from lab.images import Image, archive, build, digest

_BUSYBOX = b"\x7fELF not really"


def _images() -> dict[str, Image]:
    return build(_BUSYBOX, ["sh", "busybox", "httpd", "sh"], "amd64")


def test_the_same_busybox_gives_the_same_image() -> None:
    assert archive(list(_images().values())) == archive(list(_images().values()))
    assert _images()["base"].manifest() == _images()["base"].manifest()


def test_applets_are_links_to_busybox_and_busybox_stays_a_file() -> None:
    with tarfile.open(fileobj=io.BytesIO(_images()["base"].layers[0].tar)) as tar:
        assert tar.getmember("bin/sh").linkname == "busybox"
        assert tar.getmember("bin/busybox").isfile()
        assert tar.getmember("bin/busybox").mode == 0o755
        assert len(tar.getnames()) == len(set(tar.getnames()))
        assert tar.getmember("tmp").mode == 0o1777


def test_the_app_stands_on_the_base_layer() -> None:
    images = _images()
    assert images["deepthought"].layers[0] == images["base"].layers[0]
    config = json.loads(images["deepthought"].config())
    assert config["config"]["ExposedPorts"] == {"80/tcp": {}}
    assert len(config["rootfs"]["diff_ids"]) == len(config["history"]) == 2


def test_the_archive_names_files_that_are_in_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive(list(_images().values())))) as tar:
        index = json.load(tar.extractfile("manifest.json") or io.BytesIO())
        names = set(tar.getnames())
    assert [entry["RepoTags"] for entry in index] == [
        ["busybox:latest", "alpine:latest"],
        ["mbajor/deepthought:latest"],
    ]
    assert all({entry["Config"], *entry["Layers"]} <= names for entry in index)


def test_the_manifest_describes_the_bytes_that_are_pushed() -> None:
    image = _images()["deepthought"]
    manifest = json.loads(image.manifest())
    assert manifest["config"]["digest"] == digest(image.config())
    assert manifest["config"]["size"] == len(image.config())
    assert [entry["digest"] for entry in manifest["layers"]] == [
        digest(layer.packed()) for layer in image.layers
    ]
