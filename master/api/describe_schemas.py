"""The shapes of bodies, as far as a reader of /docs needs them.

Nothing is closed: engines of different versions send fields that stand in no list, and the cluster
passes every one of them on. That is why these are plain JSON schemas and no models: a model that
read such a body would lose what it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}


def ref(name: str) -> Schema:
    """A reference to a schema of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(items: Schema) -> Schema:
    """A list of *items*."""
    return {"type": "array", "items": items}


def _maybe(schema: Schema) -> Schema:
    """Go writes null for an empty list or map."""
    return {**schema, "type": [schema["type"], "null"]}


def _mapped(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _object(text: str, required: str = "", **properties: Schema) -> Schema:
    schema: Schema = {
        "type": "object",
        "description": text,
        "properties": properties,
        "additionalProperties": True,
    }
    return {**schema, "required": required.split()} if required else schema


def _told(schema: Schema, text: str) -> Schema:
    return {**schema, "description": text}


_ANYTHING: Schema = {"type": "object", "additionalProperties": True}
_LABELS = _maybe(_mapped(TEXT))
_COMMAND: Schema = {"anyOf": [TEXT, listed(TEXT), {"type": "null"}]}
_SET = _maybe(_mapped(_ANYTHING))
_NODE = _object(
    "The engine that the container is on: classic Swarm's addition.",
    "Name Addr",
    ID=TEXT,
    IP=TEXT,
    Addr=TEXT,
    Name=TEXT,
    Cpus=NUMBER,
    Memory=NUMBER,
    Labels=_LABELS,
)

_HOST_CONFIG = _object(
    "What the container asks of its host. Memory, CPUs and published ports are reserved.",
    Binds=_maybe(listed(TEXT)),
    NetworkMode=TEXT,
    PortBindings=_maybe(_mapped(_maybe(listed(ref("PortBinding"))))),
    PublishAllPorts=FLAG,
    Memory=_told(NUMBER, "Bytes"),
    MemoryReservation=_told(NUMBER, "Bytes"),
    NanoCpus=_told(NUMBER, "Billionths of a CPU"),
    CpuShares=NUMBER,
    CpuQuota=_told(NUMBER, "Microseconds in each CpuPeriod"),
    CpuPeriod=_told(NUMBER, "Microseconds"),
    RestartPolicy=_object("When it is started again.", Name=TEXT, MaximumRetryCount=NUMBER),
    AutoRemove=FLAG,
    Privileged=FLAG,
    VolumesFrom=_maybe(listed(TEXT)),
    Links=_maybe(listed(TEXT)),
)

_CREATE = {
    "Image": TEXT,
    "Cmd": _COMMAND,
    "Entrypoint": _COMMAND,
    "Env": _told(
        _maybe(listed(TEXT)),
        "`NAME=value`; `constraint:zone==ssd` and `affinity:container==web` place it.",
    ),
    "Labels": _LABELS,
    "ExposedPorts": _told(_SET, "`80/tcp` to an empty object"),
    "Volumes": _SET,
    "Hostname": TEXT,
    "User": TEXT,
    "WorkingDir": TEXT,
    "StopSignal": TEXT,
    "Tty": FLAG,
    "OpenStdin": FLAG,
    "StdinOnce": FLAG,
    "AttachStdin": FLAG,
    "AttachStdout": FLAG,
    "AttachStderr": FLAG,
    "HostConfig": ref("HostConfig"),
    "NetworkingConfig": _ANYTHING,
}

SCHEMAS: Mapping[str, Schema] = {
    "Error": {
        "type": "object",
        "description": "What went wrong, in words for a person.",
        "properties": {"message": TEXT},
        "required": ["message"],
    },
    "PortBinding": _object("Where a port is published.", HostIp=TEXT, HostPort=TEXT),
    "HostConfig": _HOST_CONFIG,
    "ContainerCreate": _object("A container to be.", "Image", **_CREATE),
    "ContainerCreated": _object("The new container.", "Id", Id=TEXT, Warnings=_maybe(listed(TEXT))),
    "ContainerUpdate": _object(
        "New limits.",
        Memory=_told(NUMBER, "Bytes"),
        MemorySwap=_told(NUMBER, "Bytes"),
        MemoryReservation=_told(NUMBER, "Bytes"),
        NanoCpus=_told(NUMBER, "Billionths of a CPU"),
        CpuShares=NUMBER,
        CpuQuota=NUMBER,
        CpuPeriod=NUMBER,
        CpusetCpus=TEXT,
        PidsLimit=NUMBER,
        RestartPolicy=_object("When it is started again.", Name=TEXT, MaximumRetryCount=NUMBER),
    ),
    "ContainerSummary": _object(
        "One row of `docker ps`.",
        "Id Names Image State Status",
        Id=TEXT,
        Names=listed(TEXT),
        Image=TEXT,
        ImageID=TEXT,
        Command=TEXT,
        Created=_told(NUMBER, "Seconds since 1970"),
        Ports=_maybe(listed(_object("A port.", IP=TEXT, PrivatePort=NUMBER, PublicPort=NUMBER))),
        Labels=_LABELS,
        State=TEXT,
        Status=TEXT,
        HostConfig=_ANYTHING,
        NetworkSettings=_ANYTHING,
        Mounts=_maybe(listed(_ANYTHING)),
    ),
    "Container": _object(
        "Everything about one container.",
        "Id Name Config State Node",
        Id=TEXT,
        Name=TEXT,
        Created=TEXT,
        Image=TEXT,
        Config=_ANYTHING,
        HostConfig=ref("HostConfig"),
        State=_ANYTHING,
        NetworkSettings=_ANYTHING,
        Mounts=_maybe(listed(_ANYTHING)),
        Node=_NODE,
    ),
    "Processes": _object(
        "A table of processes.", Titles=_maybe(listed(TEXT)), Processes=_maybe(listed(listed(TEXT)))
    ),
    "Change": _object(
        "A path that differs from the image's: 0 changed, 1 added, 2 deleted.",
        "Path Kind",
        Path=TEXT,
        Kind={"type": "integer", "enum": [0, 1, 2]},
    ),
    "Stats": _object(
        "One sample.", read=TEXT, cpu_stats=_ANYTHING, memory_stats=_ANYTHING, networks=_ANYTHING
    ),
    "Warnings": _object("What the engine did not do.", Warnings=_maybe(listed(TEXT))),
    "Ended": _object(
        "How it ended.",
        "StatusCode",
        StatusCode=NUMBER,
        Error={"anyOf": [_object("Why not.", Message=TEXT), {"type": "null"}]},
    ),
    "ExecCreate": _object(
        "A command to run in the container.",
        Cmd=_COMMAND,
        Env=_maybe(listed(TEXT)),
        User=TEXT,
        WorkingDir=TEXT,
        Tty=FLAG,
        AttachStdin=FLAG,
        AttachStdout=FLAG,
        AttachStderr=FLAG,
        DetachKeys=TEXT,
        Privileged=FLAG,
    ),
    "ExecCreated": _object("The prepared command.", "Id", Id=TEXT),
    "ExecStart": _object("How to run it.", Detach=FLAG, Tty=FLAG),
    "Exec": _object(
        "A command.",
        "ID",
        ID=TEXT,
        ContainerID=TEXT,
        Running=FLAG,
        ExitCode=_maybe(NUMBER),
        Pid=NUMBER,
        ProcessConfig=_ANYTHING,
    ),
    "ImageSummary": _object(
        "One image, whichever engines have it.",
        "Id",
        Id=TEXT,
        ParentId=TEXT,
        RepoTags=_maybe(listed(TEXT)),
        RepoDigests=_maybe(listed(TEXT)),
        Created=_told(NUMBER, "Seconds since 1970"),
        Size=_told(NUMBER, "Bytes"),
        Labels=_LABELS,
    ),
    "Image": _object(
        "Everything about one image.",
        "Id",
        Id=TEXT,
        RepoTags=_maybe(listed(TEXT)),
        RepoDigests=_maybe(listed(TEXT)),
        Created=TEXT,
        Size=_told(NUMBER, "Bytes"),
        Config=_maybe(_ANYTHING),
    ),
    "ImageLayer": _object(
        "A step in which the image was made.",
        Id=TEXT,
        Created=_told(NUMBER, "Seconds since 1970"),
        CreatedBy=TEXT,
        Tags=_maybe(listed(TEXT)),
        Size=_told(NUMBER, "Bytes"),
        Comment=TEXT,
    ),
    "ImageRemoved": _object("A name or an image that is gone.", Untagged=TEXT, Deleted=TEXT),
    "ImagesPruned": _object(
        "What was removed, on any engine.",
        "SpaceReclaimed",
        ImagesDeleted=_maybe(listed(ref("ImageRemoved"))),
        SpaceReclaimed=_told(NUMBER, "Bytes, added up over the engines"),
    ),
    "Progress": _object(
        "A line of a pull's progress; the last one may tell an error.",
        id=_told(TEXT, "The layer, behind the node's name if several nodes pull"),
        status=TEXT,
        progressDetail=_ANYTHING,
        error=TEXT,
    ),
    "Event": _object(
        "Something that happened.",
        "Type Action Actor time",
        Type=TEXT,
        Action=TEXT,
        Actor=_object("To what; `node.name` and the like tell where.", ID=TEXT, Attributes=_LABELS),
        time=_told(NUMBER, "Seconds since 1970"),
        timeNano=NUMBER,
        node=_object("Where.", Name=TEXT, Id=TEXT, Addr=TEXT, Ip=TEXT),
    ),
    "Version": _object(
        "The manager, and each engine as a component.",
        "Version ApiVersion MinAPIVersion",
        Version=TEXT,
        ApiVersion=TEXT,
        MinAPIVersion=TEXT,
        Os=TEXT,
        Arch=TEXT,
        Components=_maybe(listed(_object("A part.", Name=TEXT, Version=TEXT))),
    ),
    "Info": _object(
        "Sums over the engines; `SystemStatus` tells about each in classic Swarm's lines.",
        "Containers Images",
        ID=TEXT,
        Name=TEXT,
        Containers=NUMBER,
        ContainersRunning=NUMBER,
        ContainersPaused=NUMBER,
        ContainersStopped=NUMBER,
        Images=NUMBER,
        NCPU=NUMBER,
        MemTotal=_told(NUMBER, "Bytes"),
        ServerVersion=TEXT,
        SystemStatus=_maybe(listed(listed(TEXT))),
    ),
    "Network": _object(
        "A network. Bridges that mirror one on several engines have one ID.",
        "Name Id",
        Name=TEXT,
        Id=TEXT,
        Created=TEXT,
        Scope=TEXT,
        Driver=TEXT,
        EnableIPv6=FLAG,
        IPAM=_object("Of the first engine; others may have other subnets."),
        Internal=FLAG,
        Attachable=FLAG,
        Containers=_told(_SET, "By ID; `Node` names the engine of each."),
        Options=_LABELS,
        Labels=_LABELS,
    ),
    "NetworkCreate": _object(
        "A network. The label `com.docker.swarm.network.spread=true` lets its containers be on "
        "different engines.",
        "Name",
        Name=_told(TEXT, "Unique in the cluster; `node/name` makes it on that node only."),
        Driver=_told(TEXT, "`bridge` if empty."),
        Internal=FLAG,
        Attachable=FLAG,
        EnableIPv6=FLAG,
        IPAM={"anyOf": [_ANYTHING, {"type": "null"}]},
        Options=_LABELS,
        Labels=_LABELS,
    ),
    "NetworkCreated": _object("The new network.", "Id", Id=TEXT, Warning=TEXT),
    "NetworkConnect": _object(
        "Which container, and what it is called there.",
        "Container",
        Container=TEXT,
        EndpointConfig={"anyOf": [_ANYTHING, {"type": "null"}]},
    ),
    "NetworkDisconnect": _object("Which container.", "Container", Container=TEXT, Force=FLAG),
    "ImageCommitted": _object("The new image.", "Id", Id=TEXT),
    "CheckpointCreate": _object(
        "A checkpoint to be.", "CheckpointID", CheckpointID=TEXT, CheckpointDir=TEXT, Exit=FLAG
    ),
    "ContainersPruned": _object(
        "IDs, and bytes.", ContainersDeleted=_maybe(listed(TEXT)), SpaceReclaimed=NUMBER
    ),
    "CachesPruned": _object(
        "IDs, and bytes.", CachesDeleted=_maybe(listed(TEXT)), SpaceReclaimed=NUMBER
    ),
    "VolumesPruned": _object(
        "Names, and bytes.", VolumesDeleted=_maybe(listed(TEXT)), SpaceReclaimed=NUMBER
    ),
    "VolumeCreate": _object(
        "A volume to be. `com.docker.swarm.constraints` among its labels chooses its node.",
        Name=_told(TEXT, "`node/name` asks for a node; one without a name gets one"),
        Driver=TEXT,
        DriverOpts=_maybe(_mapped(TEXT)),
        Labels=_maybe(_mapped(TEXT)),
    ),
    "Volume": _object(
        "A volume.",
        "Name",
        Name=_told(TEXT, "`node/name` if several nodes have one of that name"),
        Driver=TEXT,
        Mountpoint=TEXT,
        CreatedAt=TEXT,
        Scope=TEXT,
        Labels=_maybe(_mapped(TEXT)),
        Options=_maybe(_mapped(TEXT)),
        Node=_NODE,
    ),
    "VolumeList": _object(
        "Volumes of every engine.",
        Volumes=_maybe(listed(ref("Volume"))),
        Warnings=_maybe(listed(TEXT)),
    ),
    "NetworksPruned": _object("Names.", NetworksDeleted=_maybe(listed(TEXT))),
}
