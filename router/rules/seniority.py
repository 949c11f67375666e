"""Remembers who claimed what first; pure, with the time passed in.

Consul's index tells how old an entry is, not how old a claim: after a rolling update a service has
only young entries, and after a restore of Consul all are young. So the order in which claims were
first seen is kept, over the router's own restarts too.
"""

from collections.abc import Iterable, Mapping

Claim = tuple[str, str]
"""What is claimed, in words, and the service that claims it."""
_MAX_ABSENT = 10_000


class Seniority:
    """The claims of all services, the oldest first."""

    def __init__(self, keep_s: float, known: Iterable[Claim] = ()) -> None:
        """*known* are claims from before, the oldest first.

        A claim that nobody makes any more keeps its place for *keep_s* seconds: a service that is
        restarted is the same one.
        """
        self._keep_s = keep_s
        self._seen: dict[Claim, float | None] = dict.fromkeys(known)
        """By claim, in order: when somebody made it last; None: before our time."""

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All claims, the oldest first."""
        return tuple(self._seen)

    @property
    def places(self) -> Mapping[Claim, int]:
        """The place of each claim; a lower one is older."""
        return {claim: place for place, claim in enumerate(self._seen)}

    def note(self, claims: Iterable[Claim], now: float) -> bool:
        """Note that *claims* are made at *now*, new ones by age; return whether that is news."""
        before = self.claims
        made = dict.fromkeys(claims, now)
        seen = {claim: now if last is None else last for claim, last in self._seen.items()} | made
        absent = sorted(
            (claim for claim in seen if claim not in made and seen[claim] + self._keep_s > now),
            key=lambda claim: -seen[claim],
        )
        kept = made.keys() | set(absent[:_MAX_ABSENT])
        self._seen = {claim: last for claim, last in seen.items() if claim in kept}
        return self.claims != before
