"""What two runs of one case can't have in common is masked: by these rules, and by nothing else.

Ages, addresses, IDs and places on disk differ between any two engines. A mask keeps their form, so
that an ID where the other side has a name is still seen.
"""

import re
from collections.abc import Mapping
from typing import Any

_TEXT: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), mask)
    for pattern, mask in (
        (r"\b[0-9a-f]{64}\b", "<id>"),
        (r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{12}\b", "<short id>"),
        (r"(?!0001-)\b\d{4}-\d\d-\d\d[T ][\d:.]+ ?(Z|[+-]\d\d:?\d\d)( [A-Z]{3,4})?", "<time>"),
        (r"\bdockerhost\d\d\b", "<host>"),
        (r"\b127\.\d+\.\d+\.\d+(:\d+)?", "<address>"),
        (r"\b1[79]2\.\d+\.\d+\.\d+", "<ip>"),
        (r"\b02:42(:[0-9a-f]{2}){4}\b", "<mac>"),
        (r"\bof-(engine|manager)\b", "<side>"),
        (r"/\S*/(?=docker/|data/|\w+/daemon)\S*", "<place>"),
        (r"\b(Less than a second|About an? \w+|\d+ (second|minute)s?)( ago)?\b", "<age>"),
        (r"\bDocker/\d[\w.+~-]*", "Docker/<version>"),
    )
)
_KEYS: Mapping[str, str] = {
    "Created": "<time>",
    "content-length": "<length>",
    "time": "<time>",
    "timeNano": "<time>",
    "Pid": "<pid>",
}
"""Keys whose numbers differ from run to run."""


def masked(value: Any, key: str = "") -> Any:
    """Return *value* with its masks on, whatever it is made of."""
    if isinstance(value, Mapping):
        return {masked_text(name): masked(one, name) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [masked(one, key) for one in value]
    if key in _KEYS and _is_number(value):
        return _KEYS[key]
    return masked_text(value) if isinstance(value, str) else value


def masked_text(text: str) -> str:
    """Return *text* with its masks on."""
    for pattern, mask in _TEXT:
        text = pattern.sub(mask, text)
    return text


def _is_number(value: Any) -> bool:
    return (isinstance(value, int) and value > 0) or (isinstance(value, str) and value.isdecimal())
