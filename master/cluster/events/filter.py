"""Which events a client wants: ``filters``, ``since`` and ``until`` of ``GET /events``.

The rules are the engine's own (moby, daemon/events/filter.go), since it filters the past and the
manager filters what is live. Two are ours: the filter ``node``, and ``container=node/web``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from common.durations import parse_duration
from master.cluster.events.broker import Event
from master.cluster.filters import Filters, check_keys, label_test, parse_filters
from master.cluster.model import SWARM_ID_LABEL
from master.errors import BadRequestError
from scheduler.wording import shorten

_BY_NAME = (
    "container",
    "daemon",
    "plugin",
    "volume",
    "network",
    "node",
    "service",
    "secret",
    "config",
)
"""Filter keys that mean the actor's ID or name, or the beginning of one. ``node`` is ours."""
_KEYS = frozenset({*_BY_NAME, "type", "event", "image", "label", "scope"})
_PREFIX_ACTIONS = frozenset({"health_status", "exec_create", "exec_start"})
"""Actions that are followed by a colon and details; named bare, they mean all of them."""
_SHORT_ID = 12

_NANO = 1_000_000_000
_UNIX = re.compile(r"(-?[0-9]{1,12})(?:\.([0-9]{1,9}))?", re.ASCII)
_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9})\d*)?)?)?)?"
    r"(?:(Z)|([+-])(\d\d):(\d\d))?",
    re.ASCII | re.IGNORECASE,
)


class EventFilter:
    """A client's ``filters``, ready to be asked for each event."""

    def __init__(self, filters: Filters) -> None:
        """Keep *filters* whose keys are known; a key without values filters nothing."""
        self._wanted = {key: frozenset(values) for key, values in filters.items() if values}
        self._has_labels = label_test(filters.get("label", ()))

    @classmethod
    def parse(cls, text: str | None) -> EventFilter:
        """Read the query's ``filters``.

        Raises:
            BadRequestError: malformed, or a key that no event has.
        """
        filters = parse_filters(text)
        check_keys(filters, _KEYS)
        return cls(filters)

    def matches(self, event: Event) -> bool:
        """Whether *event* passes every filter: of one key, any value will do; labels, all."""
        return all(self._passes(key, wanted, event) for key, wanted in self._wanted.items())

    def _passes(self, key: str, wanted: frozenset[str], event: Event) -> bool:
        match key:
            case "type":
                return event.type in wanted
            case "scope":
                return event.scope in wanted
            case "event":
                return _action_matches(wanted, event.action)
            case "label":
                return self._has_labels(_texts(event.attributes))
            case "image":
                return _image_matches(wanted, event)
            case "node":
                return _node_matches(wanted, event) or _name_matches(wanted, event)
            case "container":
                return _name_matches(_without_node(wanted, event), event) or _is_swarm_id(
                    wanted, event
                )
            case _:
                return _name_matches(wanted, event)

    def for_engines(self) -> dict[str, list[str]]:
        """Return the part that an engine can apply itself to its past: all but ours.

        The answer has to be filtered again with `matches`, which knows the rest.
        """
        # Engines know networks by IDs of their own.
        ours = {"node", "network"}
        if any("/" in value for value in self._wanted.get("container", ())):
            ours.add("container")
        return {k: sorted(values) for k, values in self._wanted.items() if k not in ours}


def parse_time_ns(value: str, now: float) -> int:
    """Return a point in time as nanoseconds since the epoch.

    Args:
        value: Unix seconds with or without fraction, a date (``2026-01-02``, with
            ``T03[:04[:05[.6]]]``, with ``Z`` or an offset; UTC if it has none), or a duration
            before *now* (``1h30m``).
        now: seconds since the epoch.

    Raises:
        BadRequestError: it is none of these.
    """
    if match := _UNIX.fullmatch(value):
        seconds, fraction = int(match[1]), int((match[2] or "").ljust(9, "0"))
        return seconds * _NANO + fraction
    if match := _DATE.fullmatch(value):
        return _date_ns(match, value)
    try:
        return int(now * _NANO) - round(parse_duration(value) * _NANO)
    except ValueError as exc:
        raise _bad_time(value) from exc


def parse_time(value: str, now: float) -> float:
    """Return a point in time as seconds since the epoch; see `parse_time_ns`."""
    return parse_time_ns(value, now) / _NANO


def parse_window(since: str | None, until: str | None, now: float) -> tuple[int, int | None]:
    """Return the query's ``since`` and ``until`` in nanoseconds: 0 and None if not given.

    Raises:
        BadRequestError: one is no time, or they are the wrong way round.
    """
    start = parse_time_ns(since, now) if since else 0
    end = parse_time_ns(until, now) if until else None
    if end is not None and end < start:
        raise BadRequestError(
            f"`since` time ({shorten(since or '')}) cannot be after "
            f"`until` time ({shorten(until or '')})"
        )
    return start, end


def _action_matches(wanted: frozenset[str], action: str) -> bool:
    if action in wanted:
        return True
    # Docker does so as soon as one of the three is asked for, then for all values.
    return not _PREFIX_ACTIONS.isdisjoint(wanted) and action.startswith(tuple(wanted))


def _name_matches(wanted: Iterable[str], event: Event) -> bool:
    prefixes = tuple(wanted)
    return event.actor_id.startswith(prefixes) or _attribute(event, "name").startswith(prefixes)


def _node_matches(wanted: frozenset[str], event: Event) -> bool:
    return not wanted.isdisjoint(
        {_attribute(event, "node.name"), _attribute(event, "node.id"), event.engine}
    )


def _without_node(wanted: frozenset[str], event: Event) -> list[str]:
    """Return the values with ``node/`` taken off where it is the event's node."""
    node = _attribute(event, "node.name")
    return [value.removeprefix(f"{node}/").removeprefix("/") if node else value for value in wanted]


def _is_swarm_id(wanted: frozenset[str], event: Event) -> bool:
    swarm_id = _attribute(event, SWARM_ID_LABEL)
    return bool(swarm_id) and not wanted.isdisjoint({swarm_id, swarm_id[:_SHORT_ID]})


def _image_matches(wanted: frozenset[str], event: Event) -> bool:
    name = _attribute(event, "name" if event.type == "image" else "image")
    texts = {event.actor_id, name, _familiar(event.actor_id), _familiar(name)}
    return not wanted.isdisjoint(texts)


def _familiar(reference: str) -> str:
    """Return an image's name as people say it: ``docker.io/library/busybox:1`` is busybox."""
    name = reference.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    if colon and "/" not in tail:
        name = head
    return name.removeprefix("docker.io/").removeprefix("library/")


def _attribute(event: Event, key: str) -> str:
    value = event.attributes.get(key)
    return value if isinstance(value, str) else ""


def _texts(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in attributes.items() if isinstance(value, str)}


def _date_ns(match: re.Match[str], value: str) -> int:
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    zone = UTC
    try:
        if match[9]:
            offset = timedelta(hours=int(match[10]), minutes=int(match[11]))
            zone = timezone(offset if match[9] == "+" else -offset)
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        seconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    except (ValueError, OverflowError) as exc:
        raise _bad_time(value) from exc
    return seconds * _NANO + int((match[7] or "").ljust(9, "0"))


def _bad_time(value: str) -> BadRequestError:
    return BadRequestError(f'failed to parse value as time or duration: "{shorten(value)}"')
