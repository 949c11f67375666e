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


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be brought into force."""

    picture: Picture
    departed: tuple[ServiceEntry, ...] = ()
    """An entry of each service that was there lately and has none now."""


class Agenda:
    """Takes snapshots in, says when a picture of them is due."""

    def __init__(self, guard: LossGuard, memory: Memory, debounce: Debounce) -> None:
        self._guard = guard
        self._memory = memory
        self._debounce = debounce
        self._seen: Snapshot | None = None
        self._picture: Picture | None = None
        self._taken: Picture | None = None
        self._held_until: float | None = None
        self._again_at: float | None = None
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
        again_at = None if self._picture is None else self._again_at
        later = [at for at in (self._held_until, again_at) if at is not None]
        waits = [due_s] if due_s is not None else []
        return min([*waits, *(max(0.0, at - now) for at in later)], default=None)

    def take(self, now: float) -> Due | None:
        """Return the picture if one is due."""
        if self._held_until is not None and now >= self._held_until:
            self._judge(now, is_doubtful=False)
        if self._picture is None or not self._is_due(now):
            return None
        self._debounce.settle()
        self._is_first = False
        self._again_at = None
        self._taken = self._picture
        return Due(self._picture, self._memory.departed(self._picture.entries, now))

    def again(self, at: float) -> None:
        """Let the picture be due at *at*, too, should nothing change until then."""
        if self._again_at is None or at < self._again_at:
            self._again_at = at

    def _is_due(self, now: float) -> bool:
        if self._is_first or self._debounce.wait_s(now) == 0.0:
            return True
        return self._again_at is not None and now >= self._again_at

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
            # What goes goes soon: somebody may be sent there. What comes can wait for the rest.
            self._debounce.changed(now, is_urgent=_only_less(picture, self._taken))


def _only_less(picture: Picture, before: Picture | None) -> bool:
    """Whether entries have gone, and nothing else has changed."""
    return before is not None and _rows(picture) < _rows(before)


def _rows(picture: Picture) -> set[tuple[str, bytes]]:
    return {row for entry in picture.entries for row in keys_of(entry).items()}
