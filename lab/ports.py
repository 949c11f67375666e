"""Ports on this machine that nobody uses."""

import socket
from collections.abc import Collection

from lab.errors import LabError

_TRIES = 200


def free_port(address: str, wish: int, taken: Collection[int] = ()) -> int:
    """Return the first port from *wish* on that is free on *address* and not in *taken*.

    Raises:
        LabError: none of the next 200 is free.
    """
    return free_everywhere((address,), wish, taken)


def free_everywhere(addresses: Collection[str], wish: int, taken: Collection[int] = ()) -> int:
    """Return the first port from *wish* on that is free on all *addresses* and not in *taken*.

    Raises:
        LabError: none of the next 200 is free.
    """
    for port in range(wish, wish + _TRIES):
        if port not in taken and all(is_free(address, port) for address in addresses):
            return port
    raise LabError(f"no port from {wish} to {wish + _TRIES - 1} is free on {', '.join(addresses)}")


def is_free(address: str, port: int) -> bool:
    """Whether a server could listen on *address* and *port* now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
