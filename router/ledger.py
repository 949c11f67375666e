"""Keeps the order of claims over the router's own restarts, in a file beside the proxy's."""

import json
import logging
from collections.abc import Iterable
from pathlib import Path

from router import files
from router.rules.seniority import Claim

_log = logging.getLogger(__name__)


def read(path: Path) -> tuple[Claim, ...]:
    """Return the claims that *path* lists, the oldest first; none where it cannot be read."""
    try:
        text = files.read(path)
        return () if text is None else tuple((str(what), str(by)) for what, by in json.loads(text))
    except (OSError, ValueError, TypeError) as exc:
        _log.warning("%s is not used, Consul tells who came first: %s", path, exc)
        return ()


def write(path: Path, claims: Iterable[Claim]) -> None:
    """Let *path* list *claims*.

    Raises:
        OSError: it stays as it was.
    """
    files.replace(path, "[\n" + ",\n".join(json.dumps(claim) for claim in claims) + "\n]\n")
