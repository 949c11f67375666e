"""What the query parameters of the table mean: for each name its JSON schema and one line.

The table says which route takes which names; a name means the same everywhere, but for those few
that stand in `_HERE`. Source of the meanings: the Engine API's specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from master.routes import Route

JsonSchema = Mapping[str, Any]


@dataclass(frozen=True)
class QueryParameter:
    """One query parameter, for a reader and for a generator of requests."""

    schema: JsonSchema
    text: str
    required: bool = False

    def describe(self, name: str) -> dict[str, Any]:
        """As OpenAPI writes it."""
        described = {"name": name, "in": "query", "schema": self.schema, "description": self.text}
        return {**described, "required": True} if self.required else described


def parameters(route: Route) -> list[dict[str, Any]]:
    """The query parameters of *route*, in the table's order.

    Raises:
        KeyError: the table names one that nobody has described.
    """
    return [
        (_HERE.get((route.path, name)) or _EVERYWHERE[name]).describe(name)
        for name in route.query.split()
    ]


def described() -> frozenset[str]:
    """Every name that is described, for the test that none is left over."""
    return frozenset(_EVERYWHERE) | {name for _, name in _HERE}


def _flag(text: str) -> QueryParameter:
    return QueryParameter({"type": "boolean"}, text)


def _text(text: str, *, required: bool = False) -> QueryParameter:
    return QueryParameter({"type": "string"}, text, required)


def _number(text: str, least: int) -> QueryParameter:
    return QueryParameter({"type": "integer", "minimum": least, "maximum": 2**31 - 1}, text)


def _one_of(text: str, *values: str) -> QueryParameter:
    return QueryParameter({"type": "string", "enum": list(values)}, text)


_TIME = "as seconds since 1970 (with a fraction if need be), as a time, or as a duration before now"

_EVERYWHERE: Mapping[str, QueryParameter] = {
    "all": _flag("Stopped containers too; of images, those without a name as well."),
    "before": _text("Only containers created before this one (ID or name)."),
    "changes": QueryParameter(
        {"type": "array", "items": {"type": "string"}},
        "Dockerfile instructions to apply to an imported image.",
    ),
    "checkpoint": _text("Start from this checkpoint."),
    "checkpoint-dir": _text("Where that checkpoint lies."),
    "condition": _one_of("What to wait for.", "not-running", "next-exit", "removed"),
    "copyUIDGID": _flag("Give what is unpacked the owner that the tar names."),
    "detachKeys": _text("Keys that detach a terminal, such as `ctrl-p,ctrl-q`."),
    "details": _flag("Attributes of the log beside each line."),
    "digests": _flag("Repository digests too."),
    "filter": _text("An image's name; what API 1.24 had instead of `filters`."),
    "filters": QueryParameter(
        {"type": "string", "contentMediaType": "application/json"},
        'A JSON object of lists, such as `{"label": ["zone=application"]}`.',
    ),
    "follow": _flag("Go on with output as it comes."),
    "force": _flag("Kill it first if it runs."),
    "fromImage": _text("The image to pull. A tag or digest may be part of it."),
    "fromSrc": _text("Import a tar from here; a cluster does not."),
    "h": _number("Height in characters.", 0),
    "limit": _number("At most so many, the newest first; 0 is all.", 0),
    "link": _flag("Remove the link of this name, not the container."),
    "logs": _flag("Begin with the output so far."),
    "manifests": _flag("Manifests of each image too, where the engine knows them."),
    "message": _text("Commit message of an imported image."),
    "name": _text("The container's name, unique in the cluster; `node/name` asks for a node."),
    "noOverwriteDirNonDir": _flag("Refuse to put a file where a folder is, or the reverse."),
    "one-shot": _flag("One sample without a first one to compare it with; needs `stream=false`."),
    "path": _text("Path inside the container.", required=True),
    "platform": _text("`os[/architecture[/variant]]`, for images of several platforms."),
    "ps_args": _text("Arguments for `ps`, such as `aux`."),
    "repo": _text("Name of an imported image."),
    "shared-size": _flag("How much of each image other images share."),
    "signal": _text("A signal by name or number; the container's own stop signal by default."),
    "since": QueryParameter({"type": "string"}, f"Only what came after this moment: {_TIME}."),
    "size": _flag("How much each container's files take: every engine has to count them."),
    "stderr": _flag("Standard error."),
    "stdin": _flag("Standard input."),
    "stdout": _flag("Standard output."),
    "stream": _flag("Go on, instead of one answer."),
    "t": _number("Seconds before it is killed; -1 waits without end.", -1),
    "tag": _text("Tag or digest to pull; without one `fromImage`'s, or every tag."),
    "tail": QueryParameter(
        {"type": "string", "pattern": "^(all|[0-9]{1,9})$"}, "So many last lines, or `all`."
    ),
    "timestamps": _flag("The time before each line."),
    "until": QueryParameter({"type": "string"}, f"Only what came before this moment: {_TIME}."),
    "v": _flag("Its anonymous volumes too."),
    "w": _number("Width in characters.", 0),
}

_HERE: Mapping[tuple[str, str], QueryParameter] = {
    ("/containers/json", "since"): _text("Only containers created after this one (ID or name)."),
    ("/containers/{id}/rename", "name"): _text("The new name.", required=True),
    ("/containers/{id}/json", "size"): _flag("How much the container's files take."),
    ("/containers/{id}/attach", "stream"): _flag("Take the streams as they are from now on."),
    ("/containers/{id}/attach/ws", "stream"): _flag("Take the streams as they are from now on."),
    ("/images/json", "all"): _flag("Images that other images are built on, too."),
    ("/containers/{id}/kill", "signal"): _text("A signal by name or number; `SIGKILL` by default."),
    ("/images/{name}/json", "platform"): _text("Which platform's image, as JSON (API 1.49)."),
}
