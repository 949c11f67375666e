"""What went wrong, as Docker says it: a status and ``{"message": …}``. The only such place."""

from __future__ import annotations

import logging

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from engine.errors import EngineError, EngineStatusError, EngineUnreachableError
from master.api.answers import json_answer
from master.api.deps import Manager
from master.api.sender import CANCELED
from master.cluster.node_object import node_name
from master.errors import ManagerError
from scheduler.errors import BadExpressionError, SchedulingError

_log = logging.getLogger(__name__)

_MESSAGE_LIMIT = 16_384
"""Characters: a request may quote a name of a megabyte back at us."""


def answer(status: int, message: str) -> Response:
    """Docker's error."""
    if len(message) > _MESSAGE_LIMIT:
        message = message[:_MESSAGE_LIMIT] + "…"
    body = orjson.dumps({"message": message.encode("utf-8", "replace").decode()}) + b"\n"
    return json_answer(body, status)


def install(app: FastAPI) -> None:
    """Give *app* its handlers."""

    async def manager_error(_: Request, exc: Exception) -> Response:
        assert isinstance(exc, ManagerError)
        return answer(exc.status, str(exc))

    async def scheduling_error(_: Request, exc: Exception) -> Response:
        # 500 is classic Swarm's status for "no node fits"; a wrong expression is the client's.
        return answer(400 if isinstance(exc, BadExpressionError) else 500, str(exc))

    async def engine_status(_: Request, exc: Exception) -> Response:
        # The daemon's own words and status: what the client would have seen without us.
        assert isinstance(exc, EngineStatusError)
        return answer(exc.status, exc.message)

    async def engine_unreachable(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, EngineUnreachableError)
        manager: Manager = request.app.state.manager
        node = node_name(manager.fleet.state, exc.address)
        return answer(500, f"node {node} does not answer: {exc.message}")

    async def engine_error(_: Request, exc: Exception) -> Response:
        # Neither refused nor silent: it has left the cluster, say. The message is a whole sentence.
        assert isinstance(exc, EngineError)
        return answer(500, exc.message)

    async def bad_request(_: Request, exc: Exception) -> Response:
        assert isinstance(exc, RequestValidationError)
        problems = "; ".join(
            f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
            for error in exc.errors()
        )
        return answer(400, problems)

    async def http_error(_: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        # Docker answers an unknown path and a wrong method alike.
        status = 404 if exc.status_code in (404, 405) else exc.status_code
        return answer(status, "page not found" if status == 404 else str(exc.detail))  # noqa: PLR2004

    async def client_left(_: Request, __: Exception) -> Response:
        return answer(500, CANCELED)  # to one that still reads, an engine's status and words

    async def unexpected(request: Request, exc: Exception) -> Response:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=exc)
        return answer(500, "the manager failed to answer; its log says why")

    app.add_exception_handler(ManagerError, manager_error)
    app.add_exception_handler(SchedulingError, scheduling_error)
    app.add_exception_handler(EngineStatusError, engine_status)
    app.add_exception_handler(EngineUnreachableError, engine_unreachable)
    app.add_exception_handler(EngineError, engine_error)
    app.add_exception_handler(RequestValidationError, bad_request)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(ClientDisconnect, client_left)
    app.add_exception_handler(Exception, unexpected)
