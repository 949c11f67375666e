"""Decides which losses of engines to believe: pure, with the time passed in.

A store that lost its data, or whose keys somebody wiped, looks like a cluster without engines
although every engine still answers. Agents write themselves down again within a heartbeat, so
waiting a little tells the two apart. What an operator wants at once, that the node of a stopped
agent leaves, is a loss among keys that are otherwise the same, and passes at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from discovery.base import Address


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to tell the cluster after an answer."""

    addresses: frozenset[Address]
    held: frozenset[Address]
    """Those of them that the answer did not have; kept until the grace ends."""
    hold_left_s: float = 0.0
    """Seconds until the held ones are dropped; 0 when none is held."""


class LossGuard:
    """Compares each answer of the store with the last one that was believed.

    An answer maps addresses to the marks of their keys: a mark is equal only if it is the very
    same key, never deleted and written again in between.
    """

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._believed: dict[Address, str] = {}
        self._is_troubled = False
        self._held_since: float | None = None

    @property
    def believed(self) -> frozenset[Address]:
        """The addresses of the last answer that was believed entirely."""
        return frozenset(self._believed)

    def trouble(self) -> None:
        """Note that the store failed, or went back in time: its next answer is in doubt."""
        self._is_troubled = True

    def observe(self, seen: Mapping[Address, str], now: float, *, has_left: bool) -> Verdict:
        """Judge the answer *seen* at the time *now* (monotonic seconds).

        *has_left* says of a cluster's only engine that its agent is known to be gone, since the
        session behind its key is. That proves nothing after trouble, when all sessions may be.
        """
        missing = self._believed.keys() - seen.keys()
        if not missing or not self._is_doubtful(seen, has_left=has_left):
            return self._believe(seen)
        if self._held_since is None:
            self._held_since = now
        # From here on only agents that come back can end it early: a session that is gone now
        # may have gone with the store's data.
        self._is_troubled = True
        left_s = self._held_since + self._grace_s - now
        if left_s <= 0:
            return self._believe(seen)
        return Verdict(frozenset(self._believed.keys() | seen.keys()), frozenset(missing), left_s)

    def _is_doubtful(self, seen: Mapping[Address, str], *, has_left: bool) -> bool:
        # One key that is still the very same proves that the store is, and knows. Demanded even
        # without trouble: a store can be replaced between two queries, and nobody notices.
        if any(self._believed.get(address) == mark for address, mark in seen.items()):
            return False
        return self._is_troubled or not (has_left and len(self._believed) == 1)

    def _believe(self, seen: Mapping[Address, str]) -> Verdict:
        self._believed = dict(seen)
        self._is_troubled = False
        self._held_since = None
        return Verdict(frozenset(seen), frozenset())
