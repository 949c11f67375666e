"""What each route takes and gives: request bodies, and answers with their media types.

Refused routes have none of these: the table says all about them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from master.api.answers import JSON
from master.api.describe_schemas import Schema, listed, ref
from master.route_table import How, Route, Subject

Key = tuple[str, str]
"""Method and path."""

JSON_LINES = ("application/jsonl", "application/x-ndjson")
TAR = "application/x-tar"
RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"

_BYTES: Schema = {"type": "string", "format": "binary"}


@dataclass(frozen=True)
class Body:
    """A request's body."""

    media_type: str
    schema: Schema
    required: bool = False

    def describe(self) -> dict[str, Any]:
        """As OpenAPI writes it."""
        content = {self.media_type: {"schema": self.schema}}
        return {"content": content, "required": self.required}


@dataclass(frozen=True)
class Answer:
    """One answer that is no error."""

    status: int
    text: str
    content: Mapping[str, Schema] = field(default_factory=dict)
    """Media type to schema; nothing if it has no body."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Those that are worth a word."""

    def describe(self) -> dict[str, Any]:
        """As OpenAPI writes it."""
        described: dict[str, Any] = {"description": self.text}
        if self.content:
            described["content"] = {kind: {"schema": s} for kind, s in self.content.items()}
        if self.headers:
            described["headers"] = {
                name: {"description": text, "schema": {"type": "string"}}
                for name, text in self.headers.items()
            }
        return described


BODIES: Mapping[Key, Body] = {
    ("POST", "/containers/create"): Body(JSON, ref("ContainerCreate"), required=True),
    ("POST", "/containers/{id}/update"): Body(JSON, ref("ContainerUpdate"), required=True),
    ("POST", "/containers/{id}/checkpoints"): Body(JSON, ref("CheckpointCreate"), required=True),
    ("POST", "/commit"): Body(JSON, {"type": "object"}),
    ("POST", "/volumes/create"): Body(JSON, ref("VolumeCreate"), required=True),
    ("POST", "/plugins/pull"): Body(JSON, listed({"type": "object"})),
    ("POST", "/plugins/{name}/upgrade"): Body(JSON, listed({"type": "object"})),
    ("POST", "/plugins/{name}/set"): Body(JSON, listed({"type": "string"})),
    ("PUT", "/containers/{id}/archive"): Body(TAR, _BYTES, required=True),
    ("POST", "/images/load"): Body(TAR, _BYTES, required=True),
    ("POST", "/auth"): Body(JSON, {"type": "object"}, required=True),
    ("POST", "/containers/{id}/exec"): Body(JSON, ref("ExecCreate"), required=True),
    ("POST", "/build"): Body(TAR, _BYTES),
    ("POST", "/exec/{id}/start"): Body(JSON, ref("ExecStart"), required=True),
    ("POST", "/networks/create"): Body(JSON, ref("NetworkCreate"), required=True),
    ("POST", "/networks/{id}/connect"): Body(JSON, ref("NetworkConnect"), required=True),
    ("POST", "/networks/{id}/disconnect"): Body(JSON, ref("NetworkDisconnect"), required=True),
}

_AUTH = ("X-Registry-Auth", "Credentials for the registry: base64 of JSON.")
_CONFIG = ("X-Registry-Config", "Credentials for each registry by its address: base64 of JSON.")

REQUEST_HEADERS: Mapping[Key, tuple[str, str]] = {
    ("POST", "/containers/create"): _AUTH,
    ("POST", "/images/create"): _AUTH,
    ("POST", "/images/{name}/push"): _AUTH,
    ("GET", "/images/search"): _AUTH,
    ("GET", "/distribution/{name}/json"): _AUTH,
    ("GET", "/plugins/privileges"): _AUTH,
    ("POST", "/plugins/pull"): _AUTH,
    ("POST", "/plugins/{name}/upgrade"): _AUTH,
    ("POST", "/build"): _CONFIG,
}
"""Headers that are read, and what they hold."""


def _json(schema: Schema, text: str, status: int = 200) -> tuple[Answer, ...]:
    return (Answer(status, text, {JSON: schema}),)


def _partial(schema: Schema, text: str) -> tuple[Answer, ...]:
    """JSON that may say nothing about some nodes; a header names them."""
    return (Answer(200, text, {JSON: schema}, _PARTIAL),)


def _done(text: str) -> tuple[Answer, ...]:
    return (Answer(204, text),)


_PING_HEADERS = {
    "Api-Version": "Newest API version that the whole cluster speaks",
    "Builder-Version": "Which builder clients should use",
    "Docker-Experimental": "Always `false`",
    "OSType": "The engines' operating system",
}
_STAT = {"X-Docker-Container-Path-Stat": "Name, size, mode and time of the path: base64 of JSON"}
_PARTIAL = {"X-Cluster-Partial": "Nodes that the answer leaves out, with commas between"}
_UPGRADED = Answer(101, "The connection is the stream from here on, both ways.")
_STREAM = Answer(
    200,
    "The same for a client that asked for no upgrade. Raw if the container has a terminal, "
    "else in frames; engines before API 1.42 call both raw.",
    {RAW: _BYTES, MULTIPLEXED: _BYTES},
)
_UNCHANGED = Answer(304, "It was so already.")

