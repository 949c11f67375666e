"""Images of the whole cluster: finding one by any of its names, and ``GET /images/json``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from master.cluster import shims
from master.cluster.events.filter import parse_time
from master.cluster.filters import (
    NO_FILTERS,
    Filters,
    boolean,
    check_keys,
    label_test,
    matcher,
    parse_filters,
    yes_or_no,
)
from master.cluster.images.current import superseded
from master.cluster.images.glob import image_glob
from master.cluster.images.index import Found
from master.cluster.images.reference import reference_key
from master.cluster.model import NEWEST_API, ApiVersion, Image
from master.cluster.state import ClusterState

ACCEPTED = frozenset({"before", "dangling", "label", "node", "reference", "since", "until"})

_KEPT_ANSWERS = 16


def resolve_image(state: ClusterState, reference: str) -> list[Found]:
    """Return the engines that have an image: see `ImageIndex.resolve`."""
    return state.image_index().resolve(reference)


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """What a list of images is asked for."""

    all: bool = False
    """Untagged images that others were built on are shown as well."""
    filters: Filters = field(default_factory=lambda: NO_FILTERS)
    version: ApiVersion = NEWEST_API
    """The client's."""

    @classmethod
    def parse(cls, params: Mapping[str, str], api_version: ApiVersion) -> ImageQuery:
        """Read the query's parameters.

        Raises:
            BadRequestError: one of them makes no sense, in Docker's words.
        """
        filters = dict(parse_filters(params.get("filters")))
        if asked := shims.reference_filter(params, api_version):
            filters["reference"] = (*filters.get("reference", ()), *asked)
        check_keys(filters, ACCEPTED)
        yes_or_no(filters, "dangling")
        return cls(all=boolean(params.get("all")), filters=filters, version=api_version)

    @property
    def key(self) -> tuple[object, ...]:
        """What two queries with the same answer have in common."""
        flavour = shims.image_flavour(self.version)
        return self.all, flavour, tuple(sorted(self.filters.items()))


class ImageList:
    """Renders lists of the images of a `ClusterState`; keeps answers between calls."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._version = -1
        self._answers: OrderedDict[tuple[object, ...], bytes] = OrderedDict()

    def render(self, query: ImageQuery, now: float) -> bytes:
        """Return the answer's body: a JSON array, newest image first, each image once.

        Args:
            query: what is asked for.
            now: seconds since the epoch, for ``until``.

        Raises:
            NotFoundError: the image that ``before`` or ``since`` names doesn't exist.
            BadRequestError: a filter's value makes no sense.
        """
        if self._version != self._state.images_version:
            self._answers.clear()
            self._version = self._state.images_version
        if (kept := self._answers.get(query.key)) is not None:
            return kept
        body = orjson.dumps(self._rows(query, now))
        if "until" not in query.filters:
            self._answers[query.key] = body
            if len(self._answers) > _KEPT_ANSWERS:
                self._answers.popitem(last=False)
        return body

    def _rows(self, query: ImageQuery, now: float) -> list[dict[str, Any]]:
        images = self._as_named_now(self._on_wanted_nodes(query.filters.get("node", ())))
        by_id: dict[str, list[Image]] = {}
        for image in images:
            by_id.setdefault(image.id, []).append(image)
        parents = {image.row.get("ParentId") for image in images}
        is_wanted = self._test(query, now)
        heads_only = not query.all or yes_or_no(query.filters, "dangling")
        patterns = [image_glob(pattern) for pattern in query.filters.get("reference", ())]
        rows = []
        for image_id, copies in by_id.items():
            row = merged(copies)
            if patterns and not _keep_matching(row, patterns):
                continue
            is_hidden = heads_only and image_id in parents and not _names(row)
            if not is_hidden and is_wanted(row):
                rows.append(shims.image_row(row, query.version))
        return sorted(rows, key=lambda row: (-_created(row), str(row.get("Id"))))

    def _on_wanted_nodes(self, nodes: tuple[str, ...]) -> list[Image]:
        if not nodes:
            return list(self._state.images())
        matches = matcher("node", nodes)
        return [
            image
            for engine in self._state.engines().values()
            if matches(engine.name) or engine.id in nodes or engine.address in nodes
            for image in self._state.images_on(engine.address)
        ]

    def _as_named_now(self, images: list[Image]) -> list[Image]:
        """The images without the tags that mean newer ones: an engine would have taken them."""
        older = superseded(self._state)
        if not older:
            return images
        return [
            replace(i, tags=tuple(t for t in i.tags if (i.engine, reference_key(t)) not in older))
            for i in images
        ]

    def _test(self, query: ImageQuery, now: float) -> Callable[[Mapping[str, Any]], bool]:
        filters = query.filters
        has_labels = label_test(filters.get("label", ()))
        is_dangling = yes_or_no(filters, "dangling")
        older_than: list[float] = [self._created(name) for name in filters.get("before", ())]
        older_than += [parse_time(value, now) for value in filters.get("until", ())]
        newer_than = [self._created(name) for name in filters.get("since", ())]

        def test(row: Mapping[str, Any]) -> bool:
            created = _created(row)
            # Docker's rule: one with a digest alone is in both lists.
            named = row["RepoTags"] if is_dangling else _names(row)
            return (
                (is_dangling is None or is_dangling is (not named))
                and has_labels(row.get("Labels") or {})
                and all(created < limit for limit in older_than)
                and all(created > limit for limit in newer_than)
            )

        return test

    def _created(self, reference: str) -> int:
        """Return the age of the image that a filter names; the newest if engines differ."""
        return max(_created(image.row) for _, image in resolve_image(self._state, reference))


def merged(copies: Iterable[Image]) -> dict[str, Any]:
    """Return one row for the same image on several engines.

    Names are united, uses counted together (-1, "not counted", stays if nobody counted), and
    every other field is the first engine's.
    """
    images = list(copies)
    counts = [n for i in images if isinstance(n := i.row.get("Containers"), int)]
    row = dict(images[0].row)
    row["RepoTags"] = list(dict.fromkeys(tag for i in images for tag in i.tags))
    row["RepoDigests"] = list(dict.fromkeys(digest for i in images for digest in i.digests))
    if counts:
        counted = [n for n in counts if n >= 0]
        row["Containers"] = sum(counted) if counted else -1
    return row


def _keep_matching(row: dict[str, Any], patterns: list[Callable[[str], bool]]) -> bool:
    """Leave only the names that fit a pattern in *row*; return whether there are any."""
    for key in ("RepoTags", "RepoDigests"):
        row[key] = [name for name in row[key] if any(matches(name) for matches in patterns)]
    return bool(_names(row))


def _names(row: Mapping[str, Any]) -> list[str]:
    return [*row["RepoTags"], *row["RepoDigests"]]


def _created(row: Mapping[str, Any]) -> int:
    created = row.get("Created")
    return created if isinstance(created, int) else 0
