"""Networks and volumes: make, inspect, list, connect, remove, prune."""

from functools import partial

from tests.conformance.book import Given, Seen, ask, case, nothing
from tests.conformance.givens import apart, member, mounted, network, volume
from tests.conformance.sides import Side

_ask = partial(ask, "networks")
_CREATE = "POST /networks/create"


def _list(name: str, request: str, given: Given = nothing) -> None:
    """A case that lists: engines have no order in what they list."""

    def look(side: Side) -> Seen:
        given(side)
        seen = side.ask(*request.split(" ", 1))
        if isinstance(seen["body"], list):
            seen["body"].sort(key=lambda row: row["Name"])
        return seen

    case("networks", name)(look)


_list("list", "GET /networks")
_list("list with a slash", "GET /networks/")
_ask("create", _CREATE, body={"Name": "net"})
_ask("create by v1.24", "POST /v1.24/networks/create", body={"Name": "net"})
_ask("create in small letters", _CREATE, body={"name": "net", "driver": "bridge"})
_ask("create without a name", _CREATE, body={})
_ask("create with a bad name", _CREATE, body={"Name": " "})
_ask("create with a slash", _CREATE, body={"Name": "a/b"})
_ask("create of a taken name", _CREATE, given=network, body={"Name": "net", "CheckDuplicate": True})
_ask("create of a predefined name", _CREATE, body={"Name": "bridge", "CheckDuplicate": True})
_ask("create of host", _CREATE, body={"Name": "host"})
_ask("create with the driver host", _CREATE, body={"Name": "net", "Driver": "host"})
_ask(
    "create with a bad subnet", _CREATE, body={"Name": "net", "IPAM": {"Config": [{"Subnet": "x"}]}}
)
_ask(
    "create with a gateway outside",
    _CREATE,
    body={"Name": "net", "IPAM": {"Config": [{"Subnet": "10.99.0.0/24", "Gateway": "10.98.0.1"}]}},
)
_ask(
    "create with host bits in the subnet",
    _CREATE,
    body={"Name": "net", "IPAM": {"Config": [{"Subnet": "10.99.0.5/24"}]}},
)
_ask("create of an overlay", _CREATE, body={"Name": "net", "Driver": "overlay"})
_ask("create of an attachable bridge", _CREATE, body={"Name": "net", "Attachable": True})
_ask("create of an ingress", _CREATE, body={"Name": "net", "Ingress": True})
_ask("create in the scope of a swarm", _CREATE, body={"Name": "net", "Scope": "swarm"})
_ask("create from an unknown config", _CREATE, body={"Name": "net", "ConfigFrom": {"Network": "x"}})
_ask("create without a body", _CREATE)
_ask("create with no JSON", _CREATE, body=b"{x")
_ask("create with a list", _CREATE, body=[])
_ask("create with a number for the name", _CREATE, body={"Name": 5})
_ask("create not as JSON", _CREATE, body=b'{"Name":"net"}', headers={"Content-Type": "text/plain"})
_ask("inspect", "GET /networks/net", given=network)
_ask("inspect with a member", "GET /networks/net", given=member)
_ask("inspect, verbose", "GET /networks/net?verbose=1", given=network)
_ask("inspect with a bad bool", "GET /networks/net?verbose=maybe", given=network)
_ask("inspect in another scope", "GET /networks/net?scope=swarm", given=network)
_ask("inspect by v1.24", "GET /v1.24/networks/net", given=member)
_ask("inspect of bridge", "GET /networks/bridge")
_ask("inspect of none", "GET /networks/none")
_ask("inspect of an unknown one", "GET /networks/nothing")
_ask("inspect of a name with slashes", "GET /networks/a/b/c")
_list("list by name", 'GET /networks?filters={"name":["ne"]}', given=network)
_list("list by driver", 'GET /networks?filters={"driver":["bridge"]}', given=network)
_list("list of custom ones", 'GET /networks?filters={"type":["custom"]}', given=network)
_list("list by a bad type", 'GET /networks?filters={"type":["x"]}')
_list("list by a bad scope", 'GET /networks?filters={"scope":["x"]}')
_list("list of dangling ones", 'GET /networks?filters={"dangling":["true"]}', given=network)
_list("list by a bad dangling", 'GET /networks?filters={"dangling":["x"]}')
_list("list by an unknown filter", 'GET /networks?filters={"x":["y"]}')
_list("list by filters that are no JSON", "GET /networks?filters={x")
_list("list by v1.24", 'GET /v1.24/networks?filters={"name":["ne"]}', given=network)
_ask("connect", "POST /networks/net/connect", given=apart, body={"Container": "web"})
_ask(
    "connect in small letters",
    "POST /networks/net/connect",
    given=apart,
    body={"container": "web", "endpointconfig": {}},
)
_ask(
    "disconnect in small letters",
    "POST /networks/net/disconnect",
    given=member,
    body={"container": "web", "force": True},
)
_ask("connect twice", "POST /networks/net/connect", given=member, body={"Container": "web"})
_ask(
    "connect to an unknown one",
    "POST /networks/nothing/connect",
    given=apart,
    body={"Container": "web"},
)
_ask(
    "connect of an unknown container",
    "POST /networks/net/connect",
    given=apart,
    body={"Container": "nobody"},
)
_ask("connect of no container", "POST /networks/net/connect", given=apart, body={})
_ask("connect to host", "POST /networks/host/connect", given=member, body={"Container": "web"})
_ask(
    "connect at a bad address",
    "POST /networks/net/connect",
    given=apart,
    body={"Container": "web", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "x"}}},
)
_ask(
    "connect at an address outside",
    "POST /networks/bridge/connect",
    given=member,
    body={"Container": "web", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "1.2.3.4"}}},
)
_ask("connect without a body", "POST /networks/net/connect", given=apart)
_ask("connect with no JSON", "POST /networks/net/connect", given=apart, body=b"{x")
_ask("disconnect", "POST /networks/net/disconnect", given=member, body={"Container": "web"})
_ask(
    "disconnect of what is not connected",
    "POST /networks/net/disconnect",
    given=apart,
    body={"Container": "web"},
)
_ask(
    "disconnect of an unknown container",
    "POST /networks/net/disconnect",
    given=network,
    body={"Container": "nobody"},
)
_ask(
    "disconnect from an unknown one", "POST /networks/nothing/disconnect", body={"Container": "web"}
)
_ask("disconnect without a body", "POST /networks/net/disconnect", given=network)
_ask("removal", "DELETE /networks/net", given=network)
_ask("removal of one in use", "DELETE /networks/net", given=member)
_ask("removal of an unknown one", "DELETE /networks/nothing")
_ask("removal of bridge", "DELETE /networks/bridge")
_ask("removal of host", "DELETE /networks/host")
_ask("prune of none", "POST /networks/prune")
_ask("prune", "POST /networks/prune", given=network)
_ask("prune with one in use", "POST /networks/prune", given=member)
_ask("prune by an unknown filter", 'POST /networks/prune?filters={"x":["y"]}')
_ask("prune by a bad until", 'POST /networks/prune?filters={"until":["x"]}')


