"""How long to wait before trying again."""

from collections.abc import Callable
from dataclasses import dataclass

_MAX_DOUBLINGS = 40
"""Any cap is reached long before; keeps ``2 ** failures`` small after months of failing."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from *first_s* up to *cap_s*, each shortened by chance.

    Chance spreads many clients that lost the same server at the same moment.
    """

    first_s: float
    """Longest wait after the first failure, in seconds."""
    cap_s: float
    """Longest wait of all, in seconds."""

    def delay_s(self, failures: int, rng: Callable[[], float]) -> float:
        """Return the seconds to wait after *failures* (1 or more) in a row.

        *rng* returns a number from 0 up to 1 (``random.random``); the wait lies between half of
        the doubled one and the whole of it, so it is never close to nothing.
        """
        doublings = min(max(failures - 1, 0), _MAX_DOUBLINGS)
        longest = min(self.first_s * 2.0**doublings, self.cap_s)
        return longest * (0.5 + rng() / 2)
