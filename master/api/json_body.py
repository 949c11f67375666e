"""A request's JSON body, whole, and in such a form that every reader of ours can take it."""

from __future__ import annotations

import re

import orjson
from fastapi import Request

from master.errors import BadRequestError

_BODY_LIMIT = 16 << 20
"""Bytes. The largest real ones are some hundred KB of labels."""
_DEPTH_LIMIT = 254
"""What orjson reads it may not be able to write again; the deepest real bodies have ten levels."""
_ESCAPE = re.compile(
    rb"\\(?:"
    rb"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|.)",
    re.DOTALL,
)
"""An escape in a JSON string: two halves of a surrogate pair, a half without the other, or any."""


async def json_body(request: Request) -> bytes:
    """The body, not yet parsed; see `readable`.

    Raises:
        BadRequestError: it says that it is something else than JSON, is too large or too deep.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind != "application/json":
        raise BadRequestError(
            f"unsupported Content-Type header ({content_type}): must be 'application/json'"
        )
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > _BODY_LIMIT:
            raise BadRequestError(f"the request body is larger than {_BODY_LIMIT} bytes")
        pieces.append(piece)
    return readable(b"".join(pieces))


def readable(body: bytes) -> bytes:
    """*body* with U+FFFD for what is no Unicode, as Go reads it.

    Python's clients send halves of surrogate pairs for bytes of the environment that are no UTF-8.

    Raises:
        BadRequestError: it is nested too deeply.
    """
    if not body.isascii():
        body = body.decode("utf-8", "replace").encode()
    if b"\\ud" in body or b"\\uD" in body:
        body = _ESCAPE.sub(lambda found: rb"\ufffd" if found["half"] else found[0], body)
    if _is_too_deep(body):
        raise BadRequestError("invalid JSON: exceeded max depth")
    return body


def _is_too_deep(body: bytes) -> bool:
    if body.count(b"{") + body.count(b"[") <= _DEPTH_LIMIT:
        return False
    try:
        orjson.dumps(orjson.loads(body))
    except orjson.JSONDecodeError:
        return False  # whoever wants to know what is in it says what is wrong with it
    except orjson.JSONEncodeError:
        return True
    return False
