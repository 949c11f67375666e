"""The shape of a ``POST /containers/create`` body: only fields that the manager reads or edits.

Docker decodes the body into typed structs, so a wrong type is a 400 with the decoder's words. The
same happens here for the fields that matter to us; every other field passes to the engine, which
says itself what it thinks of it. Field names are matched as Docker's decoder does: without regard
to case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from master.errors import BadRequestError

_INT64 = 2**63

_CONFIG_FIELDS = frozenset(
    {
        "hostname",
        "domainname",
        "user",
        "attachstdin",
        "attachstdout",
        "attachstderr",
        "exposedports",
        "tty",
        "openstdin",
        "stdinonce",
        "env",
        "cmd",
        "healthcheck",
        "argsescaped",
        "image",
        "volumes",
        "workingdir",
        "entrypoint",
        "networkdisabled",
        "macaddress",
        "onbuild",
        "labels",
        "stopsignal",
        "stoptimeout",
        "shell",
    }
)
"""A body without any of these has no configuration: Docker calls it empty."""

Reader = Callable[[Any, str], Any]
"""(value, path) to the value as Docker would read it; raises BadRequestError."""


def read_body(body: object) -> dict[str, Any]:
    """Return a copy of *body* with our fields checked and spelled as documented.

    Nested objects that the manager edits are copied too; the argument never changes. A null is
    what Docker makes of it: the field's empty value.

    Raises:
        BadRequestError: it is no object, has no configuration, or a field has a wrong type.
    """
    if body is None:
        raise _empty()
    if not isinstance(body, dict):
        raise _wrong(body, "", "container.CreateRequest")
    if not any(isinstance(key, str) and key.lower() in _CONFIG_FIELDS for key in body):
        raise _empty()
    checked: dict[str, Any] = _object(_BODY)(body, "CreateRequest")
    return checked


def _text(value: Any, path: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(value, path, "string")
    return value


def _integer(value: Any, path: str) -> int:
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not -_INT64 <= value < _INT64:
        raise _wrong(value, path, "int64")
    return value


def _texts(value: Any, path: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(value, path, "[]string")
    return [_text(item, path) for item in value]


def _mapping_of(item: Reader, go_type: str) -> Reader:
    def read(value: Any, path: str) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise _wrong(value, path, go_type)
        return {key: item(inner, path) for key, inner in value.items()}

    return read


def _object(fields: Mapping[str, Reader]) -> Reader:
    """Return a reader of objects that checks *fields* and keeps all others as they are."""
    by_lower_name = {name.lower(): name for name in fields}

    def read(value: Any, path: str) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise _wrong(value, path, path.rpartition(".")[2])
        checked: dict[str, Any] = {}
        for key, inner in value.items():
            name = by_lower_name.get(key.lower())
            checked[name or key] = fields[name](inner, f"{path}.{name}") if name else inner
        return checked

    return read


def _bindings(value: Any, path: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(value, path, "[]nat.PortBinding")
    return [_BINDING(item, path) for item in value]


def _anything(value: Any, _path: str) -> Any:
    return value


def _mounts(value: Any, path: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(value, path, "[]mount.Mount")
    return [_MOUNT(item, path) for item in value]


_BINDING = _object({"HostIp": _text, "HostPort": _text})
_MOUNT = _object({"Type": _text, "Source": _text})
_HOST_CONFIG = _object(
    {
        "Memory": _integer,
        "MemoryReservation": _integer,
        "NanoCpus": _integer,
        "CpuQuota": _integer,
        "CpuPeriod": _integer,
        "CpuShares": _integer,
        "PortBindings": _mapping_of(_bindings, "nat.PortMap"),
        "PublishAllPorts": _anything,
        "Binds": _texts,
        "Mounts": _mounts,
        "Links": _texts,
        "VolumesFrom": _texts,
        "NetworkMode": _text,
        "IpcMode": _text,
        "PidMode": _text,
    }
)
_NETWORKING_CONFIG = _object(
    {"EndpointsConfig": _mapping_of(_anything, "map[string]*network.EndpointSettings")}
)
_BODY: dict[str, Reader] = {
    "Image": _text,
    "Env": _texts,
    "Labels": _mapping_of(_text, "map[string]string"),
    "ExposedPorts": _mapping_of(_anything, "nat.PortSet"),
    "HostConfig": _HOST_CONFIG,
    "NetworkingConfig": _NETWORKING_CONFIG,
}


def _empty() -> BadRequestError:
    return BadRequestError("config cannot be empty in order to create a container")


def _wrong(value: Any, path: str, go_type: str) -> BadRequestError:
    where = f"Go struct field {path}" if path else "Go value"
    return BadRequestError(
        f"invalid JSON: json: cannot unmarshal {_kind(value)} into {where} of type {go_type}"
    )


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return f"number {value}" if len(repr(value)) <= 40 else "number"  # noqa: PLR2004
    kinds: dict[type, str] = {str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")
