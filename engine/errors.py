"""What can go wrong between us and one Docker daemon.

EngineError
├─ EngineUnreachableError   no answer: counts against the engine's health
│  └─ EngineTimeoutError    it accepted and never answered
└─ EngineStatusError        an answer of 4xx/5xx: the daemon is alive, never counts against health
"""

from __future__ import annotations


class EngineError(Exception):
    """A call to an engine failed."""

    def __init__(self, address: str, message: str) -> None:
        super().__init__(message)
        self.address = address
        self.message = message


class EngineUnreachableError(EngineError):
    """The engine did not answer.

    Attributes:
        sent: whether any part of the request may have reached it; if not, another engine can be
            asked to do the same without doing it twice.
    """

    def __init__(self, address: str, message: str, *, sent: bool = True) -> None:
        super().__init__(address, message)
        self.sent = sent


class EngineTimeoutError(EngineUnreachableError):
    """The engine did not answer in time."""


class EngineStatusError(EngineError):
    """The engine refused; *message* is its own."""

    def __init__(self, address: str, status: int, message: str) -> None:
        super().__init__(address, message)
        self.status = status
