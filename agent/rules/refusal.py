"""What is not registered although somebody asked for it, and why."""

from dataclasses import dataclass

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that a container asked for and does not get."""

    reason: str
    """One word, for figures: ``name``, ``value``, ``address`` …."""
    text: str
    """For people; never longer than a line."""


class RefusedError(Exception):
    """Nothing can be registered for this port."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.refusal = Refusal(reason, text)


def shown(value: str) -> str:
    """Return *value* as a short literal without control characters."""
    return ascii(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")
