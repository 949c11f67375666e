"""Who was given a tag last; what is copied from there is no newer."""

from __future__ import annotations

from master.cluster.images.tag_log import TagLog
from master.cluster.model import Image

A, B, C = "10.0.0.1:2375", "10.0.0.2:2375", "10.0.0.3:2375"
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64


class Engines:
    """A log, and what each engine calls ``app:1``."""

    def __init__(self, **first: str) -> None:
        self.log = TagLog()
        self._images: dict[str, tuple[Image, ...]] = {}
        for address in (A, B, C):
            self._note(address, ())
        for address, image_id in ((A, first.get("a")), (B, first.get("b")), (C, first.get("c"))):
            if image_id is not None:
                self._images[address] = (self._image(address, image_id),)

    @staticmethod
    def _image(address: str, image_id: str) -> Image:
        return Image(id=image_id, engine=address, tags=("app:1",), digests=(), row={})

    def _note(self, address: str, images: tuple[Image, ...]) -> None:
        self.log.note(address, self._images.get(address, ()), images)
        self._images[address] = images

    def has(self, address: str, image_id: str) -> None:
        self._note(address, (self._image(address, image_id),))

    def newest(self, *among: str) -> str | None:
        return self.log.newest("app:1", among or (A, B, C))


def test_a_copy_that_arrives_late_is_no_newer() -> None:
    """The tag is built anew on A while B gets A's old image."""
    engines = Engines(a=OLD)
    engines.log.copying(B, "docker.io/library/app:1", OLD)
    engines.has(A, NEW)
    engines.has(B, OLD)
    assert engines.newest() == A


def test_a_copy_counts_from_when_its_image_got_the_tag() -> None:
    engines = Engines(a=OLD, c=OLD)
    engines.has(C, OLD.replace("a", "c"))
    engines.has(A, NEW)
    engines.log.copying(B, "app:1", NEW)
    engines.has(B, NEW)
    assert engines.newest(B, C) == B  # A has left: what C has is still the older one


def test_only_the_expected_image_and_only_once() -> None:
    engines = Engines(a=OLD)
    engines.has(A, NEW)
    engines.log.copying(B, "app:1", NEW)
    engines.has(B, OLD)  # built there, while the copy is on its way
    assert engines.newest() == B
    engines.has(B, NEW)
    assert engines.newest(A, B) == A
    engines.has(A, OLD)
    engines.has(B, OLD)
    engines.has(B, NEW)  # given by hand: no copy is expected any more
    assert engines.newest() == B


def test_a_copy_that_failed_is_not_expected() -> None:
    engines = Engines(a=OLD)
    engines.has(A, NEW)
    engines.log.copying(B, "app:1", OLD)
    engines.log.not_copied(B, "app:1")
    engines.has(B, OLD)
    assert engines.newest() == B


def test_what_is_there_already_is_not_waited_for() -> None:
    engines = Engines(a=OLD, b=OLD)
    engines.log.copying(B, "app:1", OLD)
    engines.has(B, OLD)
    engines.has(A, NEW)
    engines.has(B, NEW)
    engines.has(B, OLD)
    assert engines.newest() == B


def test_of_what_goes_by_its_id_nothing_is_kept() -> None:
    log = TagLog()
    for name in (OLD, OLD.removeprefix("sha256:"), "abc123"):
        log.copying(A, name, OLD)
    assert log._copies == {}
