"""JSON answers whose bodies were made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Response

JSON = "application/json"
"""To the letter: Go's clients read an error's message in nothing else."""


def json_answer(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return *body* as what it is."""
    return Response(body, status, headers=dict(headers or {}), media_type=JSON)
