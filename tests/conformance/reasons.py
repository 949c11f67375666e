"""Where the sides may differ, and the row of docs/DEVIATIONS.md that says why.

A reason has to explain a difference in every case that it names: one that has become needless
fails its cases, and so does a difference that no reason names.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from conformance.book import Case

_OLD, _NEW = "20.10", "26.1"


@dataclass(frozen=True, slots=True)
class Reason:
    """One row of docs/DEVIATIONS.md, and what it explains."""

    row: str
    """Its first cell, to the letter."""
    at: str
    """The places where the sides may differ, as shell patterns with spaces between."""
    cases: tuple[str, ...]
    """The cases, ``area: name``, as shell patterns."""
    only: str = ""
    """The one generation of engines in which it holds; empty: in every one."""
    is_certain: bool = True
    """False: it need not show each time, as it hangs on which host answers."""

    def explains(self, place: str) -> bool:
        """Whether the sides may differ at *place*, such as ``body.0.Names.1``."""
        return any(fnmatchcase(place, pattern) for pattern in self.at.split())


def reasons_for(case: Case, generation: str) -> list[Reason]:
    """The reasons for *case* against engines of *generation*."""
    return [
        reason
        for reason in REASONS
        if reason.only in ("", generation)
        and any(fnmatchcase(case.title, pattern) for pattern in reason.cases)
    ]


_HEADERS = "headers of answers"
_IN_GENERAL = "errors that the manager says itself"
_LABEL = "labels of a container"
_MALFORMED = "malformed JSON, in bodies and filters"
_NOWHERE = "a create that no engine can take"
_REFERENCE = "a reference that makes no sense"
_REWORDED = "sentences that Docker has reworded since 20.10"
_STREAM = "a stream (`logs`, `export`, `stats`, `archive` out)"
_SWARM_MODE = "swarm mode (`/swarm`, `/nodes`, `/services` …)"
_VALUES = "a parameter or filter with a bad value"

_INSPECTED = (
    "data: inspect",
    "data: inspect with sizes",
    "data: inspect of a running one",
    "data: inspect of a stopped one",
    "data: inspect by *",
)
_LISTED = (
    "data: list",
    "data: list of all",
    "data: list with sizes",
    "data: list, limit",
    "data: list, a bad bool",
    "data: list by name",
    "data: list by status",
    "data: list by exit code",
    "data: list by filters in the old form",
    "data: list by v1.*",
)

REASONS: tuple[Reason, ...] = (
    # More than one machine
    Reason("`docker ps`, names", "out.1", ("docker: docker ps (running)",)),
    Reason("`docker ps`, names", "body.*.Names.1", _LISTED),
    Reason("inspect", "body.Node.*", _INSPECTED),
    Reason("inspect", "1.body.Node.*", ("create: inspect tells what was asked for",)),
    Reason(_LABEL, "body.*.Labels.com.docker.swarm.id", _LISTED),
    Reason(_LABEL, "body.Config.Labels.com.docker.swarm.id", _INSPECTED),
    Reason(_LABEL, "body.*.Labels.com.docker.swarm.id", ("images: list of a nameless one*",)),
    Reason(
        _LABEL,
        "*Labels.com.docker.swarm.id",
        (
            "create: inspect tells*",
            "images: save and load",
            "system: disk usage",
            "system: disk usage by*",
        ),
    ),
    Reason(
        "a name that is taken",
        "body.message err.0",
        (
            "create: a name that is taken",
            "create: links in a circle",
            "docker: docker create --name web busybox (created)",
            "containers: rename to a taken name",
        ),
    ),
    Reason(
        _NOWHERE,
        "status body.*",
        (
            "create: the network of an unknown container",
            "create: an unknown container's processes",
            "create: volumes from nobody",
            "create: volumes in a bad mode",
            "create: a link to nobody",
            "create: more CPUs than there are",
            "create: another system",
        ),
    ),
    Reason(
        "image inspect and history in a mixed cluster",
        "headers.api-version body.Container",
        (
            "images: inspect by*",
            "images: inspect of alpine*",
            "images: inspect of docker.io*",
            "images: history",
        ),
        _OLD,
        is_certain=False,
    ),
    Reason(
        _LABEL,
        "body.Containers.*.Labels.com.docker.swarm.id",
        ("system: disk usage of volumes alone",),
        _OLD,
    ),
    Reason("`docker pull`", "out.*", ("docker: docker pull busybox",)),
    Reason("`docker version`", "out.*", ("docker: docker version",)),
    Reason("`docker info`", "out.* err.*", ("docker: docker info",)),
    Reason("`docker info`", "SystemStatus CDISpecDirs", ("system: what info has",)),
    Reason(
        "`docker events`",
        "body.*.from body.*.node.* body.*.Actor.Attributes.*",
        ("system: events of a container*",),
    ),
    Reason("`docker images`", "body.*.SharedSize", ("images: list with digests and sizes",), _NEW),
    Reason(
        "`docker images`",
        "body.*.RepoDigests Images.*.RepoDigests",
        (
            "images: list by v1.*",
            "images: list without the nameless",
            "system: disk usage",
            "system: disk usage by *",
        ),
        is_certain=False,  # null before an image is first pulled
    ),
    Reason(
        "`docker load`",
        "body.error body.errorDetail.message body.*.error body.*.errorDetail.message",
        ("images: load of nothing", "images: load of a tar that is no image"),
    ),
    Reason(
        "`docker load`",
        "err.* body.error body.errorDetail.message",
        ("docker: docker load*", "images: load of no tar", "images: load of half an image"),
        _OLD,
    ),
    Reason(
        "`docker tag`",
        "status body.message",
        (
            "images: tag to nothing",
            "images: tag to capitals",
            "images: tag to a bad tag",
            "images: tag to a digest",
            "images: tag to an ID",
        ),
        _OLD,
    ),
    Reason(
        "prunes, plugin verbs",
        "body.message",
        (
            "containers: prune by a bad until",
            "containers: prune by two untils",
            "containers: prune by no JSON",
            "networks: prune by a bad until",
            "volumes: prune of all",
            "system: settings that are none",
        ),
        _OLD,
    ),
    Reason(
        "volume inspect and create",
        "body.Node.*",
        (
            "volumes: create",
            "volumes: create with labels",
            "volumes: create twice",
            "volumes: create by *",
            "volumes: inspect",
            "volumes: inspect by *",
        ),
    ),
    Reason(
        "network inspect, `Containers`",
        "body.Containers.*.Node",
        ("networks: inspect with a member", "networks: inspect by v1.24"),
    ),
    Reason("`system df`", "out.1", ("docker: docker system df",)),
    Reason(
        "`system df`",
        "body.LayersSize headers.x-cluster-partial",
        ("system: disk usage of *",),
        _OLD,
    ),
    Reason("`system df`", "BuildCache", ("system: disk usage", "system: disk usage by*"), _OLD),
    Reason(_SWARM_MODE, "err.0", ("docker: docker swarm init",)),
    Reason(_SWARM_MODE, "status body.message", ("volumes: change of one",)),
    Reason(
        "`plugin create`, `plugin push`, `/images/viz`",
        "status body.message",
        ("system: push of an unknown plugin", "paths: GET /images/viz"),
    ),
    # The protocol
    Reason(_HEADERS, "server", ("system: whose headers they are",)),
    Reason(_HEADERS, "headers.builder-version headers.swarm", ("system: ping*",), _OLD),
    Reason(
        _HEADERS, "headers.api-version headers.docker-experimental headers.ostype", ("paths: *",)
    ),
    Reason(
        _HEADERS,
        "headers.docker-experimental",
        (
            "versions: v0.1",
            "versions: v1",
            "versions: v1.0",
            "versions: v1.11",
            "versions: v1.99",
            "versions: v2.0",
        ),
    ),
    Reason(_HEADERS, "headers.docker-experimental", ("versions: v1.23",), _NEW),
    Reason(_HEADERS, "headers.docker-experimental", ("versions: v1.41.2",), _OLD),
    Reason(_HEADERS, "headers.docker-experimental", ("containers: start with one by v1.23",), _NEW),
    Reason(
        _HEADERS,
        "headers.api-version headers.docker-experimental headers.ostype",
        ("containers: attach of an unknown one",),
    ),
    Reason(
        _HEADERS,
        "headers.api-version headers.docker-experimental headers.ostype",
        ("volumes: change of one",),
        _OLD,
    ),
    Reason(
        "API below 1.24",
        "*",
        (
            "versions: v0.1",
            "versions: v1.0",
            "versions: v1.11",
            "versions: v1.23",
            "versions: v1",
            "containers: start with one by v1.23",
        ),
        _OLD,
    ),
    Reason(
        "a path with `//`", "status headers.* body*", ("containers: an empty name in the path",)
    ),
    Reason(
        _STREAM,
        "headers.connection",
        (
            "data: logs of a terminal",
            "data: logs of no stream",
            "data: logs with*",
            "data: logs by v1.24",
            "data: logs of a created one",
            "data: attach with bad*",
            "data: attach to a paused one",
            "data: websocket*",
            "data: stats*",
            "data: a missing file",
            "data: a file without a path",
            "images: push*",
            "images: get of several*",
            "images: get of none",
        ),
    ),
    # Words and statuses of errors
    Reason(
        "errors of attach; `GET stats`",
        "headers.content-type body.*",
        ("containers: attach of an unknown one",),
    ),
    Reason(
        _IN_GENERAL,
        "body.message",
        (
            "containers: kill of an unknown one",
            "containers: rename to a bad name",
            "images: get of a missing one",
            "networks: inspect in another scope",
        ),
    ),
    Reason(
        "`network connect` to a network that is not there",
        "status headers.content-* body*",
        ("networks: connect to an unknown one",),
    ),
    Reason(
        _MALFORMED,
        "status body.*",
        (
            "create: a list",
            "create: no JSON",
            "create: half of an object",
            "create: more behind*",
            "create: a number for the image",
            "create: a text for Env",
            "create: a number in Env",
            "create: a list for Labels",
            "create: a text for HostConfig",
            "create: a text for the memory",
            "create: ports that are a list",
            "*: list by filters that are no JSON",
            "data: list by filters that are a list",
            "networks: create without a body",
            "*: create with no JSON",
            "*: create with a list",
            "networks: *connect without a body",
            "networks: connect with no JSON",
            "networks: connect of no container",
            "volumes: create with a number for the name",
            "system: events with no JSON for filters",
        ),
    ),
    Reason(_MALFORMED, "status body.message", ("create: no body", "create: an empty body"), _OLD),
    Reason(_MALFORMED, "status body.*", ("volumes: create without a body",), _OLD),
    Reason(
        _VALUES,
        "status body.message",
        (
            "data: list, a bad limit",
            "data: list by a bad port",
            "images: pull of nothing",
            "networks: list by a bad type",
            "networks: list by a bad dangling",
            "system: events with a bad since",
        ),
    ),
    Reason(
        _VALUES,
        "status body.message",
        ("data: list by a bad exit code", "data: list before an unknown one"),
        _OLD,
    ),
    Reason(
        _REFERENCE,
        "status body.message",
        (
            "images: inspect of capitals",
            "images: history of capitals",
            "images: removal of capitals",
            "images: tag of capitals",
        ),
    ),
    Reason(
        _REFERENCE,
        "status",
        (
            "images: tag to nothing",
            "images: tag of a space",
            "images: tag of a bad tag",
            "images: tag of a short digest",
        ),
        _NEW,
    ),
    Reason(
        _REWORDED,
        "body.message err.0",
        (
            "create: not as JSON",
            "[nv]*: create not as JSON",
            "create: an empty object",
            "create: null",
            "data: list by a bad status",
            "*: list by an unknown filter",
            "data: list by is-task",
            "images: list by a bad dangling",
            "images: inspect of a missing*",
            "images: inspect of a space",
            "images: inspect of a bad tag",
            "images: inspect of a short digest",
            "images: inspect of one of a registry",
            "volumes: list by a bad dangling",
            "docker: docker ps --filter nonsense=1",
            "docker: docker image inspect no/such",
        ),
        _OLD,
    ),
)
