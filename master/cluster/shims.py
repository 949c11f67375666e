"""Where API versions differ in a way that the manager must make up for: every such place is here.

Two things make one necessary. What the manager answers itself (lists, events) has to look as in the
client's version. And an engine that no longer speaks the client's version is asked in the oldest
one that it does (`Engine.version_for`): then *spoken* is above *client*, and where Docker changed a
meaning in between, the request or the answer is changed back. Everything else the engine shapes.

Each function names its range: ``client < A`` for answers of our own, ``client < A <= spoken`` for
what goes through an engine. Pure; what is given is never changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson

from common.http1 import Header
from master.cluster.model import ApiVersion

_FILTER_PARAMETER_UNTIL: ApiVersion = (1, 28)
_PRIVATE_IPC_SINCE: ApiVersion = (1, 40)
_MULTIPLEXED_TYPE_SINCE: ApiVersion = (1, 42)
_ANONYMOUS_PRUNE_SINCE: ApiVersion = (1, 42)
_NONE_NAMES_UNTIL: ApiVersion = (1, 43)
_RECURSIVE_READ_ONLY_SINCE: ApiVersion = (1, 44)
_VIRTUAL_SIZE_UNTIL: ApiVersion = (1, 44)
_IMAGE_CREATE_EVENTS_SINCE: ApiVersion = (1, 46)
_LEGACY_EVENTS_UNTIL: ApiVersion = (1, 52)
_EVENT_MEDIA_SINCE: ApiVersion = (1, 52)
_EVENT_LINES_SINCE: ApiVersion = (1, 53)

_LEGACY_EVENT_FIELDS = ("status", "id", "from")
_HAVE_STATUS = frozenset({"container", "image"})
"""Types whose events had the older fields."""


# What the manager answers itself


def reference_filter(params: Mapping[str, str], client: ApiVersion) -> tuple[str, ...]:
    """Return what ``GET /images/json?filter=busybox`` asks for: a reference. Client < 1.28."""
    asked = params.get("filter", "")
    return (asked,) if asked and client < _FILTER_PARAMETER_UNTIL else ()


def event_flavour(client: ApiVersion) -> bool:
    """Whether *client* gets events without ``status``, ``id`` and ``from``: from 1.52 on."""
    return client >= _LEGACY_EVENTS_UNTIL


def is_event_told(kind: str, action: str, client: ApiVersion) -> bool:
    """Whether *client* is told of an event. Client < 1.46: not of images that were created."""
    return client >= _IMAGE_CREATE_EVENTS_SINCE or (kind, action) != ("image", "create")


def event_media(client: ApiVersion) -> tuple[str, ...]:
    """Return the media types that events can be asked for in, the best first. Client >= 1.52."""
    if client < _EVENT_MEDIA_SINCE:
        return ()
    names = ("application/x-ndjson", "application/json-seq")
    return names if client < _EVENT_LINES_SINCE else ("application/jsonl", *names)


def event(raw: Mapping[str, Any], *, is_modern: bool) -> Mapping[str, Any]:
    """Return an event in a flavour of `event_flavour`, whichever its engine sent."""
    if is_modern:
        return {key: value for key, value in raw.items() if key not in _LEGACY_EVENT_FIELDS}
    kind = raw.get("Type")
    if not isinstance(kind, str) or kind not in _HAVE_STATUS:
        return raw
    actor = raw.get("Actor")
    actor_id = actor.get("ID") if isinstance(actor, dict) else None
    return {"status": raw.get("Action", ""), "id": actor_id or "", **raw}


def image_row(row: Mapping[str, Any], client: ApiVersion) -> dict[str, Any]:
    """Return an image's row in the shape of *client*'s version.

    - Client < 1.43: names of ``<none>`` for an image that has neither tag nor digest. A docker
      command of that age shows no dangling image without them.
    - Client < 1.44: ``VirtualSize``; later ones go without it.
    """
    shaped = {key: value for key, value in row.items() if key != "VirtualSize"}
    if client < _VIRTUAL_SIZE_UNTIL and "Size" in row:
        shaped["VirtualSize"] = row["Size"]
    if client < _NONE_NAMES_UNTIL and not (row.get("RepoTags") or row.get("RepoDigests")):
        shaped.update(RepoTags=["<none>:<none>"], RepoDigests=["<none>@<none>"])
    return shaped


def image_flavour(client: ApiVersion) -> tuple[bool, bool]:
    """Return what lists of images are kept apart by: in which of `image_row`'s ranges it is."""
    return client < _NONE_NAMES_UNTIL, client < _VIRTUAL_SIZE_UNTIL


