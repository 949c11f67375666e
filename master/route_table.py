"""What a row of THE TABLE (`master.routes`) says, and how a request's row is found."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property


class How(enum.Enum):
    """How the cluster answers a route."""

    LOCAL = "local"
    """From what the manager knows."""
    PLACED = "placed"
    """On an engine that the scheduler chooses."""
    FAN_OUT = "fan-out"
    """On several engines, their answers merged."""
    FORWARD = "forward"
    """By the one engine that has the thing: bytes passed on."""
    HIJACK = "hijack"
    """By that engine, over the client's own connection, both ways."""
    REFUSED = "refused"
    """Not at all: `Route.status` and `Route.refusal` say why."""


class Subject(enum.Enum):
    """What a forwarded route's ``{id}`` names, and so which engine it goes to."""

    NONE = ""
    CONTAINER = "container"
    EXEC = "exec"
    IMAGE = "image"
    IMAGES = "images"
    """``?names=``: an engine that has them all."""
    ANY = "any"
    """Nothing in the cluster: a registry is asked, by any engine."""
    BUILD = "build"
    """Nothing in its path: the engine is where its client builds."""


class Edit(enum.Enum):
    """What is done to a forwarded answer before the client gets it."""

    NONE = ""
    NODE = "node"
    """A container's inspect gains ``Node``, and ports the engine's address."""
    EXEC = "exec"
    """The new exec's ID is remembered."""
    IMAGE = "image"
    """An image's inspect gains what clients of older API versions look for."""


@dataclass(frozen=True)
class Route:
    """One row."""

    method: str
    path: str
    """without version. References of containers (``node/name``) and images may hold slashes."""
    how: How
    summary: str
    query: str = ""
    """The query parameters that Docker documents, by name, for readers of /docs."""
    subject: Subject = Subject.NONE
    edit: Edit = Edit.NONE
    streams: bool = False
    """The answer may be long or endless: relayed until the engine closes, never scanned."""
    ends_with_input: bool = False
    """Relayed, it may wait for long or for ever, for its client alone: an engine takes the end of a
    client's input for the client's leaving and ends it, so the engine is told. Whatever else is
    relayed is answered all the same."""
    changes: bool = False
    """It changes its subject: lists wait until the change is seen."""
    status: int = 0
    refusal: str = ""

    @property
    def tag(self) -> str:
        """The resource, as the Engine API groups it; ``manager`` for what only we have."""
        first = self.path.split("/")[1]
        if first in _MANAGER:
            return "manager"
        return "system" if first in _SYSTEM else first

    @property
    def is_relayed(self) -> bool:
        """Whether it takes the fast lane."""
        return self.how in (How.FORWARD, How.HIJACK)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches a percent-encoded path; named groups are the parameters."""
        slashed = self.path.startswith(_SLASHED)
        kind = ".+" if slashed else "[^/]+"
        return re.compile(re.sub(r"\{(\w+)\}", rf"(?P<\1>{kind})", self.path))


_SLASHED = (
    "/containers/",
    "/images/",
    "/distribution/",
    "/plugins/",
    "/volumes/",
    "/networks/",
)
"""References below these may hold slashes."""

_SYSTEM = {"_ping", "version", "info", "events", "auth", "system", "grpc", "session"}

_MANAGER = {"docs", "openapi.json"}


class RouteTable:
    """Finds a request's row: literal paths first, then patterns, those of more parts first.

    A reference may hold slashes, so ``/containers/{id}`` fits what ``/containers/{id}/checkpoints/
    {checkpoint}`` is for.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._literal: dict[tuple[str, str], Route] = {}
        self._patterns: dict[tuple[str, str], list[Route]] = {}
        for route in routes:
            if "{" in route.path:
                first = route.path.split("/")[1]
                self._patterns.setdefault((route.method, first), []).append(route)
            else:
                self._literal[route.method, route.path] = route
        for patterns in self._patterns.values():
            patterns.sort(key=lambda route: -route.path.count("/"))

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        """The row of a percent-encoded *path* without version, and its parameters, raw."""
        if path.endswith("/") and len(path) > 1:
            path = path.rstrip("/")
        if (route := self._literal.get((method, path))) is not None:
            return route, {}
        first = path[1:].partition("/")[0]
        for route in self._patterns.get((method, first), ()):
            if (match := route.pattern.fullmatch(path)) is not None:
                return route, match.groupdict()
        return None
