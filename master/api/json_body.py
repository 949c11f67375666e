"""A request's JSON body, whole."""

from __future__ import annotations

from fastapi import Request

from master.errors import BadRequestError

_BODY_LIMIT = 16 << 20
"""Bytes. The largest real ones are some hundred KB of labels."""


async def json_body(request: Request) -> bytes:
    """The body, not yet parsed.

    Raises:
        BadRequestError: it says that it is something else than JSON, or is too large.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind != "application/json":
        raise BadRequestError(f"Content-Type specified ({content_type}) must be 'application/json'")
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > _BODY_LIMIT:
            raise BadRequestError(f"the request body is larger than {_BODY_LIMIT} bytes")
        pieces.append(piece)
    return b"".join(pieces)
