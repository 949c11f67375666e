"""When engines gave their tags to other images, in the order in which we saw it.

A tag means one image wherever a container lands: the one that was given it last. An engine that
copied ``app:1`` yesterday must not run it today, after ``app:1`` was built anew elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from master.cluster.images.reference import reference_key
from master.cluster.model import Image


class TagLog:
    """Changes since each engine's first list: what stood in that one has no order."""

    def __init__(self) -> None:
        self._count = 0
        self._changes: dict[str, dict[str, int]] = {}
        """Engine address to tag to when it changed."""

    def note(self, address: str, old: tuple[Image, ...], new: tuple[Image, ...]) -> None:
        """The engine had *old* images and has *new* ones; its first list has no old ones."""
        if (mine := self._changes.get(address)) is None:
            self._changes[address] = {}
            return
        if old == new:
            return
        before, after = _tags(old), _tags(new)
        changed = [tag for tag, image_id in after.items() if before.get(tag) != image_id]
        if changed:
            self._count += 1
        mine.update(dict.fromkeys(changed, self._count))
        for tag in before.keys() - after.keys():
            mine.pop(tag, None)

    def forget(self, address: str) -> None:
        """The engine has left."""
        self._changes.pop(address, None)

    def newest(self, tag: str, addresses: Iterable[str]) -> str | None:
        """Return which of these engines changed *tag* last; None if none of them ever did."""
        key = reference_key(tag)
        times = {
            address: when
            for address in addresses
            if (when := self._changes.get(address, {}).get(key)) is not None
        }
        return max(times, key=lambda address: times[address]) if times else None


def _tags(images: Iterable[Image]) -> Mapping[str, str]:
    return {reference_key(tag): image.id for image in images for tag in image.tags}
