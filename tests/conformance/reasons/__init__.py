"""Where the sides may differ, and the row of docs/DEVIATIONS.md that says why.

A reason has to explain a difference in every case that it names: one that has become needless
fails its cases, and so does a difference that no reason names.
"""

from tests.conformance.book import Case
from tests.conformance.reason import Reason
from tests.conformance.reasons.errors import ERRORS
from tests.conformance.reasons.machines import MACHINES
from tests.conformance.reasons.protocol import PROTOCOL

REASONS: tuple[Reason, ...] = (*MACHINES, *PROTOCOL, *ERRORS)


def reasons_for(case: Case, generation: str) -> list[Reason]:
    """The reasons for *case* against engines of *generation*."""
    return [reason for reason in REASONS if reason.is_for(case.title, generation)]
