"""From any of an image's names to the engines that have it."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator

from master.cluster.images.reference import (
    id_prefix,
    no_such_image,
    parse_reference,
    reference_key,
)
from master.cluster.model import Image

Found = tuple[str, Image]
"""(engine address, its image)."""

_ALGORITHM = "sha256:"


class ImageIndex:
    """Names and IDs of some images; made once for them, then only read."""

    def __init__(self, images: Iterable[Image]) -> None:
        self._by_key: defaultdict[str, list[Found]] = defaultdict(list)
        self._by_id: defaultdict[str, list[Found]] = defaultdict(list)
        self._children: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for image in images:
            self._add(image)
        self._hex_ids = sorted(
            image_id.removeprefix(_ALGORITHM)
            for image_id in self._by_id
            if image_id.startswith(_ALGORITHM)
        )

    def resolve(self, reference: str) -> list[Found]:
        """Return the engines that have an image, in the order in which they joined.

        A name and a tag mean what each engine has under them: that may be different images.
        Then a prefix of an ID is tried, which has to fit one image only.

        Raises:
            NotFoundError: no engine has it.
            BadRequestError: it can be no image's name.
        """
        prefix = id_prefix(reference)
        if prefix is not None and reference.startswith(_ALGORITHM):
            asked, found = reference, self._by_id.get(reference)
        else:
            parsed = parse_reference(reference)
            asked = str(parsed)
            found = (self._by_id if parsed.id else self._by_key).get(parsed.key)
        if found is None and prefix is not None:
            found = self._by_prefix(prefix)
        if found is None:
            raise no_such_image(asked)
        return list(found)

    def ambiguous(self) -> Iterator[tuple[str, list[Found]]]:
        """Yield the names under which engines have different images, and who has which."""
        for key, found in self._by_key.items():
            if len({image.id for _, image in found}) > 1:
                yield key, found

    def descendants(self, address: str, image_id: str) -> Iterator[str]:
        """Yield the IDs of all images on an engine that were built on this one."""
        waiting, seen = [image_id], {image_id}
        while waiting:
            for child in self._children.get((address, waiting.pop()), ()):
                if child not in seen:
                    seen.add(child)
                    waiting.append(child)
                    yield child

    def _add(self, image: Image) -> None:
        found = (image.engine, image)
        self._by_id[image.id].append(found)
        for key in {reference_key(name) for name in (*image.tags, *image.digests)}:
            self._by_key[key].append(found)
        if isinstance(parent := image.row.get("ParentId"), str) and parent:
            self._children[image.engine, parent].append(image.id)

    def _by_prefix(self, prefix: str) -> list[Found] | None:
        position = bisect_left(self._hex_ids, prefix)
        fitting = [i for i in self._hex_ids[position : position + 2] if i.startswith(prefix)]
        return self._by_id[_ALGORITHM + fitting[0]] if len(fitting) == 1 else None
