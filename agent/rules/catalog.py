"""From a registration to a service of Consul's catalog, with its checks.

Source: Consul's HTTP API, ``/v1/agent/service/register``.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from agent.rules.checks import check_of
from agent.rules.desired import Registration
from agent.rules.refusal import Refusal
from common.hostport import join_hostport

HOST = "swarm-host"
"""Metadata key by which an agent knows its own services among the others."""
ENGINE = "swarm-engine"
"""Metadata key with the engine's own ID: two hosts may have one name."""
DIGEST = "swarm-digest"
"""Metadata key that tells whether a service is as it should be, checks included."""

_META_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_CONSULS_OWN = "consul-"
_META_VALUE_BYTES = 512
_META_PAIRS = 61
"""Consul takes 64; three are ours."""
_LEAST_GRACE_S = 60.0
"""Consul takes nothing shorter for the removal of a service whose check fails."""


def definition_of(registration: Registration, engine: str, *, ttl_s: float) -> dict[str, Any]:
    """Return the body that registers it as a service of this *engine*, which is an ID.

    A check that the agent passes at every beat takes the service out of answers *ttl_s* seconds
    after the agent's end, and out of Consul a minute later at the soonest. What Consul could not
    take, as metadata or as a check, is left out (`refusals_of`).
    """
    entry = registration.entry
    own = _own_check(registration)[0]
    alive = {
        "CheckID": alive_check_of(entry.id),
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
        "Meta": {**_meta(entry.attributes)[0], HOST: entry.host, ENGINE: engine},
        "Checks": [alive, *([own] if own else [])],
    }
    text = json.dumps(definition, sort_keys=True)
    definition["Meta"][DIGEST] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return definition


def alive_check_of(service_id: str) -> str:
    """Return the ID of the check by which the agent says that it lives."""
    return f"{service_id}:alive"


def container_of(service_id: str) -> str:
    """Return the name of the container in ``<host>:<container>:<port>``."""
    return service_id.partition(":")[2].partition(":")[0]


def digest_of(definition: Mapping[str, Any]) -> str:
    """Return the digest in a definition, or in a service as Consul shows it."""
    return str((definition.get("Meta") or {}).get(DIGEST, ""))


def is_of_host(service: Mapping[str, Any], host: str, engine: str) -> bool:
    """Whether a service as Consul shows it was registered by the agent of *host* and its *engine*.

    Agents of former versions did not name their engine.
    """
    meta = service.get("Meta") or {}
    return meta.get(HOST) == host and meta.get(ENGINE, engine) == engine


def refusals_of(registration: Registration) -> tuple[Refusal, ...]:
    """Return what of *registration* the catalog cannot take, though the keys may."""
    return (*_meta(registration.entry.attributes)[1], *_own_check(registration)[1])


def _meta(attributes: Mapping[str, str]) -> tuple[dict[str, str], tuple[Refusal, ...]]:
    """Return what Consul takes of *attributes*, and what it does not."""
    meta: dict[str, str] = {}
    refusals = []
    for key, value in sorted(attributes.items()):
        problem = _problem(key, value)
        if not problem and len(meta) == _META_PAIRS:
            problem = f"has no more than {_META_PAIRS} attributes of a service"
        if problem:
            refusals.append(Refusal("meta", f"Consul's catalog {problem}: SERVICE_{key.upper()}"))
        else:
            meta[key] = value
    return meta, tuple(refusals)


def _problem(key: str, value: str) -> str:
    """Return why Consul does not take an attribute, nothing if it does."""
    if not _META_KEY.fullmatch(key):
        return "takes only letters, digits, - and _ in keys"
    if key.startswith(_CONSULS_OWN):
        return f"keeps keys with {_CONSULS_OWN} to itself"
    if len(value.encode()) > _META_VALUE_BYTES:
        return f"takes no value of more than {_META_VALUE_BYTES} bytes"
    return ""


def _own_check(registration: Registration) -> tuple[dict[str, Any] | None, tuple[Refusal, ...]]:
    """Return the check that the container asked for, and what of it cannot be had."""
    entry = registration.entry
    check, refusals = check_of(registration.checks, join_hostport(entry.ip, entry.published_port))
    return check and {**check, "CheckID": f"{entry.id}:own"}, refusals
