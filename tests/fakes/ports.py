"""Ports for servers that listen a little later than their test chooses the port."""

from __future__ import annotations

import random
import socket
from itertools import islice

_PLACES = range(20_000, 30_000)
"""Below those that Linux gives out by itself, so that no other test gets one meanwhile."""


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nobody listens."""
    places = random.SystemRandom().sample(_PLACES, len(_PLACES))
    return list(islice(filter(_is_free, places), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
