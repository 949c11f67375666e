r"""What ``SERVICE_*`` variables and labels say about each port of a container.

``SERVICE_<KEY>`` holds for every port, ``SERVICE_<port>_<KEY>`` for one and beats the first;
labels beat variables of the same name. Keys are taken in lower case.

Source: classic Registrator's documentation, "Container overrides".
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.rules.container import PREFIX, Container
from agent.rules.refusal import Refusal, shown

MAX_VALUE_BYTES = 4096
"""Of one value: no proxy's configuration has use for more."""
MAX_TOTAL_BYTES = 32 * 1024
"""Of all keys and values of one port: Consul's store takes values of 512 KiB at most."""
MAX_TAGS = 64
MAX_TAG = 128
"""Characters of one tag."""
STEERING = frozenset({"name", "ignore", "register", "ip", "network", "internal"})
"""Keys that are looked at closely where they are used, and never pass on what they say: a name
that was dropped here would let its container stand for another service."""

_KEY = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}", re.ASCII)
_FOR_ONE_PORT = re.compile(r"([0-9]{1,5})_(.+)", re.ASCII | re.DOTALL)
_ESCAPED_COMMA = re.compile(r"(?<!\\),")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What one container says of its ports."""

    general: Mapping[str, str] = field(default_factory=dict)
    by_port: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()

    def of_port(self, number: int) -> dict[str, str]:
        """Return key to value for one port."""
        return {**self.general, **self.by_port.get(number, {})}


def read_metadata(container: Container) -> Metadata:
    """Return what *container* says; what cannot be used is left out and named in ``refusals``."""
    general: dict[str, str] = {}
    by_port: dict[int, dict[str, str]] = {}
    refusals: list[Refusal] = []
    for name, value in {**container.env, **container.labels}.items():
        key = name.removeprefix(PREFIX).lower()
        one_port = _FOR_ONE_PORT.fullmatch(key)
        key = one_port[2] if one_port else key
        problem = _problem(name, key, value)
        if problem is not None:
            refusals.append(problem)
        elif one_port:
            by_port.setdefault(int(one_port[1]), {})[key] = value
        else:
            general[key] = value
    return Metadata(general, by_port, tuple(refusals))


def split_tags(text: str) -> list[str]:
    r"""Return the tags in a list with commas; ``\,`` is a comma within a tag."""
    tags = (part.replace("\\,", ",").strip() for part in _ESCAPED_COMMA.split(text))
    return [tag for tag in tags if tag]


def checked_tags(tags: Iterable[str]) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
    """Return *tags* without those that cannot be used or come twice, and a refusal for each."""
    good: dict[str, None] = {}
    refusals: dict[Refusal, None] = {}
    for tag in tags:
        if len(tag) > MAX_TAG or not tag.isprintable():
            text = f"the tag {shown(tag)} has control characters or more than {MAX_TAG} of others"
            refusals[Refusal("tag", text)] = None
        elif len(good) >= MAX_TAGS and tag not in good:
            refusals[Refusal("tag", f"it has more than {MAX_TAGS} tags")] = None
        else:
            good[tag] = None
    return tuple(good), tuple(refusals)


def within_limit(attributes: Mapping[str, str]) -> tuple[dict[str, str], tuple[Refusal, ...]]:
    """Return as many of *attributes* as fit, in the order of their keys, and what does not."""
    kept: dict[str, str] = {}
    refusals = []
    left = MAX_TOTAL_BYTES
    for key, value in sorted(attributes.items()):
        size = len(key) + len(value.encode())
        if size > left:
            text = f"{PREFIX}{key.upper()} is left out: all values exceed {MAX_TOTAL_BYTES} bytes"
            refusals.append(Refusal("size", text))
            continue
        left -= size
        kept[key] = value
    return kept, tuple(refusals)


def _problem(name: str, key: str, value: str) -> Refusal | None:
    if not _KEY.fullmatch(key):
        return Refusal("key", f"{shown(name)} is no usable key")
    if key in STEERING:
        return None
    # Checked before anything walks through it: it may be a megabyte.
    if len(value) > MAX_VALUE_BYTES or len(value.encode(errors="replace")) > MAX_VALUE_BYTES:
        return Refusal("value", f"{name} has more than {MAX_VALUE_BYTES} bytes")
    if key != "tags" and not value.isprintable():
        return Refusal("value", f"{name} has control characters in it: {shown(value)}")
    return None
