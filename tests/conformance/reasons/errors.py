"""Differences in the words and statuses of errors that the manager says itself."""

from collections.abc import Mapping

from tests.conformance.reason import ABSENT, ANYTHING, NEW, OLD, WORDS, Reason

_MALFORMED = "malformed JSON, in bodies and filters"
_NOWHERE = "a create that no engine can take"
_REFERENCE = "a reference that makes no sense"
_VALUES = "a parameter or filter with a bad value"

_NO_BODY = "invalid JSON: got EOF while reading request body"
_NO_KEY = "invalid JSON: unexpected character, expected a string key: line 1 column 2 (char 1)"
_NO_FILTERS = "invalid filter: filters has to be a JSON object of lists of strings"
_CAPITALS = "invalid reference format: repository name (UPPER) must be lowercase"
_NO_MEDIA_TYPE = "unsupported Content-Type header (text/plain): must be 'application/json'"
_NOT_THERE = "dependency: container nobody is not on this node"


def _no_node(condition: str, reason: str) -> str:
    head = "Unable to find a node that satisfies the following conditions "
    return "\n".join(
        [head, "[available container slots]", f"[{condition}]", *[f"<host>: {reason}"] * 3]
    )


def _of_type(values: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """The decoder's words by case, for a value and the field that it stands in."""
    return {
        case: f"invalid JSON: json: cannot unmarshal {value} into Go {field}"
        for case, (value, field) in values.items()
    }


_WRONG_TYPES = _of_type(
    {
        "create: a list": ("array", "value of type container.CreateRequest"),
        "create: a number for the image": (
            "number 5", "struct field CreateRequest.Image of type string",
        ),
        "create: a text for Env": ("string", "struct field CreateRequest.Env of type []string"),
        "create: a number in Env": ("number 1", "struct field CreateRequest.Env of type string"),
        "create: a list for Labels": (
            "array", "struct field CreateRequest.Labels of type map[string]string",
        ),
        "create: a text for HostConfig": (
            "string", "struct field CreateRequest.HostConfig of type HostConfig",
        ),
        "create: a list for HostConfig": (
            "array", "struct field CreateRequest.HostConfig of type HostConfig",
        ),
        "create: a text for the memory": (
            "string", "struct field CreateRequest.HostConfig.Memory of type int64",
        ),
        "create: ports that are a list": (
            "array", "struct field CreateRequest.HostConfig.PortBindings of type nat.PortMap",
        ),
    }
)  # fmt: skip

ERRORS: tuple[Reason, ...] = (
    Reason(
        "errors that the manager says itself",
        {"body.message": WORDS},
        {
            "containers: kill of an unknown one": "No such container: nobody",
            "containers: rename to a bad name": (
                "Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            ),
            "networks: inspect in another scope": "network <id> not found",
        },
    ),
    Reason(
        _NOWHERE,
        {"status": "500", "body.message": WORDS, "body.*": ABSENT},
        {
            "create: the network of an unknown container": _no_node(
                "--net=container:nobody", _NOT_THERE
            ),
            "create: an unknown container's processes": _no_node(
                "--pid=container:nobody", _NOT_THERE
            ),
            "create: volumes from nobody": _no_node("--volumes-from=nobody", _NOT_THERE),
            "create: volumes in a bad mode": _no_node("--volumes-from=nobody:nonsense", _NOT_THERE),
            "create: a link to nobody": _no_node("--link=nobody:n", _NOT_THERE),
            "create: more CPUs than there are": "\n".join(
                [
                    "no resources available to schedule container",
                    *["<host>: resources: 1000 CPUs asked, … of … free"] * 3,
                ]
            ),
            "create: another system": _no_node(
                "ostype==windows", "constraint: label ostype is linux, not windows"
            ),
        },
    ),
    Reason(
        _MALFORMED,
        {"status": "400", "body.message": WORDS, "body.*": ABSENT},
        {
            **_WRONG_TYPES,
            "create: no JSON": _NO_KEY,
            "create: no UTF-8": (
                "invalid JSON: unexpected character, expected a JSON value: "
                "line 1 column 1 (char 0)"
            ),
            "create: half of an object": (
                "invalid JSON: unexpected end of data: line 1 column 20 (char 19)"
            ),
            "create: more behind*": (
                "invalid JSON: unexpected content after document: line 1 column 22 (char 21)"
            ),
            "*: list by filters that are no JSON": _NO_FILTERS,
            "data: list by filters that are a list": _NO_FILTERS,
            "system: events with no JSON for filters": _NO_FILTERS,
            "networks: create without a body": _NO_BODY,
            "networks: *connect without a body": _NO_BODY,
            "*: create with no JSON": _NO_KEY,
            "networks: connect with no JSON": _NO_KEY,
            "networks: create with a list": "invalid JSON: the request body is not an object",
            "volumes: create with a list": "invalid JSON: the request body is not an object",
            "volumes: create with a number for the name": (
                "invalid JSON: json: cannot unmarshal into Go struct field CreateOptions.Name "
                "of type string"
            ),
        },
    ),
    Reason(
        _MALFORMED,
        {"status": "404", "body.message": "No such container: "},
        ("networks: connect of no container",),
    ),
    Reason(
        _MALFORMED,
        {"status": "400", "body.message": _NO_BODY},
        ("create: no body", "create: an empty body"),
        OLD,
    ),
    Reason(
        _MALFORMED,
        {"status": "201", "body.message": ABSENT, "body.[A-Z]*": ANYTHING},
        ("volumes: create without a body",),
        OLD,
    ),
    Reason(_VALUES, {"status": "400"}, ("data: list, a bad limit", "data: list by a bad port")),
    Reason(
        _VALUES,
        {"status": "400", "body.message": WORDS},
        {
            "images: pull of nothing": "invalid reference format",
            "networks: list by a bad type": "invalid filter 'type=x'",
            "networks: list by a bad dangling": "invalid filter 'dangling=[x]'",
            "system: events with a bad since": 'failed to parse value as time or duration: "x"',
        },
    ),
    Reason(
        _VALUES,
        {
            "status": "400",
            "body.message": (
                "invalid filter 'exited=x': strconv.Atoi: parsing \"x\": invalid syntax"
            ),
        },
        ("data: list by a bad exit code",),
        OLD,
    ),
    Reason(
        _VALUES,
        {"status": "404", "body.message": "No such container: nobody"},
        ("data: list before an unknown one",),
        OLD,
    ),
    Reason(
        _REFERENCE,
        {"body.message": _CAPITALS, "status": "400"},
        (
            "images: inspect of capitals",
            "images: history of capitals",
            "images: removal of capitals",
            "images: tag of capitals",
        ),
    ),
    Reason(
        _REFERENCE,
        {"status": "400"},
        ("images: tag of a space", "images: tag of a bad tag", "images: tag of a short digest"),
        NEW,
    ),
    Reason(_REFERENCE, {"status": "201"}, ("images: tag to nothing",), NEW),
    Reason(
        "sentences that Docker has reworded since 20.10",
        {"body.message": WORDS, "err.0": WORDS},
        {
            "create: not as JSON": _NO_MEDIA_TYPE,
            "[nv]*: create not as JSON": _NO_MEDIA_TYPE,
            "create: an empty object": "config cannot be empty in order to create a container",
            "create: null": "config cannot be empty in order to create a container",
            "data: list by a bad status": "invalid filter 'status=x'",
            "*: list by an unknown filter": "invalid filter 'x'",
            "data: list by is-task": "invalid filter 'is-task=[maybe]'",
            "images: list by a bad dangling": "invalid filter 'dangling=[maybe]'",
            "images: inspect of a missing one": "No such image: no/such:latest",
            "images: inspect of a missing tag": "No such image: busybox:none",
            "images: inspect of a missing digest": "No such image: busybox@sha256:<id>",
            "images: inspect of a missing ID": "No such image: sha256:<id>",
            "images: inspect of a space": "invalid reference format",
            "images: inspect of a bad tag": "invalid reference format",
            "images: inspect of a short digest": "invalid reference format",
            "images: inspect of one of a registry": "No such image: localhost:1/a/b:latest",
            "volumes: list by a bad dangling": "invalid filter 'dangling=[x]'",
            "docker: docker ps --filter nonsense=1": "invalid filter 'nonsense'",
            "docker: docker image inspect no/such": "No such image: no/such:latest",
        },
        OLD,
    ),
)
