"""The OpenAPI document of everything that the table answers, and of nothing else.

FastAPI sees one route in ten; the rest is relayed or refused below it. So the document is made
from the table, and takes from FastAPI's handlers only what they say about themselves.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute

from common.version import VERSION
from master.api.answers import JSON
from master.api.describe_answers import ANSWERS, BODIES, REQUEST_HEADERS, errors
from master.api.describe_queries import parameters
from master.api.describe_schemas import SCHEMAS, ref
from master.route_table import Edit, How, Route
from master.routes import ROUTES

TITLE = "swarm"
SUMMARY = "One Docker endpoint for many machines."

_ABOUT = """\
The Docker Engine API, answered by a cluster. Every path may be preceded by an API version, such as
`/v1.41`. A container is named by its name, by its ID or the beginning of it, or as `node/name`.
`x-swarm-how` tells how the cluster answers a request:

| x-swarm-how | meaning |
|---|---|
| `local` | from what the manager knows |
| `placed` | on an engine that the scheduler chooses |
| `fan-out` | on several engines, their answers merged |
| `forward` | by the engine that has the thing; the bytes are passed on |
| `hijack` | by that engine, over the client's own connection, both ways |
| `refused` | not at all; the error says why |
"""

_TAGS = {
    "manager": "The manager itself; not of Docker's API.",
    "system": "The cluster as a whole.",
    "containers": "Containers of every engine.",
    "exec": "Commands in running containers.",
    "build": "Builds, each on one engine.",
    "images": "Images of every engine.",
    "volumes": "Volumes: each local one on its node.",
    "plugins": "Plugins: on every engine.",
    "commit": "An image of a container.",
    "networks": "Networks: one object, made on the engines that need it.",
}

_PATH_TEXTS = {
    "container": "Name, ID, beginning of an ID, or `node/name`",
    "exec": "ID of a prepared command",
    "image": "Name or ID",
    "images": "",
    "any": "Name",
    "build": "",
    "": "Name or ID",
}

Docstrings = Mapping[tuple[str, str], str]
"""Method and path of a handler, parameters unnamed, to what it says about itself."""


def document(routers: Iterable[APIRouter]) -> dict[str, Any]:
    """The whole document; *routers* hold FastAPI's handlers."""
    docstrings = handlers(routers)
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, docstrings)
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION, "summary": SUMMARY, "description": _ABOUT},
        "tags": _tags(),
        "paths": paths,
        "components": {"schemas": dict(SCHEMAS)},
    }


def handlers(routers: Iterable[APIRouter]) -> dict[tuple[str, str], str]:
    """FastAPI's handlers in *routers*: `normal` method and path to docstring.

    Raises:
        ValueError: two of them answer the same.
    """
    found: dict[tuple[str, str], str] = {}
    for router in routers:
        for route in router.routes:
            if not isinstance(route, APIRoute):
                continue
            for method in route.methods or ():
                key = normal(method, route.path)
                if key in found:
                    raise ValueError(f"{method} {route.path} has two handlers")
                found[key] = inspect.getdoc(route.endpoint) or ""
    return found


def normal(method: str, path: str) -> tuple[str, str]:
    """A route without its parameters' names, which the table and FastAPI choose differently."""
    return method, re.sub(r"\{[^}]*\}", "{}", path)


def _operation(route: Route, docstrings: Docstrings) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "tags": [route.tag],
        "summary": route.summary,
        "description": _description(route, docstrings),
        "responses": _responses(route),
        "x-swarm-how": route.how.value,
    }
    if given := _parameters(route):
        operation["parameters"] = given
    if (body := BODIES.get((route.method, route.path))) is not None:
        operation["requestBody"] = body.describe()
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"\w+", route.path)
    return "_".join([route.method.lower(), *words])


def _description(route: Route, docstrings: Docstrings) -> str:
    told = docstrings.get(normal(route.method, route.path), "")
    # "``GET /info``: sums …": the page shows method and path already.
    told = re.sub(r"\A``[^`]*``:\s*", "", told).replace("``", "`")
    parts = [told[:1].upper() + told[1:] if told else "", _HOW_TEXTS[route.how]]
    if route.how is How.REFUSED:
        parts.append(f"`{route.refusal}`")
    if route.edit is Edit.NODE:
        parts.append("The answer gains `Node`; published ports get the engine's address.")
    if route.streams:
        parts.append("The answer may be long, or come bit by bit.")
    return "\n\n".join(part for part in parts if part)


_HOW_TEXTS = {
    How.LOCAL: "",
    How.PLACED: "",
    How.FAN_OUT: "",
    How.FORWARD: "Passed on to the engine that has it, and its answer passed back.",
    How.HIJACK: "Passed on to the engine that has it; then the connection belongs to both ends.",
    How.REFUSED: "Refused:",
}


def _parameters(route: Route) -> list[dict[str, Any]]:
    text = _PATH_TEXTS[route.subject.value]
    given = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
            "description": text,
        }
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    given += parameters(route)
    if (header := REQUEST_HEADERS.get((route.method, route.path))) is not None:
        name, text = header
        schema = {"type": "string"}
        given.append({"name": name, "in": "header", "schema": schema, "description": text})
    return given


def _responses(route: Route) -> dict[str, Any]:
    responses = {
        str(answer.status): answer.describe()
        for answer in ANSWERS.get((route.method, route.path), ())
    }
    for status, text in errors(route).items():
        # A HEAD's answer has no body, whatever its status.
        responses[str(status)] = {"description": text} if route.method == "HEAD" else _error(text)
    return responses


def _error(text: str) -> dict[str, Any]:
    return {"description": text, "content": {JSON: {"schema": ref("Error")}}}


def _tags() -> list[dict[str, str]]:
    refused = {route.tag for route in ROUTES} - _TAGS.keys()
    told = [{"name": name, "description": text} for name, text in _TAGS.items()]
    return told + [{"name": name, "description": "Refused."} for name in sorted(refused)]
