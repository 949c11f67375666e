"""Differences in what is around the bodies: headers, versions, paths."""

from tests.conformance.reason import ABSENT, NEW, OLD, WORDS, Reason

_HEADERS = "headers of answers"

_NOT_EXPERIMENTAL = {"headers.docker-experimental": "false"}
_ON_EVERY_ANSWER = {
    "headers.api-version": "1.4…",
    "headers.ostype": "linux",
    **_NOT_EXPERIMENTAL,
}
_IN_JSON = {"headers.content-type": "application/json"}


def _too_old(version: str) -> str:
    return (
        f"client version {version} is too old. Minimum supported API version is 1.24, please "
        "upgrade your client to a newer version"
    )


PROTOCOL: tuple[Reason, ...] = (
    Reason(_HEADERS, {"server": "Swarm"}, ("system: whose headers they are",)),
    Reason(
        _HEADERS,
        {"headers.builder-version": "2", "headers.swarm": "inactive"},
        ("system: ping*",),
        OLD,
    ),
    Reason(_HEADERS, _ON_EVERY_ANSWER, ("paths: *", "containers: attach of an unknown one")),
    Reason(_HEADERS, _ON_EVERY_ANSWER, ("volumes: change of one",), OLD),
    Reason(
        _HEADERS,
        _NOT_EXPERIMENTAL,
        (
            "versions: v0.1",
            "versions: v1",
            "versions: v1.0",
            "versions: v1.11",
            "versions: v1.99",
            "versions: v2.0",
        ),
    ),
    Reason(
        _HEADERS,
        _NOT_EXPERIMENTAL,
        ("versions: v1.23", "containers: start with one by v1.23"),
        NEW,
    ),
    Reason(_HEADERS, _NOT_EXPERIMENTAL, ("versions: v1.41.2",), OLD),
    Reason(
        "API below 1.24",
        {
            "status": "400",
            **_IN_JSON,
            **_NOT_EXPERIMENTAL,
            "headers.*": ABSENT,
            "body.message": WORDS,
            "body.*": ABSENT,
        },
        {
            "versions: v0.1": _too_old("0.1"),
            "versions: v1.0": _too_old("1.0"),
            "versions: v1.11": _too_old("1.11"),
            "versions: v1.23": _too_old("1.23"),
            "versions: v1": _too_old("1"),
            "containers: start with one by v1.23": _too_old("1.23"),
        },
        OLD,
    ),
    Reason(
        "a path with `//`",
        {
            "status": "404",
            **_IN_JSON,
            **_ON_EVERY_ANSWER,
            "headers.*": ABSENT,
            "body.message": "page not found",
        },
        ("containers: an empty name in the path",),
    ),
    Reason(
        "a stream (`logs`, `export`, `stats`, `archive` out)",
        {"headers.connection": "close"},
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
            "images: get of*",
        ),
    ),
    Reason(
        "errors of attach; `GET stats`",
        {**_IN_JSON, "body.message": "No such container: nobody", "body.*": ABSENT},
        ("containers: attach of an unknown one",),
    ),
    Reason(
        "`network connect` to a network that is not there",
        {
            "status": "404",
            **_IN_JSON,
            "headers.content-*": ABSENT,
            "body.message": "network nothing not found",
        },
        ("networks: connect to an unknown one",),
    ),
)
