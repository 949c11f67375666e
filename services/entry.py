"""One published port of one container, and the two Consul keys that tell of it.

::

    <prefix>/<service>-<port>/<host>:<container>:<port>[:udp]
        <ip>:<published port>
    <prefix>/<service>-<port>/.meta/<host>:<container>:<port>[:udp]
        {"tags": [<text>, …], "attributes": {<key>: <text>, …}}

The first is the article's and holds all that a plain consul-template needs; the second exists only
for containers that say more of themselves, and `ls` of a service does not show it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.address import is_of_one, parse_ip

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)
"""Service, host and container: nothing that a key, a URL or a proxy's file gives a meaning to."""
_FOLDER = re.compile(r"(?P<service>.+)-(?P<port>[0-9]{1,5})", re.ASCII)
_META = ".meta/"
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """One published port of one container, as others can reach it."""

    service: str
    """``SERVICE_NAME``, else the last part of the image's name."""
    host: str
    """The engine's name."""
    container: str
    port: int
    """The container's exposed port."""
    ip: str
    """IPv4 or IPv6 address of one machine, without brackets."""
    published_port: int
    protocol: str = "tcp"
    """``tcp`` or ``udp``."""
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What ``SERVICE_<KEY>`` said, by lower-case key, without name, tags and what only the agent
    needs."""
    created: int = field(default=0, compare=False)
    """Consul's index when its key came, 0 where that is not known; no part of what it is."""

    @property
    def folder(self) -> str:
        """Return ``<service>-<port>``: what a router knows the service by."""
        return f"{self.service}-{self.port}"

    @property
    def id(self) -> str:
        """Return ``<host>:<container>:<port>``, with ``:udp`` for such a port."""
        suffix = "" if self.protocol == "tcp" else f":{self.protocol}"
        return f"{self.host}:{self.container}:{self.port}{suffix}"

    @property
    def address(self) -> str:
        """Return ``<ip>:<published port>``, an IPv6 address in brackets."""
        ip = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{ip}:{self.published_port}"


def is_name(text: str) -> bool:
    """Whether *text* can stand in a key as a service, host or container."""
    return _NAME.fullmatch(text) is not None


def keys_of(entry: ServiceEntry) -> dict[str, bytes]:
    """Return the keys that tell of *entry*, below the prefix, with their values."""
    keys = {f"{entry.folder}/{entry.id}": entry.address.encode()}
    if entry.tags or entry.attributes:
        meta = {"tags": list(entry.tags), "attributes": dict(entry.attributes)}
        keys[f"{entry.folder}/{_META}{entry.id}"] = json.dumps(meta, sort_keys=True).encode()
    return keys


def entries_of(keys: Mapping[str, bytes]) -> list[ServiceEntry]:
    """Return what *keys* (below the prefix, with their values) tell of, in the order of the keys.

    Keys and values of another form are somebody else's and are passed over; metadata that cannot
    be read leaves its entry without, as does a tag or an attribute with control characters in it.
    """
    entries = []
    for key in sorted(keys):
        folder, _, identity = key.partition("/")
        meta = keys.get(f"{folder}/{_META}{identity}", b"")
        entry = _entry(folder, identity, keys[key], meta)
        if entry is not None:
            entries.append(entry)
    return entries


def host_of(key: str) -> str | None:
    """Return the host that *key* (below the prefix) belongs to, None if it is no entry's key."""
    folder, _, identity = key.partition("/")
    named = _named(folder, identity.removeprefix(_META))
    return None if named is None else named.host


def container_of(key: str) -> str | None:
    """Return the name of the container that *key* (below the prefix) tells of, None for others."""
    folder, _, identity = key.partition("/")
    named = _named(folder, identity.removeprefix(_META))
    return None if named is None else named.container


@dataclass(frozen=True, slots=True)
class _Named:
    """What a key says."""

    service: str
    host: str
    container: str
    port: int
    protocol: str


def _named(folder: str, identity: str) -> _Named | None:
    match = _FOLDER.fullmatch(folder)
    host, _, rest = identity.partition(":")
    container, _, rest = rest.partition(":")
    port, colon, protocol = rest.partition(":")
    if match is None or port != match["port"] or (colon and protocol != "udp"):
        return None
    if not (is_name(match["service"]) and is_name(host) and is_name(container) and _is_port(port)):
        return None
    return _Named(match["service"], host, container, int(port), protocol or "tcp")


def _entry(folder: str, identity: str, value: bytes, meta: bytes) -> ServiceEntry | None:
    named = _named(folder, identity)
    address = _address(value)
    if named is None or address is None:
        return None
    tags, attributes = _metadata(meta)
    return ServiceEntry(
        service=named.service,
        host=named.host,
        container=named.container,
        port=named.port,
        ip=address[0],
        published_port=address[1],
        protocol=named.protocol,
        tags=tags,
        attributes=attributes,
    )


def _address(value: bytes) -> tuple[str, int] | None:
    ip, colon, port = value.decode(errors="replace").rpartition(":")
    if ip.startswith("[") and ip.endswith("]"):
        ip = ip[1:-1]
    found = parse_ip(ip)
    if not colon or not _is_port(port) or found is None or not is_of_one(found):
        return None
    return str(found), int(port)


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,4}", text, re.ASCII) is not None and int(text) <= _MAX_PORT


def _metadata(value: bytes) -> tuple[tuple[str, ...], dict[str, str]]:
    try:
        meta = json.loads(value or b"{}")
    except (ValueError, RecursionError):
        return (), {}
    tags = meta.get("tags") if isinstance(meta, dict) else None
    attributes = meta.get("attributes") if isinstance(meta, dict) else None
    return (
        tuple(tag for tag in tags if _is_text(tag)) if isinstance(tags, list) else (),
        {key: text for key, text in attributes.items() if _is_text(key) and _is_text(text)}
        if isinstance(attributes, dict)
        else {},
    )


def _is_text(value: object) -> bool:
    """Whether *value* is text that cannot begin a new line wherever it is written."""
    return isinstance(value, str) and value.isprintable()
