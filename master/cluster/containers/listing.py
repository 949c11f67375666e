"""``GET /containers/json`` for the whole cluster, from what is known, as bytes.

Each container's JSON is kept until it changes, a whole answer until anything in it changes or a
status line has to count on ("Up 3 minutes"). What may be asked for stands in `filter`, how one
row looks in `row`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import orjson

from master.cluster.containers.filter import check_filters, predicates, reference_point
from master.cluster.containers.row import ListRow, NameStyle
from master.cluster.containers.status_text import NEVER
from master.cluster.filters import NO_FILTERS, Filters, boolean, integer, parse_filters
from master.cluster.index import ContainerKey
from master.cluster.model import Container, Engine
from master.cluster.state import ClusterState

_KEPT_ANSWERS = 16
"""Different queries whose answers are kept: at 5,000 containers one may be 5 MB."""

_MANY = 100
"""From so many new rows on, sorting all is cheaper than inserting one by one."""

_sort_key = attrgetter("sort_key")
_valid_until = attrgetter("valid_until")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list is asked for."""

    all: bool = False
    limit: int = 0
    """So many of the newest, in whatever state; 0 or less: no limit."""
    size: bool = False
    """Whether sizes are wanted: asking the engines for them is the caller's part."""
    filters: Filters = field(default_factory=lambda: NO_FILTERS)
    style: NameStyle = NameStyle.PLAIN_FIRST

    @classmethod
    def parse(cls, params: Mapping[str, str], style: NameStyle) -> ListQuery:
        """Read the query's parameters; ``before`` and ``since`` are the filters' old form.

        Raises:
            BadRequestError: one of them makes no sense, in Docker's words.
        """
        filters = dict(parse_filters(params.get("filters")))
        for key in ("before", "since"):
            if params.get(key) and key not in filters:
                filters[key] = (params[key],)
        check_filters(filters)
        return cls(
            all=boolean(params.get("all")),
            limit=integer(params.get("limit")),
            size=boolean(params.get("size")),
            filters=filters,
            style=style,
        )

    @property
    def key(self) -> tuple[object, ...]:
        """What two queries with the same answer have in common."""
        return self.all, max(self.limit, 0), self.style, tuple(sorted(self.filters.items()))

    def values(self, key: str) -> tuple[str, ...]:
        """Return a filter's values; none if it isn't given."""
        return self.filters.get(key, ())

    @property
    def includes_stopped(self) -> bool:
        """Docker's rule: asking for a state, or for the last n, means all of them."""
        return self.all or self.limit > 0 or bool(self.values("status"))

    @property
    def includes_lost(self) -> bool:
        """Whether containers that ran on an engine that doesn't answer are shown."""
        return self.includes_stopped or bool(self.values("before"))


@dataclass(frozen=True, slots=True)
class _Answer:
    body: bytes
    containers_version: int
    images_version: int
    since: float
    until: float


