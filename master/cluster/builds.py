"""Which engine builds for whom: a table of pins, and what a build asks of the scheduler.

BuildKit's connections carry no name of the build that they belong to, and a build's cache lies on
the engine that has built before. So whoever comes again goes where he was: a pin. Time is passed
in; nothing waits here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson

from master.cluster.filters import first_values
from master.cluster.placing.cores import CORES_LABEL, shares_of
from master.cluster.placing.wanted import request_from_body
from scheduler.directives import Directives, read_labels, split_environment, write_labels
from scheduler.types import Request

PIN_S = 3600.0
"""How long an idle client finds its engine, and so its cache, again (classic Swarm's pins live as
long). After that the scheduler chooses anew."""
_PIN_LIMIT = 10_000
"""Pins that are kept; beyond it those that were used longest ago go."""

UPLOAD_PREFIX = "upload-request:"
"""Before the ID of a build whose tar comes in a second ``POST /build``."""
_BUILDKIT = "2"
_DIGITS = 18
"""Fewer than the largest 64-bit number has."""


class Pin(NamedTuple):
    """Who comes again, and by what he is known."""

    kind: Literal["client", "context", "session", "build"]
    """A client's address; its address, remote and tag; a session's ID; a build's ID."""
    name: tuple[str, ...]


@dataclass(slots=True)
class _Entry:
    engine: str
    until: float
    holders: int = 0


class BuildPins:
    """Pin to the address of its engine. One that is held does not grow old."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Pin, _Entry] = OrderedDict()

    def find(self, pin: Pin, now: float) -> str | None:
        """The engine of *pin*; None if it has none, or was idle for `PIN_S`."""
        entry = self._entries.get(pin)
        if entry is None:
            return None
        if not entry.holders and entry.until <= now:
            del self._entries[pin]
            return None
        return entry.engine

    def put(self, pin: Pin, engine: str, now: float) -> None:
        """Pin to *engine* from now on; who holds it goes on holding it."""
        entry = self._entries.setdefault(pin, _Entry(engine, now))
        entry.engine, entry.until = engine, now + PIN_S
        self._entries.move_to_end(pin)
        if len(self._entries) > _PIN_LIMIT:
            oldest = next((one for one, entry in self._entries.items() if not entry.holders), pin)
            del self._entries[oldest]

    def hold(self, pin: Pin) -> None:
        """Somebody uses it now, until `release`."""
        if (entry := self._entries.get(pin)) is not None:
            entry.holders += 1

    def release(self, pin: Pin, now: float) -> None:
        """He doesn't any more: its idle time begins."""
        if (entry := self._entries.get(pin)) is not None and entry.holders:
            entry.holders -= 1
            entry.until = now + PIN_S

    def is_held(self, pin: Pin) -> bool:
        """Whether somebody uses it now."""
        entry = self._entries.get(pin)
        return entry is not None and entry.holders > 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._entries)


def client_pin(client: str) -> Pin:
    """The pin of everything that *client* (an address) builds with BuildKit."""
    return Pin("client", (client,))


def session_pin(session: str) -> Pin:
    """The pin of a session, by its UUID."""
    return Pin("session", (session,))


def build_pin(build: str) -> Pin:
    """The pin of a build, by the ID that its client gave it."""
    return Pin("build", (build.removeprefix(UPLOAD_PREFIX),))


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """One ``POST /build`` as the cluster understands it."""

    query: tuple[tuple[str, str], ...]
    """For the engine: without directives among the build arguments. Names may come twice."""
    request: Request
    """What it asks of the scheduler: that of a container with these arguments as environment."""
    cache_from: tuple[str, ...]
    """Images whose layers it would reuse."""
    cores: int = 0
    """The CPUs that ``cpushares`` asks for under ``swarm.cpushares=cores``; else 0."""

    @property
    def is_upload(self) -> bool:
        """Whether it is only the tar of another build."""
        return self._value("buildid").startswith(UPLOAD_PREFIX)

    @property
    def is_choosy(self) -> bool:
        """Whether it says where it wants to be."""
        asked = self.request
        return bool(asked.constraints or asked.affinities or asked.whitelists)

    @property
    def must(self) -> list[Pin]:
        """Pins whose engine knows another half of this build already."""
        pins = [session_pin(session)] if (session := self._value("session")) else []
        return pins + ([build_pin(build)] if (build := self._value("buildid")) else [])

    def may(self, client: str) -> list[Pin]:
        """Pins of engines whose cache is warm for *client* (an address), the warmest first."""
        pins = [Pin("context", (client, self._value("remote"), self._value("t")))]
        return [*pins, client_pin(client)] if self._value("version") == _BUILDKIT else pins

    def query_for(self, engine_cpus: int) -> tuple[tuple[str, str], ...]:
        """The query, with CPUs as shares of an engine's 1024 if they were asked for as shares."""
        if not self.cores or engine_cpus <= 0:
            return self.query
        return with_value(self.query, "cpushares", str(shares_of(self.cores, engine_cpus)))

    def _value(self, name: str) -> str:
        return next((value for key, value in self.query if key == name), "")


