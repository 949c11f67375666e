"""Which ports somebody else on this machine has; a proxy's check does not see it."""

import errno
import re
import socket
from collections.abc import Iterable

from router.rules.render import Edge


def taken(edge: Edge, wanted: Iterable[int], in_force: str) -> frozenset[int]:
    """Return those of *wanted* that the proxy could not listen on.

    *in_force* is the text of the file that it runs with: what it listens on there is its own.
    """
    return frozenset(
        port
        for port in wanted
        if not _listens(edge.tcp_address(port), in_force) and not _is_free(edge.http_host, port)
    )


def _listens(address: str, text: str) -> bool:
    """Whether it does by the file *text*, where a server may have that address, too."""
    listening = rf"^\s*(?:bind|listen)\s+{re.escape(address)}(?![0-9])"
    return re.search(listening, text, re.MULTILINE) is not None


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            # That we may not have it, or not on this machine, says nothing about the proxy.
            return exc.errno != errno.EADDRINUSE
    return True