@case("networks", "a member's inspect")
def _inspect_of_a_member(side: Side) -> Seen:
    member(side)
    return side.ask("GET", "/containers/web/json")["body"]["NetworkSettings"]["Networks"]


@case("networks", "names are found")
def _names_are_found(side: Side) -> Seen:
    network(side)
    for name, aliases in (("one", ["first"]), ("two", [])):
        body = {
            "Image": "busybox",
            "Cmd": ["sleep", "600"],
            "HostConfig": {"NetworkMode": "net"},
            "NetworkingConfig": {"EndpointsConfig": {"net": {"Aliases": aliases}}},
        }
        side.must("POST", f"/containers/create?name={name}", body)
        side.must("POST", f"/containers/{name}/start")
    return [
        side.docker("exec", "two", "ping", "-c1", "-w1", name, check=False).code
        for name in ("one", "first")
    ]


_vol = partial(ask, "volumes")
_MAKE = "POST /volumes/create"
_vol("create", _MAKE, body={"Name": "vol"})
_vol("create with labels", _MAKE, body={"Name": "vol", "Labels": {"a": "b"}})
_vol("create twice", _MAKE, given=volume, body={"Name": "vol"})
_vol("create without a name", _MAKE, body={})
_vol("create without a body", _MAKE)
_vol("create with a bad name", _MAKE, body={"Name": "a b"})
_vol("create with a short name", _MAKE, body={"Name": "v"})
_vol("create with a long name", _MAKE, body={"Name": "v" * 300})
_vol("create with a number for the name", _MAKE, body={"Name": 5})
_vol(
    "create with an option that local lacks", _MAKE, body={"Name": "vol", "DriverOpts": {"x": "y"}}
)
_vol("create with half of the options", _MAKE, body={"Name": "vol", "DriverOpts": {"o": "size=1"}})
_vol("create with no JSON", _MAKE, body=b"{x")
_vol("create with a list", _MAKE, body=[])
_vol("create not as JSON", _MAKE, body=b"{}", headers={"Content-Type": "text/plain"})
_vol("create by v1.24", "POST /v1.24/volumes/create", body={"Name": "vol"})
_vol("inspect", "GET /volumes/vol", given=volume)
_vol("inspect by v1.24", "GET /v1.24/volumes/vol", given=volume)
_vol("inspect of an unknown one", "GET /volumes/nothing")
_vol("inspect of a bad name", "GET /volumes/a%20b")
_vol("list of none", "GET /volumes")
_vol("list", "GET /volumes", given=volume)
_vol("list by name", 'GET /volumes?filters={"name":["vo"]}', given=volume)
_vol("list by label", 'GET /volumes?filters={"label":["a=b"]}', given=volume)
_vol("list by driver", 'GET /volumes?filters={"driver":["x"]}', given=volume)
_vol("list of dangling ones", 'GET /volumes?filters={"dangling":["true"]}', given=mounted)
_vol("list by a bad dangling", 'GET /volumes?filters={"dangling":["x"]}')
_vol("list by an unknown filter", 'GET /volumes?filters={"x":["y"]}')
_vol("list by filters that are no JSON", "GET /volumes?filters={x")
_vol("removal", "DELETE /volumes/vol", given=volume)
_vol("removal of one in use", "DELETE /volumes/vol", given=mounted)
_vol("removal of one in use by force", "DELETE /volumes/vol?force=1", given=mounted)
_vol("removal of an unknown one", "DELETE /volumes/nothing")
_vol("removal of an unknown one by force", "DELETE /volumes/nothing?force=1")
_vol("removal with a bad bool", "DELETE /volumes/vol?force=x", given=volume)
_vol("change of one", "PUT /volumes/vol", given=volume, body={"Spec": {}})
_vol("prune", "POST /volumes/prune", given=volume)
_vol("prune of all", 'POST /volumes/prune?filters={"all":["1"]}', given=volume)
_vol("prune by label", 'POST /volumes/prune?filters={"label":["a=b"]}', given=volume)
_vol("prune by an unknown filter", 'POST /volumes/prune?filters={"x":["y"]}')
_vol("prune by v1.41", "POST /v1.41/volumes/prune", given=volume)


@case("volumes", "a container's mounts")
def _mounts(side: Side) -> Seen:
    mounted(side)
    return side.ask("GET", "/containers/web/json")["body"]["Mounts"]