def read_build(
    query: Iterable[tuple[str, str]], *, cpu_shares_are_cores: bool = False
) -> BuildOrder:
    """Understand a build; what makes no sense in it is left to the engine to refuse.

    Args:
        query: names and values, decoded.
        cpu_shares_are_cores: ``swarm.cpushares=cores``: ``cpushares`` asks for that many CPUs.

    Raises:
        BadExpressionError: a constraint, affinity or whitelist can't be understood.
    """
    pairs = tuple(query)
    first = first_values(pairs)
    arguments = _object(first.get("buildargs", ""))
    kept, directives = _split(arguments)
    labels = {k: v for k, v in _object(first.get("labels", "")).items() if isinstance(v, str)}
    asked = write_labels({}, read_labels(labels) + directives)
    cores = _number(first.get("cpushares", "")) if cpu_shares_are_cores else 0
    if cores:
        asked[CORES_LABEL] = str(cores)
    if len(kept) != len(arguments):
        pairs = with_value(pairs, "buildargs", orjson.dumps(kept).decode())
    body = {"Labels": asked, "HostConfig": _limits(first)}
    request = request_from_body(body, platform=first.get("platform", ""))
    return BuildOrder(pairs, request, _strings(first.get("cachefrom", "")), cores)


def choose(
    fitting: Collection[str],
    *,
    pinned: Iterable[str | None] = (),
    warm: Callable[[], Collection[str]] = lambda: (),
) -> str:
    """The engine to build on.

    Args:
        fitting: addresses of those that fit, the scheduler's best one first; at least one.
        pinned: where it was built before, the most wanted first.
        warm: tells which ones have an image to start from; asked only if no pin fits.
    """
    for address in pinned:
        if address in fitting:
            assert address is not None
            return address
    held = warm()
    return next((address for address in fitting if address in held), next(iter(fitting)))


def _split(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], Directives]:
    """Build arguments without the directives among them, and these.

    ``--build-arg constraint:disk==ssd`` comes as ``{"constraint:disk": "=ssd"}``.
    """
    kept: dict[str, Any] = {}
    texts: list[str] = []
    for name, value in arguments.items():
        entry = name if value is None else f"{name}={value}"
        if split_environment([entry]).kept_env:
            kept[name] = value
        else:
            texts.append(entry)
    _, constraints, affinities, _, whitelists = split_environment(texts)
    return kept, Directives(tuple(constraints), tuple(affinities), (), tuple(whitelists))


def _limits(query: Mapping[str, str]) -> dict[str, Any]:
    """The limits in a build's query as a HostConfig."""
    limits: dict[str, Any] = {
        "Memory": _number(query.get("memory", "")),
        "CpuQuota": _number(query.get("cpuquota", "")),
        "CpuPeriod": _number(query.get("cpuperiod", "")),
    }
    if (mode := query.get("networkmode", "")).startswith("container:"):
        limits["NetworkMode"] = mode
    return limits


def _number(text: str) -> int:
    """A limit; 0 for none, and for nonsense, which engines read as none too."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0


def with_value(
    pairs: tuple[tuple[str, str], ...], name: str, value: str
) -> tuple[tuple[str, str], ...]:
    """The query with another value for *name*."""
    return tuple((key, value if key == name else old) for key, old in pairs)


def _object(text: str) -> dict[str, Any]:
    found = _parsed(text)
    return found if isinstance(found, dict) else {}


def _strings(text: str) -> tuple[str, ...]:
    found = _parsed(text)
    return tuple(x for x in found if isinstance(x, str)) if isinstance(found, list) else ()


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
