"""What own templates can call: Consul's keys, the services, and filters for hostile values."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from jinja2 import UndefinedError

from services.entry import ServiceEntry

_IDENT = re.compile(r"[^A-Za-z0-9_.-]", re.ASCII)
_UNQUOTABLE = re.compile(r"[^ !#&(-\[\]-z|~]")
"""All but printable ASCII, and of that ``" $ % ' \\ { }``: what HAProxy or Nginx read in quotes."""
_MAX_IDENT = 128
_MAX_QUOTED = 1024


@dataclass(frozen=True, slots=True)
class KeyPair:
    """One key of Consul's store."""

    key: str
    """Below the path that was asked for."""
    value: str


@dataclass(frozen=True, slots=True)
class Service:
    """One service on one port."""

    name: str
    port: int
    entries: tuple[ServiceEntry, ...]

    @property
    def folder(self) -> str:
        """``<service>-<port>``."""
        return f"{self.name}-{self.port}"

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of all its containers, each once, sorted."""
        return tuple(sorted({tag for entry in self.entries for tag in entry.tags}))


def functions(
    entries: Iterable[ServiceEntry], keys: Mapping[str, bytes], environ: Mapping[str, str]
) -> dict[str, Callable[..., object]]:
    """Return what templates can call, over these *entries*, *keys* and this *environ*."""
    known = tuple(entries)

    def tree(path: str = "") -> list[KeyPair]:
        prefix = f"{path.strip('/')}/" if path.strip("/") else ""
        return [
            KeyPair(name[len(prefix) :], keys[name].decode(errors="replace"))
            for name in sorted(keys)
            if name.startswith(prefix) and name != prefix
        ]

    def key(path: str, default: str | None = None) -> str:
        if path in keys:
            return keys[path].decode(errors="replace")
        if default is None:
            raise UndefinedError(f"there is no key {path!r}, and no default for it")
        return default

    def services() -> list[Service]:
        groups: dict[tuple[str, int], list[ServiceEntry]] = {}
        for entry in known:
            groups.setdefault((entry.service, entry.port), []).append(entry)
        return [Service(*group, tuple(groups[group])) for group in sorted(groups)]

    return {
        "tree": tree,
        "ls": lambda path="": [pair for pair in tree(path) if "/" not in pair.key],
        "keys": lambda path="": [pair.key for pair in tree(path)],
        "key": key,
        "services": services,
        "service": lambda name: [one for one in known if name in {one.service, one.folder}],
        "env": lambda name, default="": environ.get(name, default),
    }


def quote(value: object) -> str:
    """Return *value* in single quotes, with ``_`` for what means something even in them."""
    return f"'{_UNQUOTABLE.sub('_', str(value)[:_MAX_QUOTED])}'"


def ident(value: object) -> str:
    """Return *value* as one word of letters, digits and ``_.-``, with ``_`` for all else."""
    return _IDENT.sub("_", str(value)[:_MAX_IDENT]) or "_"


def parse_json(value: object) -> object:
    """Return what the JSON text *value* stands for, None if it is none that can be written down."""
    try:
        found = json.loads(str(value))
        # JSON can spell half a character ("\\ud800"), of which no file could be made.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found


def split(value: object, separator: str = ",") -> list[str]:
    """Return the parts of *value* between separators, without blanks around them."""
    return [part.strip() for part in str(value).split(separator) if part.strip()]


FILTERS: Mapping[str, Callable[..., object]] = {
    "quote": quote,
    "ident": ident,
    "parse_json": parse_json,
    "split": split,
}
