"""Where a container was about to go when its image was missing.

A client asks for a container, is told that there is no such image, pulls it with the user's
credentials, and asks again. In between, this remembers which engine it is all about.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from master.cluster.images.reference import parse_reference
from master.errors import BadRequestError

_VALID_S = 60.0
"""After that the client is not coming back. A pull that runs longer extends it."""
_LIMIT = 1000


class PlacementHints:
    """(client, image) to the engines that need it, newest last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """*clock* gives monotonic seconds."""
        self._clock = clock
        self._hints: OrderedDict[tuple[str, str], dict[str, float]] = OrderedDict()

    def remember(self, client: str, image: str, address: str) -> None:
        """*image* is missing on the engine at *address*, where *client*'s container shall go."""
        key = (client, _normal(image))
        self._hints.setdefault(key, {})[address] = self._clock() + _VALID_S
        self._hints.move_to_end(key)
        while len(self._hints) > _LIMIT:
            self._hints.popitem(last=False)

    def engines(self, client: str, image: str) -> list[str]:
        """Addresses of the engines that need it; empty if none is known to."""
        now = self._clock()
        found = self._hints.get((client, _normal(image)), {})
        return [address for address, until in found.items() if until > now]

    def forget(self, client: str, image: str, address: str) -> None:
        """The container stands."""
        key = (client, _normal(image))
        if (found := self._hints.get(key)) is not None:
            found.pop(address, None)
            if not found:
                del self._hints[key]

    def forget_all(self, client: str, image: str) -> None:
        """The client can't have *image*, and gives up."""
        self._hints.pop((client, _normal(image)), None)


def _normal(image: str) -> str:
    """One spelling for ``busybox`` and ``docker.io/library/busybox:latest``."""
    try:
        return str(parse_reference(image))
    except BadRequestError:
        return image
