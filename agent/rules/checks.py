"""The check that a container asks Consul's catalog for, by ``SERVICE_CHECK_*``.

Source: Consul's HTTP API, ``/v1/agent/check/register``; classic Registrator's documentation,
"Consul" backend, for the keys.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from agent.rules.flags import flag
from agent.rules.refusal import Refusal, shown
from common.durations import parse_duration

PREFIX = "check_"
"""Of the keys."""

_Value = TypeVar("_Value")
_INTERVAL = "10s"
_PATH = re.compile(r"/[!-~]*", re.ASCII)
_METHOD = re.compile(r"[A-Z]{1,16}", re.ASCII)
_STATUSES = frozenset({"passing", "warning", "critical"})
_PROGRAMS = frozenset({"script", "cmd", "args", "docker"})


def check_of(
    said: Mapping[str, str], target: str
) -> tuple[dict[str, Any] | None, tuple[Refusal, ...]]:
    """Return the check without its ID (None: none), and what cannot be had.

    Args:
        said: the ``check_*`` keys of one port.
        target: ``host:port`` that it is to be tried at.
    """
    reader = _Reader(said)
    check = (
        _http(reader, target, "https")
        or _http(reader, target, "http")
        or _tcp(reader, target)
        or _grpc(reader, target)
    )
    if check is not None:
        check["Interval"] = reader.take("interval", _duration) or _INTERVAL
        if timeout := reader.take("timeout", _duration):
            check["Timeout"] = timeout
        check["TLSSkipVerify"] = bool(reader.take("tls_skip_verify", flag))
    elif ttl := reader.take("ttl", _duration):
        check = {"TTL": ttl}
    if check is not None:
        if status := reader.take("initial_status", _status):
            check["Status"] = status
        if after := reader.take("deregister_after", _duration):
            check["DeregisterCriticalServiceAfter"] = after
    return check, reader.refusals()


class _Reader:
    """Hands the values out, and remembers which of them were bad and which nobody wanted."""

    def __init__(self, said: Mapping[str, str]) -> None:
        self._left = {
            key.removeprefix(PREFIX): text.strip() for key, text in said.items() if text.strip()
        }
        self._problems: list[Refusal] = []

    def take(self, key: str, parse: Callable[[str], _Value]) -> _Value | None:
        """Return the value of *key*, None if there is none that *parse* takes."""
        text = self._left.pop(key, "")
        if not text:
            return None
        try:
            return parse(text)
        except ValueError as exc:
            self._refuse(key, f"{exc}: {shown(text)}")
            return None

    def refusals(self) -> tuple[Refusal, ...]:
        """Return what was bad, and what is left over."""
        for key in sorted(self._left):
            is_program = key in _PROGRAMS
            self._refuse(key, "runs a program" if is_program else "has no effect here")
        self._left.clear()
        return tuple(self._problems)

    def _refuse(self, key: str, problem: str) -> None:
        text = f"SERVICE_{PREFIX.upper()}{key.upper()} {problem}"
        self._problems.append(Refusal("check", text))


def _http(reader: _Reader, target: str, scheme: str) -> dict[str, Any] | None:
    path = reader.take(scheme, _path)
    if path is None:
        return None
    method = reader.take(f"{scheme}_method", _method)
    return {"HTTP": f"{scheme}://{target}{path}", **({"Method": method} if method else {})}


def _tcp(reader: _Reader, target: str) -> dict[str, Any] | None:
    return {"TCP": target} if reader.take("tcp", flag) else None


def _grpc(reader: _Reader, target: str) -> dict[str, Any] | None:
    if not reader.take("grpc", flag):
        return None
    return {"GRPC": target, "GRPCUseTLS": bool(reader.take("grpc_use_tls", flag))}


def _path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise ValueError("is no path")
    return text


def _method(text: str) -> str:
    if not _METHOD.fullmatch(text.upper()):
        raise ValueError("is no method of HTTP")
    return text.upper()


def _status(text: str) -> str:
    if text.lower() not in _STATUSES:
        raise ValueError("is neither passing, warning nor critical")
    return text.lower()


def _duration(text: str) -> str:
    try:
        is_some_time = parse_duration(text) > 0
    except ValueError:
        is_some_time = False
    if not is_some_time:
        raise ValueError("is no duration, such as 10s")
    return text