ANSWERS: Mapping[Key, tuple[Answer, ...]] = {
    ("HEAD", "/_ping"): (Answer(200, "It is.", headers=_PING_HEADERS),),
    ("GET", "/_ping"): (
        Answer(200, "It is.", {"text/plain": {"type": "string", "const": "OK"}}, _PING_HEADERS),
    ),
    ("GET", "/version"): _json(ref("Version"), "The versions."),
    ("GET", "/info"): _json(ref("Info"), "The cluster."),
    ("GET", "/events"): (
        Answer(
            200,
            "One event a line, for ever, or until `until`.",
            dict.fromkeys((JSON, *JSON_LINES, "application/json-seq"), ref("Event")),
        ),
    ),
    ("GET", "/docs"): (Answer(200, "A page.", {"text/html": {"type": "string"}}),),
    ("GET", "/openapi.json"): _json({"type": "object"}, "This document."),
    ("GET", "/containers/json"): _json(listed(ref("ContainerSummary")), "The containers."),
    ("GET", "/containers/ps"): _json(listed(ref("ContainerSummary")), "The containers."),
    ("POST", "/containers/create"): _json(ref("ContainerCreated"), "Created.", 201),
    ("GET", "/containers/{id}/json"): _json(ref("Container"), "The container."),
    ("GET", "/containers/{id}/top"): _json(ref("Processes"), "The processes."),
    ("GET", "/containers/{id}/logs"): (
        Answer(
            200,
            "The output. Raw if the container has a terminal, else in frames.",
            {RAW: _BYTES, MULTIPLEXED: _BYTES},
        ),
    ),
    ("GET", "/containers/{id}/changes"): _json(
        {**listed(ref("Change")), "type": ["array", "null"]}, "The changes."
    ),
    ("GET", "/containers/{id}/export"): (
        Answer(200, "The tar.", dict.fromkeys(("application/octet-stream", TAR), _BYTES)),
    ),
    ("GET", "/containers/{id}/stats"): _json(ref("Stats"), "A sample, or one a second."),
    ("POST", "/containers/{id}/resize"): (Answer(200, "Done."),),
    ("POST", "/containers/{id}/start"): (*_done("Started."), _UNCHANGED),
    ("POST", "/containers/{id}/stop"): (*_done("Stopped."), _UNCHANGED),
    ("POST", "/containers/{id}/restart"): _done("Started again."),
    ("POST", "/containers/{id}/kill"): _done("Sent."),
    ("POST", "/containers/{id}/update"): _json(ref("Warnings"), "Changed."),
    ("POST", "/containers/{id}/rename"): _done("Renamed."),
    ("POST", "/containers/{id}/pause"): _done("Paused."),
    ("POST", "/containers/{id}/unpause"): _done("Going on."),
    ("POST", "/containers/{id}/attach"): (_UPGRADED, _STREAM),
    ("GET", "/containers/{id}/attach/ws"): (
        Answer(101, "A websocket from here on."),
        Answer(200, "Nothing: the client asked for no websocket."),
    ),
    ("POST", "/containers/{id}/wait"): _json(ref("Ended"), "It has ended."),
    ("DELETE", "/containers/{id}"): _done("Removed."),
    ("HEAD", "/containers/{id}/archive"): (Answer(200, "It is there.", headers=_STAT),),
    ("GET", "/containers/{id}/archive"): (Answer(200, "The tar.", {TAR: _BYTES}, _STAT),),
    ("PUT", "/containers/{id}/archive"): (Answer(200, "Unpacked."),),
    ("POST", "/containers/{id}/exec"): _json(ref("ExecCreated"), "Prepared.", 201),
    ("POST", "/exec/{id}/start"): (_UPGRADED, _STREAM),
    ("POST", "/exec/{id}/resize"): (Answer(200, "Done."), Answer(201, "Done, as engines say.")),
    ("GET", "/exec/{id}/json"): _json(ref("Exec"), "The command."),
    ("POST", "/build"): _json(ref("Progress"), "What it says, a JSON object a line."),
    ("POST", "/build/cancel"): (Answer(200, "Stopped, or over already."),),
    ("POST", "/session"): (_UPGRADED,),
    ("POST", "/grpc"): (_UPGRADED,),
    ("GET", "/images/json"): _json(listed(ref("ImageSummary")), "The images."),
    ("POST", "/images/create"): _json(ref("Progress"), "Progress, a JSON object a line."),
    ("GET", "/images/{name}/json"): _json(ref("Image"), "The image."),
    ("GET", "/networks"): _partial(listed(ref("Network")), "The networks."),
    ("POST", "/networks/create"): _json(ref("NetworkCreated"), "Created.", 201),
    ("POST", "/networks/prune"): _json(ref("NetworksPruned"), "Those that are gone."),
    ("GET", "/networks/{id}"): _partial(ref("Network"), "The network."),
    ("DELETE", "/networks/{id}"): _done("Removed."),
    ("POST", "/networks/{id}/connect"): (Answer(200, "Connected."),),
    ("POST", "/networks/{id}/disconnect"): (Answer(200, "Disconnected."),),
    ("GET", "/images/{name}/history"): _json(listed(ref("ImageLayer")), "The newest first."),
    ("GET", "/images/{name}/attestations"): _json(
        {"type": ["object", "array", "null"]}, "What engines of API 1.53 on know."
    ),
    ("GET", "/images/{name}/get"): (Answer(200, "The tar.", {TAR: _BYTES}),),
    ("GET", "/images/get"): (Answer(200, "The tar.", {TAR: _BYTES}),),
    ("POST", "/images/{name}/push"): _json(ref("Progress"), "Progress, a JSON object a line."),
    ("POST", "/images/{name}/tag"): (Answer(201, "Named."),),
    ("DELETE", "/images/{name}"): _partial(listed(ref("ImageRemoved")), "What is gone."),
    ("POST", "/images/load"): _json(ref("Progress"), "Progress, a JSON object a line."),
    ("POST", "/images/prune"): _json(ref("ImagesPruned"), "What is gone."),
    ("GET", "/images/search"): _json(listed({"type": "object"}), "What the registry has."),
    ("GET", "/distribution/{name}/json"): _json({"type": "object"}, "What the registry knows."),
    ("POST", "/commit"): _json(ref("ImageCommitted"), "The new image.", 201),
    ("POST", "/containers/prune"): _json(ref("ContainersPruned"), "What is gone."),
    ("GET", "/containers/{id}/checkpoints"): _json(
        {**listed({"type": "object"}), "type": ["array", "null"]}, "The checkpoints."
    ),
    ("POST", "/containers/{id}/checkpoints"): (Answer(201, "Made."),),
    ("DELETE", "/containers/{id}/checkpoints/{checkpoint}"): _done("Removed."),
    ("POST", "/build/prune"): _json(ref("CachesPruned"), "What is gone."),
    ("GET", "/system/df"): _partial({"type": "object"}, "What is used."),
    ("GET", "/volumes"): _partial(ref("VolumeList"), "The volumes."),
    ("POST", "/volumes/create"): _json(ref("Volume"), "The volume, new or not.", 201),
    ("POST", "/volumes/prune"): _json(ref("VolumesPruned"), "What is gone."),
    ("GET", "/volumes/{name}"): _json(ref("Volume"), "The volume."),
    ("DELETE", "/volumes/{name}"): _done("Removed."),
    ("GET", "/plugins"): _partial(listed({"type": "object"}), "The plugins."),
    ("GET", "/plugins/privileges"): _json(
        {**listed({"type": "object"}), "type": ["array", "null"]}, "What it asks for."
    ),
    ("POST", "/plugins/pull"): _json(ref("Progress"), "Progress, a JSON object a line."),
    ("GET", "/plugins/{name}/json"): _json({"type": "object"}, "The plugin."),
    ("DELETE", "/plugins/{name}"): (Answer(200, "Removed."),),
    ("POST", "/plugins/{name}/enable"): (Answer(200, "Enabled."),),
    ("POST", "/plugins/{name}/disable"): (Answer(200, "Disabled."),),
    ("POST", "/plugins/{name}/upgrade"): _json(ref("Progress"), "Progress, a JSON object a line."),
    ("POST", "/plugins/{name}/set"): _done("Configured."),
    ("POST", "/auth"): (
        Answer(200, "They are good.", {JSON: {"type": "object"}}),
        Answer(204, "They are good."),
    ),
}


