"""What the query parameters of the table mean: for each name its JSON schema and one line.

The table says which route takes which names; a name means the same everywhere, but for those few
that stand in `_HERE`. Source of the meanings: the Engine API's specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from master.route_table import Route

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


def _json(text: str) -> QueryParameter:
    return QueryParameter({"type": "string", "contentMediaType": "application/json"}, text)


def _one_of(text: str, *values: str) -> QueryParameter:
    return QueryParameter({"type": "string", "enum": list(values)}, text)


_TIME = "as seconds since 1970 (with a fraction if need be), as a time, or as a duration before now"

_EVERYWHERE: Mapping[str, QueryParameter] = {
    "author": _text("The image's author."),
    "comment": _text("Commit message."),
    "container": _text("Name or ID, beginning of an ID, or `node/name`.", required=True),
    "dir": _text("Where checkpoints lie, if not where the engine keeps them."),
    "keep-storage": _number("Bytes of cache to keep (API 1.47 and before).", 0),
    "max-used-space": _number("Bytes of cache to keep at most.", 0),
    "min-free-space": _number("Bytes of disk to be free afterwards.", 0),
    "pause": _flag("Pause the container meanwhile."),
    "reserved-space": _number("Bytes of cache to keep in any case.", 0),
    "timeout": _number("Seconds to wait for it.", 0),
    "type": QueryParameter(
        {"type": "array", "items": {"enum": ["container", "image", "volume", "build-cache"]}},
        "Only these kinds.",
    ),
    "all": _flag("Stopped containers too; of images, those without a name as well."),
    "before": _text("Only containers created before this one (ID or name)."),
    "buildargs": _json("Build arguments, an object. Those like `constraint:…` choose the engine."),
    "buildid": _text("The build's ID, to stop it by."),
    "cachefrom": _json("An array of images whose layers may be reused."),
    "changes": QueryParameter(
        {"type": "array", "items": {"type": "string"}},
        "Dockerfile instructions to apply to an imported image.",
    ),
    "checkpoint": _text("Start from this checkpoint."),
    "checkpoint-dir": _text("Where that checkpoint lies."),
    "cpuperiod": _number("Length of a CPU period in microseconds.", 0),
    "cpuquota": _number("CPU microseconds in a period.", 0),
    "cpusetcpus": _text("CPUs to run on, such as `0-2,4`."),
    "cpushares": _number("Weight among what runs on the same CPUs.", 0),
    "condition": _one_of("What to wait for.", "not-running", "next-exit", "removed"),
    "copyUIDGID": _flag("Give what is unpacked the owner that the tar names."),
    "detachKeys": _text("Keys that detach a terminal, such as `ctrl-p,ctrl-q`."),
    "details": _flag("Attributes of the log beside each line."),
    "digests": _flag("Repository digests too."),
    "dockerfile": _text("Path of the Dockerfile in the context."),
    "extrahosts": _text("A line for `/etc/hosts`, `name:address`."),
    "filter": _text("An image's name; what API 1.24 had instead of `filters`."),
    "filters": QueryParameter(
        {"type": "string", "contentMediaType": "application/json"},
        'A JSON object of lists, such as `{"label": ["zone=application"]}`.',
    ),
    "follow": _flag("Go on with output as it comes."),
    "forcerm": _flag("Remove intermediate containers of a failed build too."),
    "force": _flag("Kill it first if it runs."),
    "fromImage": _text("The image to pull. A tag or digest may be part of it."),
    "fromSrc": _text("Import a tar from this address, or from the body: `-`."),
    "h": _number("Height in characters.", 0),
    "labels": _json("An object of labels for the image."),
    "limit": _number("At most so many, the newest first; 0 is all.", 0),
    "link": _flag("Remove the link of this name, not the container."),
    "logs": _flag("Begin with the output so far."),
    "manifests": _flag("Manifests of each image too, where the engine knows them."),
    "memory": _number("Memory limit in bytes.", 0),
    "memswap": _number("Memory and swap in bytes; -1 is no limit.", -1),
    "message": _text("Commit message of an imported image."),
    "name": _text("The container's name, unique in the cluster; `node/name` asks for a node."),
    "networkmode": _text("Network of the steps: `bridge`, `host`, `none`, `container:…`."),
    "nocache": _flag("Begin anew, whatever was built before."),
    "noOverwriteDirNonDir": _flag("Refuse to put a file where a folder is, or the reverse."),
    "one-shot": _flag("One sample without a first one to compare it with; needs `stream=false`."),
    "outputs": _json("Where BuildKit puts what is built: a JSON array."),
    "path": _text("Path inside the container.", required=True),
    "platform": _text("`os[/architecture[/variant]]`, for images of several platforms."),
    "ps_args": _text("Arguments for `ps`, such as `aux`."),
    "pull": _text("Anything: pull base images even if they are there."),
    "q": _flag("Say nothing but the image's ID."),
    "remote": _text("Where it comes from: a reference or a URL."),
    "repo": _text("Name of an imported image."),
    "rm": _flag("Remove intermediate containers."),
    "session": _text("UUID of the session that has files and secrets."),
    "shared-size": _flag("How much of each image other images share."),
    "signal": _text("A signal by name or number; the container's own stop signal by default."),
    "since": QueryParameter({"type": "string"}, f"Only what came after this moment: {_TIME}."),
    "shmsize": _number("Bytes of `/dev/shm`.", 0),
    "size": _flag("How much each container's files take: every engine has to count them."),
    "squash": _flag("One layer for all steps."),
    "stderr": _flag("Standard error."),
    "stdin": _flag("Standard input."),
    "stdout": _flag("Standard output."),
    "stream": _flag("Go on, instead of one answer."),
    "t": _number("Seconds before it is killed; -1 waits without end.", -1),
    "tag": _text("Tag or digest to pull; without one `fromImage`'s, or every tag."),
    "target": _text("The stage to build."),
    "tail": QueryParameter(
        {"type": "string", "pattern": "^(all|[0-9]{1,9})$"}, "So many last lines, or `all`."
    ),
    "timestamps": _flag("The time before each line."),
    "until": QueryParameter({"type": "string"}, f"Only what came before this moment: {_TIME}."),
    "v": _flag("Its anonymous volumes too."),
    "version": _one_of("Which builder: 1 is the classic one, 2 is BuildKit.", "1", "2"),
    "verbose": _flag("Services and tasks too, where the engines are in swarm mode."),
    "scope": _one_of("Only a network of this scope.", "local", "swarm", "global"),
    "w": _number("Width in characters.", 0),
    "names": _text("An image; may be given several times."),
    "noprune": _flag("Keep the untagged images that it was built on."),
    "platforms": _text("Remove these platforms of it only, as JSON (API 1.50)."),
    "quiet": _flag("No progress."),
    "term": _text("What to search for.", required=True),
}

_HERE: Mapping[tuple[str, str], QueryParameter] = {
    ("/commit", "tag"): _text("The image's tag; `latest` without one."),
    ("/commit", "repo"): _text("The image's name."),
    ("/commit", "message"): _text("Commit message."),
    ("/build/prune", "all"): _flag("All of it, not only what nothing refers to."),
    ("/volumes/{name}", "force"): _flag("Be content if it isn't there."),
    ("/plugins/{name}", "force"): _flag("Disable it first if it is enabled."),
    ("/plugins/{name}/disable", "force"): _flag("Even if it is in use."),
    ("/plugins/pull", "name"): _text("The plugin's name here, if it shall be another one."),
    ("/build", "t"): _text("The image's name and tag; may be given more than once."),
    ("/build/cancel", "id"): _text("The build's ID, as its client chose it.", required=True),
    ("/containers/json", "since"): _text("Only containers created after this one (ID or name)."),
    ("/containers/{id}/rename", "name"): _text("The new name.", required=True),
    ("/containers/{id}/json", "size"): _flag("How much the container's files take."),
    ("/containers/{id}/attach", "stream"): _flag("Take the streams as they are from now on."),
    ("/containers/{id}/attach/ws", "stream"): _flag("Take the streams as they are from now on."),
    ("/images/json", "all"): _flag("Images that other images are built on, too."),
    ("/containers/{id}/kill", "signal"): _text("A signal by name or number; `SIGKILL` by default."),
    ("/images/{name}/json", "platform"): _text("Which platform's image, as JSON (API 1.49)."),
    ("/images/{name}", "force"): _flag("Even if containers use it, or it has several names."),
    ("/images/{name}/tag", "repo"): _text("The new name.", required=True),
    ("/images/{name}/tag", "tag"): _text("The new tag; `latest` without one."),
    ("/images/{name}/push", "tag"): _text("The tag to push; all tags without one."),
    ("/images/search", "limit"): _number("At most so many.", 0),
}
