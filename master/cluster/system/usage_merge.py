"""What several engines use or gave back, as one answer: ``/system/df`` and the prunes.

Numbers are added up and lists joined, whatever their names are: so both shapes of ``/system/df``
(before and from API 1.52 on) are merged alike, and what a newer engine adds is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from master.cluster.images.listing import merged
from master.cluster.lenient import as_list
from master.cluster.rows import image_from_row

Answer = tuple[str, Any]
"""Engine address, and what it answered."""

ShownName = Callable[[str, str], str]
"""(engine address, volume name) to the name that lists show."""

_IMAGES = frozenset({"Images", "ImageUsage"})
_VOLUMES = frozenset({"Volumes", "VolumeUsage"})


def merged_usage(answers: Sequence[Answer], shown_name: ShownName) -> dict[str, Any]:
    """Return one ``GET /system/df``.

    An image that several engines have is one row; the bytes, and before 1.52 ``LayersSize``, are
    what all copies take. Volumes are called as in lists.
    """
    usage: dict[str, Any] = {}
    for key in _keys(answers):
        found = [(address, told[key]) for address, told in _objects(answers) if key in told]
        if any(isinstance(value, dict) for _, value in found):
            usage[key] = _merged_kind(key, found, shown_name)
        elif any(isinstance(value, list) for _, value in found):
            usage[key] = _rows(key, found, shown_name)
        else:
            usage[key] = _sum_or_first([value for _, value in found])
    return usage


def merged_prune(answers: Sequence[Answer], shown_name: ShownName | None = None) -> dict[str, Any]:
    """Return one prune's answer: lists joined (null if there is nothing in them), bytes added up.

    Args:
        answers: of every engine.
        shown_name: for ``VolumesDeleted``: a name as lists showed it before.
    """
    pruned: dict[str, Any] = {}
    for key in _keys(answers):
        found = [(address, told[key]) for address, told in _objects(answers) if key in told]
        if any(isinstance(value, list) for _, value in found):
            pruned[key] = [
                shown_name(address, item) if shown_name and isinstance(item, str) else item
                for address, value in found
                for item in value or ()
            ]
        else:
            pruned[key] = _sum_or_first([value for _, value in found])
    return pruned


def common_plugins(answers: Sequence[Answer]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the plugins that all engines have, and the addresses of those that lack another's.

    A plugin is enabled if it is everywhere; its other fields are the first engine's.
    """
    by_engine = {
        address: {str(row.get("Name")): row for row in told or () if isinstance(row, dict)}
        for address, told in answers
    }
    names = dict.fromkeys(name for rows in by_engine.values() for name in rows)
    everywhere = [name for name in names if all(name in rows for rows in by_engine.values())]
    plugins = []
    for name in everywhere:
        rows = [rows[name] for rows in by_engine.values()]
        row = dict(rows[0])
        if "Enabled" in row:
            row["Enabled"] = all(other.get("Enabled") for other in rows)
        plugins.append(row)
    lacking = [a for a, rows in by_engine.items() if any(name not in rows for name in names)]
    return plugins, lacking


def _merged_kind(key: str, found: Sequence[Answer], shown_name: ShownName) -> dict[str, Any]:
    """One of 1.52's objects: counts and sizes, and with ``verbose`` the items."""
    kind = merged_usage(found, shown_name)
    if "Items" in kind:
        items = [(address, told.get("Items")) for address, told in _objects(found)]
        kind["Items"] = _rows(key, items, shown_name)
    return kind


def _rows(key: str, found: Sequence[Answer], shown_name: ShownName) -> list[Any]:
    rows = [(address, row) for address, value in found for row in as_list(value)]
    if key in _IMAGES:
        return _images(rows)
    if key in _VOLUMES:
        return _volumes(rows, shown_name)
    return [row for _, row in rows]


def _images(rows: Iterable[Answer]) -> list[Any]:
    copies: dict[str, list[Answer]] = {}
    for address, row in rows:
        copies.setdefault(str(row.get("Id")), []).append((address, row))
    return [
        merged(image_from_row(address, row) for address, row in same) for same in copies.values()
    ]


def _volumes(rows: Iterable[Answer], shown_name: ShownName) -> list[Any]:
    found: dict[tuple[str, str], Any] = {}
    for address, row in rows:
        name = str(row.get("Name"))
        home = "" if row.get("Scope") == "global" else address
        found.setdefault((name, home), {**row, "Name": shown_name(address, name)})
    return list(found.values())


def _objects(answers: Iterable[Answer]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(address, told) for address, told in answers if isinstance(told, dict)]


def _keys(answers: Iterable[Answer]) -> list[str]:
    return list(dict.fromkeys(key for _, told in _objects(answers) for key in told))


def _sum_or_first(values: Sequence[Any]) -> Any:
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return sum(numbers) if numbers else next((v for v in values if v is not None), None)
