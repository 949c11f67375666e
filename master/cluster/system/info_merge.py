"""Many engines' ``GET /info`` made one: `merged_info`. Pure, and never raises on odd answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from master.cluster.lenient import as_list, as_mapping, as_texts

Info = Mapping[str, Any]

_IF_EQUAL = {
    "Driver": "",
    "LoggingDriver": "",
    "CgroupDriver": "",
    "KernelVersion": "",
    "OSVersion": "",
    "DockerRootDir": "",
    "InitBinary": "",
    "LiveRestoreEnabled": False,
    "DefaultAddressPools": None,
    "FirewallBackend": None,
}
"""Shown if all engines say the same; else this: a value of one engine would be wrong for others.
A key whose default is None is left out then."""
_MAJORITY = {"CgroupVersion": "1", "DefaultRuntime": "runc", "OSType": "linux", "Architecture": ""}
"""Clients choose images and options by these: most engines decide."""
_IF_ALL = (
    "MemoryLimit",
    "SwapLimit",
    "KernelMemory",
    "KernelMemoryTCP",
    "CpuCfsPeriod",
    "CpuCfsQuota",
    "CPUShares",
    "CPUSet",
    "PidsLimit",
    "OomKillDisable",
    "IPv4Forwarding",
    "BridgeNfIptables",
    "BridgeNfIp6tables",
)
"""An option works wherever a container lands only if every engine that knows it has it."""
_RETIRED = frozenset({"KernelMemory"})
"""Gone from API 1.42 on: no client can rely on what no engine names."""
_COMMITS = ("ContainerdCommit", "RuncCommit", "InitCommit")
_UNKNOWN_COMMIT = {"ID": "N/A", "Expected": "N/A"}
_PLUGIN_KINDS = ("Volume", "Network", "Log")
_NO_SWARM_MODE = {
    "NodeID": "",
    "NodeAddr": "",
    "LocalNodeState": "inactive",
    "ControlAvailable": False,
    "Error": "",
    "RemoteManagers": None,
}
"""The cluster is no swarm-mode node, whatever its engines are: clients look at the state."""
_NAMES_SHOWN = 3


def merged_info(infos: Sequence[Info]) -> dict[str, Any]:
    """Return what a client may rely on whichever engine serves it.

    Args:
        infos: the engines' own answers, in the order in which they are shown.

    Returns:
        A body for ``GET /info`` without sums, names, times and ``SystemStatus``.
    """
    equal = {key: _if_equal(infos, key, default) for key, default in _IF_EQUAL.items()}
    return {
        **{key: value for key, value in equal.items() if value is not None},
        **{key: majority(infos, key, default) for key, default in _MAJORITY.items()},
        **_options(infos),
        **{key: _if_equal(infos, key, _UNKNOWN_COMMIT) for key in _COMMITS},
        "DriverStatus": _in_all([as_list(info.get("DriverStatus")) for info in infos]),
        "SecurityOptions": _in_all([as_list(info.get("SecurityOptions")) for info in infos]),
        "Plugins": _plugins([as_mapping(info.get("Plugins")) for info in infos]),
        "Runtimes": _union([as_mapping(info.get("Runtimes")) for info in infos]) or {"runc": {}},
        "RegistryConfig": _registries([as_mapping(info.get("RegistryConfig")) for info in infos]),
        "Warnings": _warnings(infos),
        "Swarm": _NO_SWARM_MODE,
        "IndexServerAddress": "https://index.docker.io/v1/",
        "Labels": [],
        "GenericResources": None,
        "ExperimentalBuild": False,
        "Isolation": "",
        "CDISpecDirs": [],
    }


def majority(bodies: Iterable[Mapping[str, Any]], key: str, default: str) -> str:
    """Return the text that most bodies have under *key*; of equally many, the first one's."""
    counted = Counter(value for body in bodies if isinstance(value := body.get(key), str) and value)
    return counted.most_common(1)[0][0] if counted else default


def _options(infos: Sequence[Info]) -> dict[str, bool]:
    """Return what works on every engine; a retired option only if some engine still names it."""
    return {
        key: all(info.get(key) is not False for info in infos)
        for key in _IF_ALL
        if key not in _RETIRED or any(key in info for info in infos)
    }


def _if_equal(infos: Sequence[Info], key: str, default: Any) -> Any:
    values = [info.get(key) for info in infos]
    is_equal = bool(values) and all(value == values[0] for value in values)
    return values[0] if is_equal and values[0] is not None else default


def _in_all(lists: Sequence[list[Any]]) -> list[Any]:
    """Return what stands in each list, in the first one's order."""
    return [item for item in lists[0] if all(item in other for other in lists)] if lists else []


def _union(mappings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return all entries; of one key, the first one's."""
    merged: dict[str, Any] = {}
    for mapping in mappings:
        for key, value in mapping.items():
            merged.setdefault(key, value)
    return merged


def _plugins(plugins: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    by_kind = {
        kind: _in_all([as_list(each.get(kind)) for each in plugins]) for kind in _PLUGIN_KINDS
    }
    return {**by_kind, "Authorization": None}


def _registries(configs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        **_union(configs),
        "InsecureRegistryCIDRs": _texts(configs, "InsecureRegistryCIDRs"),
        "IndexConfigs": _union(as_mapping(config.get("IndexConfigs")) for config in configs),
        "Mirrors": _texts(configs, "Mirrors"),
    }


def _texts(bodies: Iterable[Mapping[str, Any]], key: str) -> list[str]:
    return list(dict.fromkeys(text for body in bodies for text in as_texts(body.get(key))))


def _warnings(infos: Iterable[Info]) -> list[str]:
    """Return each warning once, with the nodes that gave it."""
    nodes: dict[str, list[str]] = {}
    for info in infos:
        for warning in as_texts(info.get("Warnings")):
            nodes.setdefault(warning, []).append(str(info.get("Name", "")))
    return [f"{_some(names)}: {warning}" for warning, names in nodes.items()]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    rest = len(names) - _NAMES_SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown
