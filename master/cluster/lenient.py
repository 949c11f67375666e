"""An engine's JSON, read without raising: a value of another type counts as not given.

Old engines leave fields out, and other daemons that speak Docker's API send null where Docker sends
a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def as_text(value: Any) -> str:
    """Return a string; "" for anything else."""
    return value if isinstance(value, str) else ""


def as_integer(value: Any) -> int:
    """Return a whole number; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def as_positive(value: Any) -> int:
    """Return a whole number above 0; 0 for anything else."""
    return max(as_integer(value), 0)


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return a list; an empty one for anything else."""
    return value if isinstance(value, list) else []


def as_texts(value: Any) -> Iterator[str]:
    """Yield the strings of a list."""
    return (item for item in as_list(value) if isinstance(item, str))


def as_mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list."""
    return (item for item in as_list(value) if isinstance(item, dict))
