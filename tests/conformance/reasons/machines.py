"""Differences that there are because the cluster is more than one machine."""

from tests.conformance.reason import ANYTHING, NEW, OLD, WORDS, Reason

_LABEL = "labels of a container"
_SWARM_MODE = "swarm mode (`/swarm`, `/nodes`, `/services` …)"

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
_NO_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect '
    "this node to swarm and try again."
)


def _taken(name: str) -> str:
    return (
        f"Conflict: The name {name} is already assigned. You have to delete (or rename) that "
        f"container to be able to assign {name} to a container again."
    )


def _of_each_node(words: str) -> str:
    return "\n".join([f"<host>: {words}"] * 3)


def _loads_error(words: str) -> dict[str, str]:
    """What an error in the stream of a load is, alone or behind progress."""
    places = ("error", "errorDetail.message")
    return {f"{where}{place}": words for where in ("body.", "body.*.") for place in places}


MACHINES: tuple[Reason, ...] = (
    Reason("`docker ps`, names", {"out.1": "…  <host>/web"}, ("docker: docker ps (running)",)),
    Reason("`docker ps`, names", {"body.*.Names.1": "/<host>/…"}, _LISTED),
    Reason("inspect", {"body.Node.*": ANYTHING}, _INSPECTED),
    Reason("inspect", {"1.body.Node.*": ANYTHING}, ("create: inspect tells what was asked for",)),
    Reason(
        _LABEL,
        {"body.*.Labels.com.docker.swarm.id": "<id>"},
        (
            *_LISTED,
            "images: list of a nameless one*",
            "images: list with a parent",
            "images: list of all with a parent",
        ),
    ),
    Reason(_LABEL, {"body.Config.Labels.com.docker.swarm.id": "<id>"}, _INSPECTED),
    Reason(
        _LABEL,
        {"*Labels.com.docker.swarm.id": "<id>"},
        ("create: inspect tells*", "images: save and load", "images: inspect of a parent"),
    ),
    Reason(
        _LABEL,
        {"Containers.*.Labels.com.docker.swarm.id": "str"},
        ("system: disk usage", "system: disk usage by*"),
    ),
    Reason(
        _LABEL,
        {"body.Containers.*.Labels.com.docker.swarm.id": "<id>"},
        ("system: disk usage of volumes alone",),
        OLD,
    ),
    Reason(
        "a name that is taken",
        {"body.message": WORDS, "err.0": WORDS},
        {
            "create: a name that is taken": _taken("web"),
            "create: links in a circle": _taken("web"),
            "docker: docker create --name web busybox (created)": _taken("web"),
            "containers: rename to a taken name": _taken("other"),
        },
    ),
    Reason(
        "image inspect and history in a mixed cluster",
        {"headers.api-version": "1.4…", "body.Container": ANYTHING},
        (
            "images: inspect by*",
            "images: inspect of alpine*",
            "images: inspect of docker.io*",
            "images: history",
        ),
        OLD,
        is_certain=False,
    ),
    Reason("`docker pull`", {"out.*": ANYTHING}, ("docker: docker pull busybox",)),
    Reason("`docker version`", {"out.*": ANYTHING}, ("docker: docker version",)),
    Reason("`docker info`", {"out.*": ANYTHING, "err.*": ANYTHING}, ("docker: docker info",)),
    Reason(
        "`docker info`",
        {"SystemStatus": "list", "CDISpecDirs": "list"},
        ("system: what info has",),
    ),
    Reason(
        "`docker events`",
        {
            "body.*.from": "busybox node:<host>",
            "body.*.node.*": ANYTHING,
            "body.*.Actor.Attributes.node.*": ANYTHING,
            "body.*.Actor.Attributes.com.docker.swarm.id": "<id>",
        },
        ("system: events of a container*",),
    ),
    Reason(
        "`docker images`",
        {"body.*.SharedSize": "-1"},
        ("images: list with digests and sizes",),
        NEW,
    ),
    Reason(
        "`docker images`",
        {"body.*.RepoDigests": "[]", "Images.*.RepoDigests": ANYTHING},
        ("images: list*", "system: disk usage*"),
        is_certain=False,  # null before an image is first pulled
    ),
    Reason(
        "`docker load`",
        _loads_error(_of_each_node("open <place> no such file or directory")),
        ("images: load of nothing", "images: load of a tar that is no image"),
    ),
    Reason(
        "`docker load`",
        _loads_error("<host>: …unexpected EOF"),
        ("images: load of no tar", "images: load of half an image"),
        OLD,
    ),
    Reason("`docker load`", {"err.*": "<host>: …unexpected EOF"}, ("docker: docker load*",), OLD),
    Reason(
        "`docker tag`",
        {"body.message": WORDS},
        {
            "images: tag to nothing": "<host>: invalid reference format",
            "images: tag to capitals": (
                "<host>: invalid reference format: repository name must be lowercase"
            ),
            "images: tag to a bad tag": "<host>: invalid tag format",
            "images: tag to a digest": ("<host>: refusing to create a tag with a digest reference"),
            "images: tag to an ID": (
                "<host>: invalid repository name (<id>), cannot specify 64-byte hexadecimal strings"
            ),
        },
        OLD,
    ),
    Reason(
        "prunes, plugin verbs",
        {"body.message": WORDS},
        {
            "containers: prune by a bad until": (
                '<host>: failed to parse value as time or duration: "x"'
            ),
            "containers: prune by two untils": "<host>: more than one until filter specified",
            "containers: prune by no JSON": (
                "<host>: invalid character 'x' looking for beginning of object key string"
            ),
            "networks: prune by a bad until": (
                '<host>: failed to parse value as time or duration: "x"'
            ),
            "volumes: prune of all": "<host>: Invalid filter 'all'",
            "system: settings that are none": (
                "<host>: invalid character 'x' looking for beginning of object key string"
            ),
        },
        OLD,
    ),
    Reason(
        "volume inspect and create",
        {"body.Node.*": ANYTHING},
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
        {"body.Containers.*.Node": "<host>"},
        ("networks: inspect with a member", "networks: inspect by v1.24"),
    ),
    Reason("`system df`", {"out.1": "Images  1  0  …"}, ("docker: docker system df",)),
    Reason(
        "`system df`",
        {"body.LayersSize": ANYTHING, "headers.x-cluster-partial": "<host>"},
        ("system: disk usage of *",),
        OLD,
    ),
    Reason(
        "`system df`", {"BuildCache": "[]"}, ("system: disk usage", "system: disk usage by*"), OLD
    ),
    Reason(_SWARM_MODE, {"err.0": _NO_MANAGER}, ("docker: docker swarm init",)),
    Reason(
        _SWARM_MODE, {"status": "503", "body.message": _NO_MANAGER}, ("volumes: change of one",)
    ),
    Reason(
        "`plugin create`, `plugin push`, `/images/viz`",
        {"status": "501", "body.message": "Not supported in clustering mode."},
        ("system: push of an unknown plugin", "paths: GET /images/viz"),
    ),
)
