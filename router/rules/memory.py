"""Remembers services that have lost their last container; pure, with the time passed in.

Their routes stay and answer 503, as one expects of a service that exists but is down, and a
container that comes back (a new version, a scale-up from zero) needs no reload.
"""

from collections.abc import Iterable

from services.entry import ServiceEntry

_MAX_REMEMBERED = 1000


class Memory:
    """One entry of each service that was there lately and is not now."""

    def __init__(self, keep_s: float) -> None:
        """Remember nothing yet; a service is forgotten *keep_s* seconds after its last entry."""
        self._keep_s = keep_s
        self._here: dict[str, ServiceEntry] = {}
        self._gone: dict[str, tuple[ServiceEntry, float]] = {}

    def departed(self, entries: Iterable[ServiceEntry], now: float) -> tuple[ServiceEntry, ...]:
        """Note that *entries* are all there is at *now*; return one entry of each service gone."""
        before, self._here = self._here, {}
        for entry in entries:
            self._here.setdefault(entry.folder, entry)
        left = {name: (entry, now) for name, entry in before.items()}
        gone = {
            name: (entry, since)
            for name, (entry, since) in {**self._gone, **left}.items()
            if name not in self._here and since + self._keep_s > now
        }
        newest = sorted(gone, key=lambda name: (-gone[name][1], name))[:_MAX_REMEMBERED]
        self._gone = {name: gone[name] for name in sorted(newest)}
        return tuple(entry for entry, _ in self._gone.values())
