"""Decides which losses of services to believe: pure, with the time passed in.

A list that is suddenly empty is more often a wiped prefix, a Consul that lost its data or agents
that all lost their sessions at once than a service without containers. Serving the last known
containers a little longer costs nothing then; dropping them takes the service down.

Believed at once is what a graceful end looks like: the containers of a service were withdrawn one
by one, and now the last one is. Held for the grace time is a service that

- had several entries and has none in the next answer,
- has none after Consul failed or went back in time,
- has none like all others: the answer has no service at all, and the one before had several
  entries.

A held entry is let go at once when another entry has its address: the port was given out anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.entry import ServiceEntry


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to take for true after an answer."""

    entries: tuple[ServiceEntry, ...] | None
    """None: nothing is known yet, keep what a router before us has written."""
    held: tuple[str, ...] = ()
    """Services (``<service>-<port>``) whose entries are kept though the answer lacks them."""
    hold_left_s: float = 0.0
    """Seconds until the first of them is dropped; 0 when none is held."""


class LossGuard:
    """Compares each answer of Consul with what was believed last."""

    def __init__(self, grace_s: float, *, is_first_ever: bool = True) -> None:
        """Believe nothing yet.

        Args:
            grace_s: seconds for which doubtful losses are held.
            is_first_ever: no router before us has left a file; otherwise even a first answer
                without any service is in doubt.
        """
        self._grace_s = grace_s
        self._believed: dict[str, tuple[ServiceEntry, ...]] | None = {} if is_first_ever else None
        self._since: dict[str, float] = {}
        self._began: float | None = None

    def observe(
        self, seen: Iterable[ServiceEntry], now: float, *, is_doubtful: bool = False
    ) -> Verdict:
        """Judge the answer *seen* at the time *now* (monotonic seconds).

        Call it again with the same answer when a hold ends.
        """
        services = _by_service(seen)
        if self._believed is None:
            if not services and (left_s := self._left_s(now)) > 0:
                return Verdict(None, (), left_s)
            self._believed = {}
        held = self._held(self._believed, services, now, is_doubtful=is_doubtful)
        self._believed = {**services, **held}
        self._since = {name: since for name, since in self._since.items() if name in held}
        left_s = min((self._since[name] + self._grace_s - now for name in held), default=0.0)
        entries = tuple(entry for name in sorted(self._believed) for entry in self._believed[name])
        return Verdict(entries, tuple(sorted(held)), left_s)

    def _left_s(self, now: float) -> float:
        if self._began is None:
            self._began = now
        return self._began + self._grace_s - now

    def _held(
        self,
        believed: Mapping[str, tuple[ServiceEntry, ...]],
        services: Mapping[str, tuple[ServiceEntry, ...]],
        now: float,
        *,
        is_doubtful: bool,
    ) -> dict[str, tuple[ServiceEntry, ...]]:
        is_emptied = not services and sum(map(len, believed.values())) > 1
        in_use = {entry.address for entries in services.values() for entry in entries}
        held = {}
        for name, entries in believed.items():
            if name in services:
                continue
            if not (is_doubtful or is_emptied or len(entries) > 1 or name in self._since):
                continue
            kept = tuple(entry for entry in entries if entry.address not in in_use)
            if kept and self._since.setdefault(name, now) + self._grace_s > now:
                held[name] = kept
        return held


def _by_service(entries: Iterable[ServiceEntry]) -> dict[str, tuple[ServiceEntry, ...]]:
    services: dict[str, list[ServiceEntry]] = {}
    for entry in entries:
        services.setdefault(entry.folder, []).append(entry)
    return {name: tuple(members) for name, members in services.items()}
