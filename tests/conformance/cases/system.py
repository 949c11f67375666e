"""The machine as a whole, the protocol itself, and what needs Docker's own swarm mode."""

import json
import time
from functools import partial
from urllib.parse import quote

from tests.conformance.book import Seen, ask, case
from tests.conformance.givens import mounted, stopped
from tests.conformance.sides import Side

_ask = partial(ask, "system")
_ask("ping", "GET /_ping")
_ask("ping without a body", "HEAD /_ping")
_ask("ping by v1.24", "GET /v1.24/_ping")
_ask("options of a path", "OPTIONS /info")
_ask("options of an unknown path", "OPTIONS /nonsense")
_ask("auth without a body", "POST /auth")
_ask("auth with no JSON", "POST /auth", body=b"{x")
_ask(
    "auth at nobody",
    "POST /auth",
    body={"username": "a", "password": "b", "serveraddress": "127.0.0.1:1"},
)
_ask("events with a bad since", "GET /events?since=x&until=1")
_ask("events with until before since", "GET /events?since=2&until=1")
_ask("events with no JSON for filters", "GET /events?until=1&filters={x")
_ask("events of long ago", "GET /events?since=1&until=2")
_ask("disk usage of a kind that is none", "GET /system/df?type=nonsense")
_ask("plugins", "GET /plugins")
_ask("plugins by a bad filter", 'GET /plugins?filters={"x":["y"]}')
_ask("plugins by capability", 'GET /plugins?filters={"capability":["volumedriver"]}')
_ask("an unknown plugin", "GET /plugins/no/such/json")
_ask("enable of an unknown plugin", "POST /plugins/no/such/enable?timeout=0")
_ask("disable of an unknown plugin", "POST /plugins/no/such/disable")
_ask("settings of an unknown plugin", "POST /plugins/no/such/set", body=["A=1"])
_ask("settings that are none", "POST /plugins/no/such/set", body=b"{x")
_ask("removal of an unknown plugin", "DELETE /plugins/no/such")
_ask("privileges without a remote", "GET /plugins/privileges")
_ask("privileges at nobody", "GET /plugins/privileges?remote=127.0.0.1:1/x")
_ask("push of an unknown plugin", "POST /plugins/no/such/push")

_PATHS = (
    "GET /",
    "GET /nonsense",
    "GET /v1.41/nonsense",
    "DELETE /info",
    "PATCH /containers/json",
    "GET /containers/create",
    "POST /containers/json",
    "PUT /_ping",
    "POST /version",
    "GET /vx.y/info",
    "GET /containers",
    "GET /images",
    "GET /exec",
    "GET /images/viz",
    "GET /session",
    "GET /build",
)
for _path in _PATHS:
    ask("paths", _path, _path)
for _version in ("0.1", "1.0", "1.11", "1.23", "1.99", "2.0", "1.41.2", "1"):
    ask("versions", f"v{_version}", f"GET /v{_version}/_ping")
_SWARM = (
    "GET /swarm",
    "POST /swarm/update?version=1",
    "POST /swarm/unlock",
    "GET /swarm/unlockkey",
    "POST /swarm/leave",
    "GET /nodes",
    "GET /nodes/x",
    "DELETE /nodes/x",
    "POST /nodes/x/update?version=1",
    "GET /services",
    "POST /services/create",
    "GET /services/x",
    "DELETE /services/x",
    "POST /services/x/update?version=1",
    "GET /services/x/logs?stdout=1",
    "GET /tasks",
    "GET /tasks/x",
    "GET /tasks/x/logs?stdout=1",
    "GET /secrets",
    "POST /secrets/create",
    "GET /secrets/x",
    "DELETE /secrets/x",
    "POST /secrets/x/update?version=1",
    "GET /configs",
    "POST /configs/create",
    "GET /configs/x",
    "DELETE /configs/x",
    "POST /configs/x/update?version=1",
)
for _path in _SWARM:
    _has_body = _path.startswith("POST") and "leave" not in _path
    ask("swarm mode", _path, _path, body={} if _has_body else None)


@case("system", "what version has")
def _version_keys(side: Side) -> Seen:
    body = side.must("GET", "/version").json()
    return {key: type(value).__name__ for key, value in body.items()}


@case("system", "what info has")
def _info_keys(side: Side) -> Seen:
    body = side.must("GET", "/info").json()
    return {key: type(value).__name__ for key, value in body.items()}


@case("system", "whose headers they are")
def _own_headers(side: Side) -> Seen:
    headers = side.must("GET", "/_ping").headers
    return {name: headers[name].split("/")[0] for name in headers if name == "server"}


def _shape(value: object) -> Seen:
    """What a value is made of: keys and kinds."""
    if isinstance(value, dict):
        return {key: _shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shape(one) for one in value[:1]]
    return type(value).__name__


for _where in ("", "/v1.24", "/v1.41"):

    def _usage(side: Side, where: str = _where) -> Seen:
        mounted(side)
        return _shape(side.must("GET", f"{where}/system/df").json())

    case("system", f"disk usage{_where and ' by ' + _where[1:]}")(_usage)


@case("system", "disk usage of volumes alone")
def _usage_of_volumes(side: Side) -> Seen:
    mounted(side)
    return side.ask("GET", "/system/df?type=volume")


def _events(side: Side, where: str = "") -> Seen:
    """What a container's life is told as."""
    stopped(side)
    container = side.must("GET", "/containers/web/json").json()["Id"]
    filters = quote(json.dumps({"container": [container]}))
    until = f"{time.time():.9f}"
    return side.ask("GET", f"{where}/events?since=1&until={until}&filters={filters}")


case("system", "events of a container")(_events)
case("system", "events of a container by v1.24")(lambda side: _events(side, "/v1.24"))