class ContainerList:
    """Renders lists of a `ClusterState`; keeps rows and answers between calls."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._rows: list[ListRow] = []
        self._rows_by_engine: dict[str, dict[str, ListRow]] = {}
        self._version = self._containers_version = self._members_version = -1
        self._answers: OrderedDict[tuple[object, ...], _Answer] = OrderedDict()

    def render(
        self,
        query: ListQuery,
        now: float,
        sizes: Mapping[ContainerKey, Mapping[str, Any]] | None = None,
    ) -> bytes:
        """Return the answer's body: a JSON array, newest container first.

        Args:
            query: what is asked for.
            now: seconds since the epoch.
            sizes: fields to add (SizeRw, SizeRootFs), by engine address and full ID.

        Raises:
            NotFoundError: the container that ``before`` or ``since`` names doesn't exist.
            BadRequestError: a filter's value makes no sense.
        """
        if sizes is not None:
            rows = self._select(query)
            return orjson.dumps([_sized(row, query.style, now, sizes) for row in rows])
        if (kept := self._kept(query, now)) is not None:
            return kept
        body, until = _join(self._select(query), query.style, now)
        self._keep(query, _Answer(body, *self._versions(), since=now, until=until))
        return body

    def _versions(self) -> tuple[int, int]:
        return self._state.containers_version, self._state.images_version

    def _kept(self, query: ListQuery, now: float) -> bytes | None:
        answer = self._answers.get(query.key)
        if answer is None or answer.containers_version != self._state.containers_version:
            return None
        if query.values("ancestor") and answer.images_version != self._state.images_version:
            return None
        # A clock that was set back makes an answer wrong as well, so both ends count.
        return answer.body if answer.since <= now < answer.until else None

    def _keep(self, query: ListQuery, answer: _Answer) -> None:
        self._answers[query.key] = answer
        self._answers.move_to_end(query.key)
        if len(self._answers) > _KEPT_ANSWERS:
            self._answers.popitem(last=False)

    def _select(self, query: ListQuery) -> Sequence[ListRow]:
        self._follow_state()
        rows = self._between(query)
        if not query.includes_stopped:
            rows = [row for row in rows if row.container.is_up]
        if not query.includes_lost:
            rows = [row for row in rows if row.engine.is_healthy]
        for test in predicates(self._state, query.filters):
            rows = [row for row in rows if test(row.container, row.engine)]
        return rows[: query.limit] if query.limit > 0 else rows

    def _between(self, query: ListQuery) -> Sequence[ListRow]:
        """Return the rows older than ``before`` and newer than ``since``."""
        first, last = 0, len(self._rows)
        if (before := reference_point(self._state, query.values("before"))) is not None:
            first = bisect_right(self._rows, self._key_of(before), key=_sort_key)
        if (since := reference_point(self._state, query.values("since"))) is not None:
            last = bisect_left(self._rows, self._key_of(since), key=_sort_key)
        return self._rows[first:last] if (first, last) != (0, len(self._rows)) else self._rows

    def _key_of(self, container: Container) -> tuple[float, str, str]:
        return self._rows_by_engine[container.engine][container.id].sort_key

    def _follow_state(self) -> None:
        """Bring the rows up to the state; costs what changed, not what is there."""
        state = self._state
        if self._containers_version == state.containers_version:
            return
        if self._members_version != state.members_version:
            for address in [a for a in self._rows_by_engine if state.engine(a) is None]:
                self._forget(self._rows_by_engine.pop(address).values())
        fresh: list[ListRow] = []
        for address in state.changed_since(self._version):
            if (engine := state.engine(address)) is not None:
                fresh.extend(self._follow_engine(engine))
        self._add(fresh)
        self._version, self._members_version = state.version, state.members_version
        self._containers_version = state.containers_version

    def _follow_engine(self, engine: Engine) -> Iterable[ListRow]:
        """Yield the rows that have to be put into the order; take out those that left it."""
        rows = self._rows_by_engine.setdefault(engine.address, {})
        containers = {c.id: c for c in self._state.containers_on(engine.address)}
        self._forget([rows.pop(gone) for gone in [i for i in rows if i not in containers]])
        for container in containers.values():
            row = rows.get(container.id)
            if row is None:
                row = rows[container.id] = ListRow(container, engine)
                yield row
            elif not row.is_of(container, engine):
                position = bisect_left(self._rows, row.sort_key, key=_sort_key)
                if row.update(container, engine):
                    del self._rows[position]
                    yield row

    def _forget(self, rows: Iterable[ListRow]) -> None:
        for row in rows:
            del self._rows[bisect_left(self._rows, row.sort_key, key=_sort_key)]

    def _add(self, rows: list[ListRow]) -> None:
        if len(rows) > _MANY:
            self._rows.extend(rows)
            self._rows.sort(key=_sort_key)
            return
        for row in rows:
            insort(self._rows, row, key=_sort_key)


def _join(rows: Sequence[ListRow], style: NameStyle, now: float) -> tuple[bytes, float]:
    """Return the rows as a JSON array, and the time at which one of them says something else."""
    for row in [row for row in rows if not row.valid_from <= now < row.valid_until]:
        row.tell_time(now)
    if not rows:
        return b"[]", NEVER
    # An enum's own hash is a Python call; its value's isn't.
    key = style.value
    pieces = [b"["] * (2 * len(rows) + 1)
    pieces[1::2] = [row.heads.get(key) or row.head(style) for row in rows]
    pieces[2::2] = [row.rest for row in rows]
    # The last row's comma makes way for the bracket.
    pieces[-1] = pieces[-1][:-1] + b"]"
    return b"".join(pieces), min(map(_valid_until, rows))


def _sized(
    row: ListRow,
    style: NameStyle,
    now: float,
    sizes: Mapping[ContainerKey, Mapping[str, Any]],
) -> dict[str, Any]:
    extra = sizes.get((row.container.engine, row.container.id), {})
    return {**row.as_dict(style, now), **extra}
