"""Which signals mean the end of a container, for agents and managers alike; pure.

An agent withdraws what is sent one of them; a manager drains it before it passes one on. Any other
signal is only a word to the process: read the settings again, write down what you do.
"""

import signal

_ALWAYS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL})
_FIRST_REALTIME = 34
"""What Docker counts from for SIGRTMIN+3 and the like."""
_LAST_REALTIME = 64


def asks_to_stop(sent: str, stop_signal: str) -> bool:
    """Whether the signal *sent* means the end of a container.

    Args:
        sent: as a user or an engine writes it: ``15``, ``TERM``, ``SIGTERM``, ``SIGRTMIN+3``.
        stop_signal: the image's own, written likewise; empty: it has none.
    """
    number = signal_number(sent)
    return number is not None and (number in _ALWAYS or number == signal_number(stop_signal))


def signal_number(text: str) -> int | None:
    """Return the number of ``15``, ``TERM``, ``SIGTERM``, ``SIGRTMIN+3``; None for other text."""
    name = text.strip().upper().removeprefix("SIG")
    if name.isascii() and name.isdigit():
        return int(name[:4])
    for start, sign, first in (("RTMIN", "+", _FIRST_REALTIME), ("RTMAX", "-", _LAST_REALTIME)):
        if name.startswith(start):
            offset = name.removeprefix(start).removeprefix(sign) or "0"
            if not (offset.isascii() and offset.isdigit()):
                return None
            return first + int(f"{sign}{offset[:4]}")
    found = signal.Signals.__members__.get(f"SIG{name}")
    return None if found is None else int(found)
