"""Services of one Consul agent: what its catalog and its DNS answer from.

Source: Consul's HTTP API, ``/v1/agent/service`` and ``/v1/agent/check``.
"""

from collections.abc import Mapping
from typing import Any

from discovery.consul_http import ConsulHTTP
from discovery.errors import DiscoveryUnavailableError

_NOT_FOUND = 404
_UNKNOWN = frozenset({_NOT_FOUND, 500})
"""What agents answer about a check that they don't know: 500 before Consul 1.12."""


async def services(http: ConsulHTTP) -> dict[str, dict[str, Any]]:
    """Return the agent's services as it shows them, by ID.

    Raises:
        DiscoveryUnavailableError: no good answer.
    """
    reply = await http.request("GET", "/v1/agent/services")
    if not isinstance(reply.body, dict):
        raise DiscoveryUnavailableError("the answer to a list of services is not Consul's")
    return reply.body


async def register(http: ConsulHTTP, definition: Mapping[str, Any]) -> None:
    """Register a service, or replace the one with the same ID."""
    await http.request("PUT", "/v1/agent/service/register", dict(definition))


async def deregister(http: ConsulHTTP, service_id: str) -> None:
    """Take a service out; one that does not exist is fine."""
    path = f"/v1/agent/service/deregister/{service_id}"
    await http.request("PUT", path, expected={_NOT_FOUND})


async def pass_check(http: ConsulHTTP, check_id: str) -> bool:
    """Tell that a TTL check passes; False if the agent does not know it."""
    reply = await http.request("PUT", f"/v1/agent/check/pass/{check_id}", expected=_UNKNOWN)
    return reply.status not in _UNKNOWN
