"""How our processes are told to end."""

import asyncio
import signal
from collections.abc import Awaitable

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def until_signalled(work: Awaitable[None]) -> None:
    """Await *work*; SIGTERM or SIGINT cancels it, and this returns once it has ended.

    A second signal ends the process as it would any other.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    was_told = False

    def _stop() -> None:
        nonlocal was_told
        was_told = True
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
        if task is not None:
            task.cancel()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, _stop)
    try:
        await work
    except asyncio.CancelledError:
        if not was_told:
            raise
