"""Several jobs in one process, none of which takes another down."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping

from common.backoff import Backoff
from common.durations import format_duration
from discovery.errors import BadDiscoveryError, NotSupportedError

_log = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=1.0, cap_s=30.0)
_STEADY_S = 60.0
"""What has run for so long does not pay for what befell it before."""

Part = Callable[[], Awaitable[None]]
"""Starts one job from the beginning; ends only by cancellation or failure."""


async def run_parts(parts: Mapping[str, Part]) -> None:
    """Run all *parts*, by name, until cancelled.

    One that fails is started again after a while, one that can never work is given up; either is
    logged and leaves the others alone.

    Raises:
        NotSupportedError: none can ever work.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_kept_up(name, part), name=name) for name, part in parts.items()]
    reasons = [str(task.result()) for task in tasks]
    raise NotSupportedError("; ".join(reasons))


async def _kept_up(name: str, part: Part) -> Exception:
    """Run *part* for ever; return why it can never work."""
    failures = 0
    while True:
        began_at = time.monotonic()
        try:
            await part()
        except (NotSupportedError, BadDiscoveryError) as exc:
            _log.error("%s is given up: %s", name, exc)
            return exc
        except Exception:  # noqa: BLE001 - the others must go on, whatever it is
            if time.monotonic() - began_at > _STEADY_S:
                failures = 0
            failures += 1
            wait_s = _BACKOFF.delay_s(failures, random.random)
            _log.exception(
                "%s failed, starting it again in %s", name, format_duration(round(wait_s, 1))
            )
            await asyncio.sleep(wait_s)
