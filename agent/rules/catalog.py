"""From a registration to a service of Consul's catalog, with its checks.

Source: Consul's HTTP API, ``/v1/agent/service/register``; classic Registrator's documentation,
"Consul" backend, for the ``check_*`` keys.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from agent.rules.desired import Registration
from common.durations import parse_duration
from common.hostport import join_hostport
from services.entry import ServiceEntry

HOST = "swarm-host"
"""Metadata key by which an agent knows its own services among the others."""
DIGEST = "swarm-digest"
"""Metadata key that tells whether a service is as it should be, checks included."""

_INTERVAL = "10s"
_TRUE = frozenset({"1", "t", "true", "yes", "on"})
_META_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_META_VALUE_BYTES = 512
_META_PAIRS = 62
"""Consul takes 64; two are ours."""
_LEAST_GRACE_S = 60.0
"""Consul takes nothing shorter for the removal of a service whose check fails."""
_PATH = re.compile(r"/[!-~]*", re.ASCII)
_METHOD = re.compile(r"[A-Z]{1,16}", re.ASCII)
_STATUSES = frozenset({"passing", "warning", "critical"})


def definition_of(registration: Registration, *, ttl_s: float) -> dict[str, Any]:
    """Return the body that registers it.

    A check that the agent passes at every beat takes the service out of answers *ttl_s* seconds
    after the agent's end, and out of Consul a minute later at the soonest. What Consul could not
    take, as metadata or as a check, is left out.
    """
    entry = registration.entry
    alive = {
        "CheckID": alive_check_of(entry),
        "Name": "the agent of this host lives",
        "TTL": f"{ttl_s:g}s",
        "Status": "passing",
        "DeregisterCriticalServiceAfter": f"{max(ttl_s, _LEAST_GRACE_S):g}s",
    }
    definition: dict[str, Any] = {
        "ID": entry.id,
        "Name": entry.folder,
        "Address": entry.ip,
        "Port": entry.published_port,
        "Tags": [*entry.tags, *(("udp",) if entry.protocol == "udp" else ())],
        "Meta": {**_meta(entry.attributes), HOST: entry.host},
        "Checks": [alive, *_own_checks(registration)],
    }
    text = json.dumps(definition, sort_keys=True)
    definition["Meta"][DIGEST] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return definition


def alive_check_of(entry: ServiceEntry) -> str:
    """Return the ID of the check by which the agent says that it lives."""
    return f"{entry.id}:alive"


def digest_of(definition: Mapping[str, Any]) -> str:
    """Return the digest in a definition, or in a service as Consul shows it."""
    return str((definition.get("Meta") or {}).get(DIGEST, ""))


def is_of_host(service: Mapping[str, Any], host: str) -> bool:
    """Whether a service as Consul shows it was registered by the agent of *host*."""
    return (service.get("Meta") or {}).get(HOST) == host


def _meta(attributes: Mapping[str, str]) -> dict[str, str]:
    fitting = [
        (key, value)
        for key, value in sorted(attributes.items())
        if _META_KEY.fullmatch(key) and len(value.encode()) <= _META_VALUE_BYTES
    ]
    return dict(fitting[:_META_PAIRS])


def _own_checks(registration: Registration) -> list[dict[str, Any]]:
    """Return the check that the container asked for, if it is one; nothing that runs a program."""
    said = {key.removeprefix("check_"): value for key, value in registration.checks.items()}
    target = join_hostport(registration.entry.ip, registration.entry.published_port)
    check: dict[str, Any] = {}
    for scheme in ("http", "https"):
        if _PATH.fullmatch(said.get(scheme, "")):
            check = {"HTTP": f"{scheme}://{target}{said[scheme]}"}
            method = said.get(f"{scheme}_method", "").upper()
            if _METHOD.fullmatch(method):
                check["Method"] = method
    if not check and said.get("tcp", "").strip().lower() in _TRUE:
        check = {"TCP": target}
    if not check and said.get("grpc", "").strip().lower() in _TRUE:
        check = {"GRPC": target, "GRPCUseTLS": said.get("grpc_use_tls", "").lower() in _TRUE}
    if check:
        check["Interval"] = _duration(said.get("interval", "")) or _INTERVAL
        if timeout := _duration(said.get("timeout", "")):
            check["Timeout"] = timeout
        check["TLSSkipVerify"] = said.get("tls_skip_verify", "").lower() in _TRUE
    elif ttl := _duration(said.get("ttl", "")):
        check = {"TTL": ttl}
    else:
        return []
    return [{**check, "CheckID": f"{registration.entry.id}:own", **_life(said)}]


def _life(said: Mapping[str, str]) -> dict[str, str]:
    life = {}
    if (status := said.get("initial_status", "").strip().lower()) in _STATUSES:
        life["Status"] = status
    if after := _duration(said.get("deregister_after", "")):
        life["DeregisterCriticalServiceAfter"] = after
    return life


def _duration(text: str) -> str:
    """Return *text* if it is a duration of some length, else nothing."""
    try:
        return text.strip() if parse_duration(text.strip()) > 0 else ""
    except ValueError:
        return ""
