"""When engines gave their tags to other images, in the order in which we saw it.

A tag means one image wherever a container lands: the one that was given it last. An engine that
copied ``app:1`` yesterday must not run it today, after ``app:1`` was built anew elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from master.cluster.images.reference import id_prefix, reference_key
from master.cluster.model import Image


class _Change(NamedTuple):
    when: int
    image_id: str


class TagLog:
    """Changes since each engine's first list: what stood in that one has no order."""

    def __init__(self) -> None:
        self._count = 0
        self._changes: dict[str, dict[str, _Change]] = {}
        """Engine address to tag to its last change."""
        self._copies: dict[str, dict[str, str]] = {}
        """Engine address to tag to the image that is being copied there under it."""

    def copying(self, address: str, tag: str, image_id: str) -> None:
        """An engine is about to get a tag with its image from another one.

        That makes nothing newer: who builds the tag anew meanwhile has what it means. So the copy
        counts from when that image was given the tag. Of an image that goes by its ID there is
        nothing to remember.
        """
        if id_prefix(tag) is None:
            self._copies.setdefault(address, {})[reference_key(tag)] = image_id

    def not_copied(self, address: str, tag: str) -> None:
        """It did not get it."""
        self._copies.get(address, {}).pop(reference_key(tag), None)

    def note(self, address: str, old: tuple[Image, ...], new: tuple[Image, ...]) -> None:
        """The engine had *old* images and has *new* ones; its first list has no old ones."""
        after = _tags(new)
        copied = self._arrived(address, after)
        if (mine := self._changes.get(address)) is None:
            self._changes[address] = {}
            return
        if old == new:
            return
        before = _tags(old)
        changed = {tag: image for tag, image in after.items() if before.get(tag) != image}
        for tag in (before.keys() - after.keys()) | changed.keys():
            mine.pop(tag, None)
        if changed.keys() - copied:
            self._count += 1
        for tag, image_id in changed.items():
            when = self._given(tag, image_id) if tag in copied else self._count
            if when is not None:
                mine[tag] = _Change(when, image_id)

    def _arrived(self, address: str, tags: Mapping[str, str]) -> set[str]:
        """The tags whose copies are there now; they are not waited for any more."""
        waiting = self._copies.get(address, {})
        arrived = {tag for tag, image_id in waiting.items() if tags.get(tag) == image_id}
        for tag in arrived:
            del waiting[tag]
        return arrived

    def _given(self, tag: str, image_id: str) -> int | None:
        """When an engine gave *tag* to this image; None if it was so before we looked."""
        changes = [mine[tag] for mine in self._changes.values() if tag in mine]
        times = [change.when for change in changes if change.image_id == image_id]
        return max(times, default=None)

    def forget(self, address: str) -> None:
        """The engine has left."""
        self._changes.pop(address, None)
        self._copies.pop(address, None)

    def newest(self, tag: str, addresses: Iterable[str]) -> str | None:
        """Return which of these engines changed *tag* last; None if none of them ever did."""
        key = reference_key(tag)
        times = {
            address: change.when
            for address in addresses
            if (change := self._changes.get(address, {}).get(key)) is not None
        }
        return max(times, key=lambda address: times[address]) if times else None


def _tags(images: Iterable[Image]) -> Mapping[str, str]:
    return {reference_key(tag): image.id for image in images for tag in image.tags}
