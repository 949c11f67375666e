"""What did not become part of an edge, in words for its operator."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """A value that was left out."""

    service: str
    """The service's ``<service>-<port>``."""
    container: str
    """``<host>:<container>:<port>``."""
    attribute: str
    """As an operator wrote it: ``SERVICE_VHOST``."""
    value: str
    """Its beginning."""
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.attribute}={self.value!r} of {self.container} ({self.service}) is left out:"
            f" {self.reason}"
        )


@dataclass(frozen=True, slots=True, order=True)
class Conflict:
    """Something that two services claim."""

    what: str
    winner: str
    loser: str

    def __str__(self) -> str:
        return f"{self.what} goes to {self.winner}, though {self.loser} claims it too"


def refused_by_attribute(refusals: Iterable[Refusal]) -> Mapping[str, int]:
    """Count *refusals* by attribute."""
    counts: dict[str, int] = {}
    for refusal in refusals:
        counts[refusal.attribute] = counts.get(refusal.attribute, 0) + 1
    return counts
