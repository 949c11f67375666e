"""The one place where whatever goes wrong becomes a value: told of, counted, tried again.

A router has no reason to end by itself: what runs goes on while it fails.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from router.errors import RouterError

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try failed."""

    outcome: str
    """What kind of failure it is: one of `router.figures.OUTCOMES`."""
    reason: str
    """For the operator."""


async def attempt(work: Awaitable[_Result]) -> _Result | Failure:
    """Return the result of *work*, or why there is none."""
    try:
        return await work
    except Exception as exc:  # noqa: BLE001 (that is what this module is for)
        return _failure_of(exc)


async def for_good(part: Callable[[], Awaitable[None]]) -> None:
    """Run *part*, which has no end of its own unless it returns; one that fails begins anew."""
    while isinstance(failure := await attempt(part()), Failure):
        _log.error("A part of the router begins anew: %s", failure.reason)
        await asyncio.sleep(_PAUSE_S)


def _failure_of(exc: Exception) -> Failure:
    if isinstance(exc, RouterError):
        return Failure(exc.outcome, str(exc))
    if isinstance(exc, OSError):
        return Failure("write-failed", str(exc))
    # Nobody has foreseen it, so where it happened is part of what is to be told.
    _log.error("An unforeseen failure", exc_info=exc)
    return Failure("failed", f"{type(exc).__name__}: {exc}")
