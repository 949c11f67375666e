"""One container's row in the cluster's list, as bytes that are kept until something changes."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import Any

import orjson

from master.cluster.containers.ports import at_engine
from master.cluster.containers.status_text import NEVER, status
from master.cluster.lenient import as_texts
from master.cluster.model import Container, Engine
from master.cluster.state import shown_of

_CLI = re.compile(r"Docker-Client/(\d{1,4})\.(\d{1,4})")
_SHOWS_PLAIN_NAMES_ONLY = (29, 4)
"""From this version on ``docker ps`` skips every name with a slash in it."""

_HOST_DOWN = "Host Down"


class NameStyle(enum.Enum):
    """Which names a client is given for a container ``web`` on ``node-1``."""

    PLAIN_FIRST = "plain first"
    """``/web``, ``/node-1/web``: every client finds the name it created. The default."""
    NODE_ONLY = "node only"
    """``/node-1/web``: a ``docker ps`` that shows it tells where things run."""


def name_style(user_agent: str | None) -> NameStyle:
    """Return the names that suit a client.

    Of two names an older docker CLI shows the one without a slash, so it is given one only.
    Newer ones would show nothing then; Compose and the libraries look for the plain name.
    """
    found = _CLI.match(user_agent or "")
    if found and (int(found[1]), int(found[2])) < _SHOWS_PLAIN_NAMES_ONLY:
        return NameStyle.NODE_ONLY
    return NameStyle.PLAIN_FIRST


class ListRow:
    """The row of one container: static bytes, and a short head that changes with time.

    After `tell_time`, ``heads`` (made by `head` when first asked for, by a style's value) and
    ``rest`` put together are the row's JSON and the comma behind it. They are plain attributes
    because a list of 5,000 reads them 5,000 times: a call each would double its cost.
    """

    __slots__ = (
        "_shown",
        "_text",
        "container",
        "engine",
        "heads",
        "rest",
        "sort_key",
        "valid_from",
        "valid_until",
    )

    def __init__(self, container: Container, engine: Engine) -> None:
        self.update(container, engine)

    def update(self, container: Container, engine: Engine) -> bool:
        """Take new values; return whether its place in the order is another than before."""
        old_key = getattr(self, "sort_key", None)
        self.container = container
        self.engine = engine
        self._shown = shown_of(engine)
        # Several containers are often created within one second: `docker ps -l` means the last.
        exact = container.config.created_at or container.created
        self.sort_key = (-exact - round(engine.clock_skew_s), container.id, container.engine)
        self.heads: dict[str, bytes] = {}
        self.rest = b""
        self._text = ""
        self.valid_from, self.valid_until = NEVER, -NEVER
        return old_key != self.sort_key

    def is_of(self, container: Container, engine: Engine) -> bool:
        """Whether these values show nothing that this row doesn't show already."""
        return self.container is container and (
            self.engine is engine or self._shown == shown_of(engine)
        )

    def tell_time(self, now: float) -> None:
        """Bring the row up to *now*; it then holds until ``valid_until``."""
        if not self.rest:
            self.rest = self._render_rest()
        text, until = self._status(now)
        self.valid_from, self.valid_until = now, until
        if text != self._text:
            self._text = text
            self.heads.clear()

    def head(self, style: NameStyle) -> bytes:
        """Make the first part of the row's JSON, names and status, and keep it in ``heads``."""
        names = orjson.dumps(list(names_of(self.container, self.engine, style)))
        head = b'{"Names":%b,"Status":%b' % (names, orjson.dumps(self._text))
        self.heads[style.value] = head
        return head

    def as_dict(self, style: NameStyle, now: float) -> dict[str, Any]:
        """Return the row as a value, for the rare list that adds to it (``size``)."""
        names = list(names_of(self.container, self.engine, style))
        return {**self._other_fields(), "Names": names, "Status": self._status(now)[0]}

    def _render_rest(self) -> bytes:
        row = orjson.dumps(self._other_fields())
        return (b"," if len(row) > len(b"{}") else b"") + row[1:] + b","

    def _status(self, now: float) -> tuple[str, float]:
        if not self.engine.is_healthy:
            return _HOST_DOWN, NEVER
        return status(self.container, now, self.engine.clock_skew_s)

    def _other_fields(self) -> dict[str, Any]:
        fields = {k: v for k, v in self.container.row.items() if k not in {"Names", "Status"}}
        if isinstance(ports := fields.get("Ports"), list):
            fields["Ports"] = at_engine(ports, "IP", self.engine.ip)
        if self.engine.clock_skew_s and "Created" in fields:
            fields["Created"] = created(self.container, self.engine)
        return fields


def created(container: Container, engine: Engine) -> int:
    """Return when it was created, by this machine's clock, in whole seconds."""
    return container.created + round(engine.clock_skew_s)


def names_of(container: Container, engine: Engine, style: NameStyle) -> Iterator[str]:
    """Yield its names, each with a slash in front; link aliases (``/other/alias``) are last."""
    node = engine.name or engine.address
    if container.name:
        if style is NameStyle.PLAIN_FIRST:
            yield f"/{container.name}"
        yield f"/{node}/{container.name}"
    for name in as_texts(container.row.get("Names")):
        if "/" in name.removeprefix("/"):
            yield f"/{node}/{name.removeprefix('/')}"
