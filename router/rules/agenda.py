"""When to render, and what: joins the guard, the memory and the debounce; waits for nothing."""

from dataclasses import dataclass

from router.rules.debounce import Debounce
from router.rules.guard import LossGuard
from router.rules.memory import Memory
from services.entry import ServiceEntry, keys_of
from services.watch import Snapshot


@dataclass(frozen=True, slots=True)
class Picture:
    """What is taken for true about the services."""

    entries: tuple[ServiceEntry, ...]
    keys: dict[str, bytes]
    """Consul's, and those of entries that are held."""


class Agenda:
    """Takes snapshots in, says when a picture of them is due."""

    def __init__(self, guard: LossGuard, memory: Memory, debounce: Debounce) -> None:
        self._guard = guard
        self._memory = memory
        self._debounce = debounce
        self._seen: Snapshot | None = None
        self._picture: Picture | None = None
        self._held_until: float | None = None
        self._is_first = True
        self.held: tuple[str, ...] = ()
        """Services that are kept although Consul has none of their entries."""

    def see(self, snapshot: Snapshot, now: float) -> None:
        """Take in what Consul says at *now* (monotonic seconds)."""
        self._seen = snapshot
        self._judge(now, is_doubtful=snapshot.is_doubtful)

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until `take` may have something, None: not before a snapshot."""
        due_s = self._debounce.wait_s(now)
        if due_s is not None and self._is_first:
            return 0.0
        hold_s = None if self._held_until is None else max(0.0, self._held_until - now)
        return min((wait for wait in (due_s, hold_s) if wait is not None), default=None)

    def take(self, now: float) -> tuple[Picture, tuple[ServiceEntry, ...]] | None:
        """Return the picture if one is due, and an entry of each service that has none now."""
        if self._held_until is not None and now >= self._held_until:
            self._judge(now, is_doubtful=False)
        if self._picture is None or (not self._is_first and self._debounce.wait_s(now) != 0.0):
            return None
        self._debounce.settle()
        self._is_first = False
        return self._picture, self._memory.departed(self._picture.entries, now)

    def _judge(self, now: float, *, is_doubtful: bool) -> None:
        if self._seen is None:
            return
        verdict = self._guard.observe(self._seen.entries, now, is_doubtful=is_doubtful)
        self.held = verdict.held
        self._held_until = now + verdict.hold_left_s if verdict.hold_left_s else None
        if verdict.entries is None:
            return
        kept = {name: value for entry in verdict.entries for name, value in keys_of(entry).items()}
        picture = Picture(verdict.entries, {**kept, **self._seen.keys})
        if picture != self._picture:
            self._picture = picture
            self._debounce.changed(now)
