"""An index from text (name, ID, Swarm ID) to containers, with search by prefix."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

ContainerKey = tuple[str, str]
"""(engine address, full container ID): unique, also when a cloned machine repeats IDs."""


class TextIndex:
    """Texts to the keys filed under them; a text may have several.

    Looking up is one dict access; finding a prefix, adding and removing are a binary search in
    one sorted list (a few microseconds at 10,000 texts).
    """

    __slots__ = ("_keys", "_sorted")

    def __init__(self) -> None:
        self._keys: dict[str, tuple[ContainerKey, ...]] = {}
        self._sorted: list[str] = []

    def add(self, text: str, key: ContainerKey) -> None:
        """File *key* under *text*; an empty text is nothing to look for and is left out."""
        if not text:
            return
        filed = self._keys.get(text)
        if filed is None:
            self._keys[text] = (key,)
            insort(self._sorted, text)
        elif key not in filed:
            self._keys[text] = (*filed, key)

    def discard(self, text: str, key: ContainerKey) -> None:
        """Take *key* away from *text*, if it is there."""
        filed = self._keys.get(text)
        if filed is None:
            return
        rest = tuple(other for other in filed if other != key)
        if rest:
            self._keys[text] = rest
            return
        del self._keys[text]
        del self._sorted[bisect_left(self._sorted, text)]

    def exact(self, text: str) -> tuple[ContainerKey, ...]:
        """Return the keys filed under *text*, in the order in which they came."""
        return self._keys.get(text, ())

    def starting_with(self, prefix: str) -> Iterator[ContainerKey]:
        """Yield the keys of every text that starts with *prefix*, in the texts' order."""
        for position in range(bisect_left(self._sorted, prefix), len(self._sorted)):
            text = self._sorted[position]
            if not text.startswith(prefix):
                return
            yield from self._keys[text]
