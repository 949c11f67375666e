"""Names in paths of the Engine API."""

from __future__ import annotations

from urllib.parse import quote


def in_path(name: str) -> str:
    """Return *name* as a path holds it: an image's slashes, colons and ``@`` stay as they are."""
    return quote(name, safe="/:@")