def errors(route: Route) -> Mapping[int, str]:
    """The errors that a client of *route* may see, with a line about each."""
    found = {400: "The request makes no sense, or asks for an API version nobody speaks."}
    if route.how is How.REFUSED:
        return {**found, route.status: route.refusal}
    if route.tag == "manager":
        return found
    if route.subject is not Subject.NONE or route.path in _WITH_THINGS:
        found[404] = "No such thing in the cluster."
    if route.subject in (Subject.CONTAINER, Subject.EXEC) or route.path == "/containers/create":
        found[409] = "Its state or another container is in the way, or several things fit."
    if route.path == "/images/create":
        found[503] = "No healthy engine."
    if "/checkpoints" in route.path:
        found[501] = "The engine has no checkpoints: they are an experimental feature."
    if route.tag in ("volumes", "plugins"):
        found[404] = "No such thing in the cluster, or several of that name."
        found[409] = "It is in use, or several nodes have one."
        found[503] = "No healthy engine."
    if route.tag == "networks":
        found[403] = "Docker's own networks stay as they are; others while containers are in them."
        found[404] = "No such network, or no such container."
        found[409] = "A network of that name exists."
        found[503] = "No healthy engine, or no swarm for a network that needs one."
    found[500] = "No engine fits, or the engine failed; its own words."
    return found


_WITH_THINGS = frozenset({"/containers/create", "/containers/json", "/images/create"})
"""Their parameters or bodies name things that may be missing."""
