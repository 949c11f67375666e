"""What an engine says of itself (``GET /info``, ``GET /version``): checked, and made an `Engine`.

What is refused, and in which words, is classic Swarm's (docker/swarm 1.2.9, cluster/engine.go). An
engine's answer is data from elsewhere: nothing here raises on a missing field or a wrong type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from master.cluster.model import OLDEST_API, ApiVersion, Engine, Health
from master.cluster.rows import epoch

_API_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})")
_OLDEST_MINIMUM: ApiVersion = (1, 12)
"""What an engine accepts that doesn't say (before 17.06): its real minimum."""
NOTICEABLE_SKEW_S = 2.0
"""Below this, network delay and one-second resolution explain the difference (as classic)."""
_SPEC_LABELS = (
    ("storagedriver", "Driver"),
    ("kernelversion", "KernelVersion"),
    ("operatingsystem", "OperatingSystem"),
    ("ostype", "OSType"),
)
_RESERVED_LABEL = "node"
"""``constraint:node==x`` means the node's name, so a daemon label of that name can't count."""


def validate_info(
    info: Mapping[str, Any],
    version: Mapping[str, Any],
    address: str,
    engines: Mapping[str, Engine],
) -> tuple[str, ...]:
    """Return why the daemon at *address* must not be used, in classic's words; empty if it may.

    Args:
        info: its ``GET /info``.
        version: its ``GET /version``.
        address: where it was reached.
        engines: all engines by address, this one among them: an ID must stay, and two addresses
            must not be one daemon.
    """
    return (
        *_resource_problems(info, version, address),
        *_version_problems(version, address),
        *_label_problems(info, address),
        *_identity_problems(info, address, engines),
    )


def warnings_for(
    info: Mapping[str, Any], address: str, engines: Mapping[str, Engine]
) -> tuple[str, ...]:
    """Return what is odd about a daemon that may be used all the same: for the log."""
    odd = []
    if any(label.partition("=")[0] == _RESERVED_LABEL for label in _daemon_labels(info)):
        odd.append(
            f"Engine {address}: its label '{_RESERVED_LABEL}' is ignored, "
            "since constraint:node means the node's name"
        )
    odd.extend(
        f"Engine {address} has the ID of {other.address} ({other.name}): was the machine cloned? "
        "Both are used; remove one's key file and restart its daemon to tell them apart"
        for other in _others_with_same_id(info, address, engines)
        if other.name != _text(info, "Name")
    )
    return tuple(odd)


def engine_from_info(
    address: str, ip: str, info: Mapping[str, Any], version: Mapping[str, Any], now: float
) -> Engine:
    """Return the `Engine` that *info* and *version* describe; its health is still pending.

    Args:
        address: its key.
        ip: where published ports of its containers can be reached.
        info: its ``GET /info``, already validated.
        version: its ``GET /version``.
        now: seconds since the epoch when *info* arrived.
    """
    return Engine(
        address=address,
        id=engine_id(info, address),
        name=_text(info, "Name"),
        ip=ip,
        updated_at=now,
        labels=node_labels(info),
        cpus=_number(info, "NCPU"),
        memory=_number(info, "MemTotal"),
        api_version=parse_api_version(version.get("ApiVersion")) or OLDEST_API,
        min_api_version=parse_api_version(version.get("MinAPIVersion")) or _OLDEST_MINIMUM,
        server_version=_text(info, "ServerVersion") or _text(version, "Version"),
        info=info,
        version=version,
        clock_skew_s=clock_skew(info, now),
    )


def engine_id(info: Mapping[str, Any], address: str) -> str:
    """Return ``<daemon ID>|<address>``: cloned machines share the first half."""
    return f"{_text(info, 'ID')}|{address}"


def node_labels(info: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels that constraints see: four of our own, then the daemon's.

    Our own win over a daemon label of the same key, and of two daemon labels the first does.
    """
    labels = {key: _text(info, field) for key, field in _SPEC_LABELS}
    for label in _daemon_labels(info):
        key, _, value = label.partition("=")
        if key != _RESERVED_LABEL:
            labels.setdefault(key, value)
    return labels


def clock_skew(info: Mapping[str, Any], now: float) -> float:
    """Return this machine's clock minus the engine's, in seconds; 0 below two seconds."""
    theirs = epoch(info.get("SystemTime"))
    skew = now - theirs if theirs else 0.0
    return skew if abs(skew) >= NOTICEABLE_SKEW_S else 0.0


def parse_api_version(text: object) -> ApiVersion | None:
    """Return ``"1.44"`` as ``(1, 44)``; None if it is no API version."""
    match = _API_VERSION.fullmatch(text) if isinstance(text, str) else None
    return (int(match[1]), int(match[2])) if match else None


def _resource_problems(
    info: Mapping[str, Any], version: Mapping[str, Any], address: str
) -> Iterator[str]:
    is_manager = any(
        text.startswith("swarm/")
        for text in (_text(version, "Version"), _text(info, "ServerVersion"))
    )
    # A manager as an engine (itself, in the worst case) would hand its requests round in circles.
    if is_manager or _number(info, "NCPU") <= 0 or _number(info, "MemTotal") <= 0:
        yield (
            f"cannot get resources for this engine, make sure {address} is a Docker Engine, "
            "not a Swarm manager"
        )


def _version_problems(version: Mapping[str, Any], address: str) -> Iterator[str]:
    newest = parse_api_version(version.get("ApiVersion"))
    if newest is not None and newest < OLDEST_API:
        yield (
            f"engine {address} speaks API version {newest[0]}.{newest[1]} at most, "
            f"older than {OLDEST_API[0]}.{OLDEST_API[1]}: please upgrade it"
        )


def _label_problems(info: Mapping[str, Any], address: str) -> Iterator[str]:
    for label in _daemon_labels(info):
        if "=" not in label:
            yield (
                f"Engine (ID: {engine_id(info, address)}, Addr: {address}) contains an invalid "
                f'label ({label}) not formatted as "key=value".'
            )
            return


def _identity_problems(
    info: Mapping[str, Any], address: str, engines: Mapping[str, Engine]
) -> Iterator[str]:
    own, new_id = engines.get(address), engine_id(info, address)
    if own is not None and own.id and own.id != new_id:
        yield (
            f"Engine (ID: {own.id}, Addr: {address}) shows up with another ID:{new_id}. "
            "Please remove it from cluster, it can be added back."
        )
    for other in _others_with_same_id(info, address, engines):
        # A clone has at least another hostname; ID and hostname together are one daemon that is
        # listed twice, and every container on it would be in the cluster twice.
        if other.name == _text(info, "Name"):
            yield (
                f"ID duplicated. {_text(info, 'ID')} shared by this node {address} "
                f"and another node {other.address}"
            )
            return


def _others_with_same_id(
    info: Mapping[str, Any], address: str, engines: Mapping[str, Engine]
) -> Iterator[Engine]:
    daemon_id = _text(info, "ID")
    for other in engines.values():
        in_use = other.health in {Health.HEALTHY, Health.UNHEALTHY}
        same_id = other.id == f"{daemon_id}|{other.address}"
        if daemon_id and in_use and same_id and other.address != address:
            yield other


def _daemon_labels(info: Mapping[str, Any]) -> Iterator[str]:
    labels = info.get("Labels")
    if isinstance(labels, list):
        yield from (label for label in labels if isinstance(label, str))


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""


def _number(body: Mapping[str, Any], key: str) -> int:
    value = body.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
