"""What engines and registries mean when they do not give an image: read from their words.

The one place that reads them, since statuses alone don't tell: an engine's 404 to a create may be
for a network, and a pull that wants a password is a 404, a 401 or a 500, by engine and registry.
"""

from __future__ import annotations

import re

_NO_STATUSES = frozenset({401, 403, 404})
_NO_WORDS = re.compile(
    r"unauthorized|authentication required|no basic auth credentials|authorization failed"
    r"|access denied|access to the resource is denied"
    r"|(?:manifest|name) unknown|repository does not exist|: not found$",
    re.IGNORECASE,
)


def lacks_image(status: int, message: str) -> bool:
    """Whether an engine refused a create for want of its image (docker-py reads the same words)."""
    return status == 404 and "no such image" in message.lower()  # noqa: PLR2004


def is_registrys_no(status: int, message: str) -> bool:
    """Whether a pull failed since the registry has no such image, or none for this user.

    A registry that can't be reached, or a full disk, is another matter.

    Args:
        status: of the pull's answer; 500 for an error that came in its stream.
        message: the engine's.
    """
    return status in _NO_STATUSES or _NO_WORDS.search(message.strip()) is not None
