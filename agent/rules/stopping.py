"""Whether a container is about to end, by what it was sent since its start."""

import signal
from collections.abc import Mapping

from agent.rules.container import Container
from services.stopping import asks_to_stop, signal_number

END = "KILL"
"""What stands for the end itself: the signal that nothing survives."""

_NS = 1_000_000_000
_BENEFIT_S = 60.0
"""What still runs so long after the time that it has to end has survived the signal: a thread dump
by QUIT, an INT that only breaks off a calculation."""


def is_stopping(container: Container, sent: Mapping[str, int], now_ns: int) -> bool:
    """Whether *container* has been asked to stop, and may still do so.

    Args:
        container: as it was last read.
        sent: when it last got each signal; these and the next by its engine's clock.
        now_ns: the present; 0 if it is not known, and then nothing is ever too long ago.
    """
    return any(
        at_ns >= container.started_ns
        and asks_to_stop(name, container.stop_signal)
        and not _is_survived(name, now_ns - at_ns, container.stop_timeout_s)
        for name, at_ns in sent.items()
    )


def may_be_stopping(sent: Mapping[str, int]) -> bool:
    """Whether a container of which nothing else is known has been asked to stop."""
    return any(asks_to_stop(name, "") for name in sent)


def _is_survived(name: str, age_ns: int, stop_timeout_s: int) -> bool:
    # A negative time to end is one without limit.
    if stop_timeout_s < 0 or signal_number(name) == signal.SIGKILL:
        return False
    return age_ns > (stop_timeout_s + _BENEFIT_S) * _NS
