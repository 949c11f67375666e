"""Whatever goes wrong becomes something to tell."""

import asyncio
from collections.abc import Awaitable

import pytest

from router.attempt import Failure, attempt, for_good
from router.errors import RefusedError, ReloadError, RenderError
from router.figures import OUTCOMES


async def failing(exc: BaseException) -> None:
    raise exc


@pytest.mark.parametrize(
    ("exc", "failure"),
    [
        (RenderError("no name"), Failure("render-failed", "no name")),
        (RefusedError("no"), Failure("check-failed", "no")),
        (ReloadError("late"), Failure("reload-failed", "late")),
        (OSError(28, "full", "/x"), Failure("write-failed", "[Errno 28] full: '/x'")),
        (RecursionError("too deep"), Failure("failed", "RecursionError: too deep")),
        (UnicodeError("half"), Failure("failed", "UnicodeError: half")),
    ],
)  # fmt: skip
async def test_a_failure_has_a_kind_and_a_reason(exc: Exception, failure: Failure) -> None:
    assert await attempt(failing(exc)) == failure
    assert failure.outcome in OUTCOMES


async def test_a_try_that_is_called_off_is_no_failure() -> None:
    with pytest.raises(asyncio.CancelledError):
        await attempt(failing(asyncio.CancelledError()))


async def test_a_part_that_fails_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.attempt._PAUSE_S", 0)
    left: list[Awaitable[None]] = [
        failing(ValueError("odd")), failing(OSError("away")), asyncio.sleep(0)
    ]  # fmt: skip
    async with asyncio.timeout(5):
        await for_good(lambda: left.pop(0))
    assert left == []
