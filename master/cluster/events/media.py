"""In which form events are sent: what the client's ``Accept`` says, as engines from 29 on read it.

All of them are JSON, a line each; a sequence (RFC 7464) has a separator before each line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from master.cluster import shims
from master.cluster.model import ApiVersion

JSON = "application/json"
SEQUENCE = "application/json-seq"
RECORD_SEPARATOR = b"\x1e"


def media_type(accepted: Iterable[str], client: ApiVersion) -> str:
    """Return the media type for a client of this API version; JSON if it names none that there is.

    Args:
        accepted: its ``Accept`` headers.
        client: the version that it speaks.
    """
    ranges = [found for header in accepted for found in _ranges(header)]
    best, best_fit = JSON, (0.0, -1)
    for kind in shims.event_media(client):
        for wanted, quality in ranges:
            exactness = _exactness(wanted, kind)
            if quality and exactness is not None and (quality, exactness) > best_fit:
                best, best_fit = kind, (quality, exactness)
    return best


def _ranges(header: str) -> Iterator[tuple[str, float]]:
    for item in header.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        try:
            yield name, float(quality)
        except ValueError:
            continue


def _exactness(wanted: str, kind: str) -> int | None:
    """How closely a range of media types names *kind*; None if it does not."""
    if wanted == kind:
        return 2
    if wanted == "*/*":
        return 0
    family = wanted.removesuffix("*")
    return 1 if wanted.endswith("/*") and kind.startswith(family) else None
