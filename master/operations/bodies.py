"""JSON bodies: what a client sends, and what an engine answers."""

from __future__ import annotations

from typing import Any

import orjson

from engine.errors import EngineStatusError
from master.cluster.model import Engine
from master.errors import BadRequestError

JSON_BODY = {"Content-Type": "application/json"}
"""Headers of a request to an engine."""


def sent_json(body: bytes) -> Any:
    """Return what a client sent.

    Raises:
        BadRequestError: it isn't JSON.
    """
    if not body.strip():
        raise BadRequestError("invalid JSON: got EOF while reading request body")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise BadRequestError(f"invalid JSON: {exc}") from exc


def sent_object(body: bytes) -> dict[str, Any]:
    """Return the object that a client sent.

    Raises:
        BadRequestError: it isn't one.
    """
    sent = sent_json(body)
    if not isinstance(sent, dict):
        raise BadRequestError("invalid JSON: the request body is not an object")
    return sent


def sent_fields(body: bytes, *names: str) -> dict[str, Any]:
    """Return the object that a client sent, with these fields of it spelled like this.

    Engines read ``{"name": "web"}`` too: their decoder does not care about case.

    Raises:
        BadRequestError: it isn't one.
    """
    spelled = {name.lower(): name for name in names}
    return {spelled.get(key.lower(), key): value for key, value in sent_object(body).items()}


def answered_json(engine: Engine, body: bytes) -> Any:
    """Return what an engine answered.

    Raises:
        EngineStatusError: it isn't JSON: whatever is behind that address, it is no Docker Engine.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise EngineStatusError(engine.address, 500, "the answer is not JSON") from exc


def answered_object(engine: Engine, body: bytes) -> dict[str, Any]:
    """Return the object that an engine answered.

    Raises:
        EngineStatusError: it isn't one.
    """
    answered = answered_json(engine, body)
    if not isinstance(answered, dict):
        raise EngineStatusError(engine.address, 500, "the answer is not an object")
    return answered


def answered_id(engine: Engine, body: bytes) -> str:
    """Return the ID of what an engine says that it has made.

    Raises:
        EngineStatusError: it says none.
    """
    if made := answered_object(engine, body).get("Id"):
        return str(made)
    raise EngineStatusError(
        engine.address, 500, f"node {engine.name} answered a create without an Id"
    )