# What goes through an engine in a later version than the client's


def create_body(
    body: Mapping[str, Any], client: ApiVersion, spoken: ApiVersion
) -> Mapping[str, Any]:
    """Return a create body that means in *spoken* what it means in *client*.

    - Client < 1.40 <= spoken: without an ``IpcMode``, others could join the container's IPC.
    - Client < 1.44 <= spoken: a read-only bind left what is mounted below it writable.
    """
    host = body.get("HostConfig")
    changes: dict[str, Any] = {}
    if client < _PRIVATE_IPC_SINCE <= spoken and not _field(host, "IpcMode"):
        changes["IpcMode"] = "shareable"
    mounts = _field(host, "Mounts")
    if client < _RECURSIVE_READ_ONLY_SINCE <= spoken and isinstance(mounts, list):
        changes["Mounts"] = [_not_recursive(mount) for mount in mounts]
    if not changes or not isinstance(host, dict | None):
        return body
    return {**body, "HostConfig": {**(host or {}), **changes}}


def volume_prune(query: str, client: ApiVersion, spoken: ApiVersion) -> str:
    """Return the query of ``POST /volumes/prune``. Client < 1.42 <= spoken.

    It used to remove every unused volume, and now only the anonymous ones unless ``all`` is
    among the filters. Filters that make no sense are left for the engine to refuse.
    """
    if not client < _ANONYMOUS_PRUNE_SINCE <= spoken:
        return query
    params = parse_qsl(query, keep_blank_values=True)
    given = next((value for name, value in params if name == "filters"), "") or "{}"
    try:
        filters = orjson.loads(given)
    except orjson.JSONDecodeError:
        return query
    if not isinstance(filters, dict):
        return query
    kept = [(name, value) for name, value in params if name != "filters"]
    return urlencode([*kept, ("filters", orjson.dumps({**filters, "all": ["true"]}))])


def wants_image_edit(client: ApiVersion, spoken: ApiVersion) -> bool:
    """Whether an image's inspect lacks ``VirtualSize``. Client < 1.44 <= spoken."""
    return client < _VIRTUAL_SIZE_UNTIL <= spoken


def image_inspect(body: bytes) -> bytes:
    """Return an image's inspect with ``VirtualSize``; other JSON as it is."""
    image = orjson.loads(body)
    if not isinstance(image, dict) or "Size" not in image:
        return body
    return orjson.dumps({**image, "VirtualSize": image["Size"]}) + b"\n"


def stream_headers(lines: Sequence[Header], client: ApiVersion, spoken: ApiVersion) -> list[Header]:
    """Return the head of a log or attach. Client < 1.42 <= spoken.

    What is multiplexed has had a media type of its own since then; before, all was raw.
    """
    if not client < _MULTIPLEXED_TYPE_SINCE <= spoken:
        return list(lines)
    return [
        (name, value.replace(b".multiplexed-stream", b".raw-stream"))
        if name.lower() == b"content-type"
        else (name, value)
        for name, value in lines
    ]


def _field(mapping: object, key: str) -> Any:
    return mapping.get(key) if isinstance(mapping, dict) else None


def _not_recursive(mount: object) -> object:
    is_bind = _field(mount, "Type") == "bind" and _field(mount, "ReadOnly") is True
    options = _field(mount, "BindOptions")
    if not isinstance(mount, dict) or not is_bind or not isinstance(options, dict | None):
        return mount
    return {**mount, "BindOptions": {**(options or {}), "ReadOnlyNonRecursive": True}}
