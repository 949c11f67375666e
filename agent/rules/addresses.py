"""Under which address a container's port is reached by others.

Two pairs exist, and are never mixed: the host's address with the published port, and the
container's address with its own port.
"""

from collections.abc import Mapping

from agent.rules.container import Binding, Container, Network, Port
from agent.rules.refusal import RefusedError, shown
from services.address import is_of_one, parse_ip

_DEFAULT_NETWORKS = frozenset({"default", "bridge"})


def address_of(
    container: Container, port: Port, metadata: Mapping[str, str], host_ip: str, *, internal: bool
) -> tuple[str, int] | None:
    """Return IP address and port, None if *port* is not open to others.

    Args:
        container: whose port it is.
        port: of the container.
        metadata: what the container says of this port.
        host_ip: the host's own address.
        internal: the container's own address is wanted.

    Raises:
        RefusedError: what the container asks for is not there.
    """
    # Another container's network: its ports are told of by that one.
    if container.network_mode.startswith("container:"):
        return None
    forced = _forced_ip(metadata, host_ip)
    if container.network_mode == "host":
        return (forced or host_ip, port.number) if port in container.exposed else None
    if internal:
        own = _network_ip(container, metadata.get("network", "")) if not forced else ""
        ip = forced or (own and _reachable(own, host_ip, "its network has the address"))
        return (ip, port.number) if ip else None
    bindings = container.published.get(port, ())
    return _forced(bindings, forced, host_ip) if forced else _published(bindings, host_ip)


def _forced_ip(metadata: Mapping[str, str], host_ip: str) -> str:
    # Addresses are often at hand with their network: 10.0.0.5/24.
    text = metadata.get("ip", "").strip().partition("/")[0]
    return _reachable(text, host_ip, "SERVICE_IP is") if text else ""


def _published(bindings: tuple[Binding, ...], host_ip: str) -> tuple[str, int] | None:
    """Return the first binding that others reach; those to IPv4 addresses come first.

    Raises:
        RefusedError: it is published, but they reach none.
    """
    refusal = None
    for binding in sorted(bindings, key=lambda one: ":" in one.ip):
        try:
            return _host_ip(binding, host_ip), binding.port
        except RefusedError as exc:
            refusal = refusal or exc
    if refusal is not None:
        raise refusal
    return None


def _forced(bindings: tuple[Binding, ...], ip: str, host_ip: str) -> tuple[str, int] | None:
    """Return *ip* with the same port; whatever it is bound to, *ip* may be forwarded there."""
    try:
        found = _published(bindings, host_ip)
    except RefusedError:
        found = ("", bindings[0].port)
    return found and (ip, found[1])


def _host_ip(binding: Binding, host_ip: str) -> str:
    bound = parse_ip(binding.ip or "0.0.0.0")
    if bound is not None and bound.is_unspecified:
        return host_ip
    return _reachable(binding.ip, host_ip, "published only on")


def _reachable(text: str, host_ip: str, how: str) -> str:
    """Return the address *text*, if a router on another machine gets to this host by it.

    From there 127.0.0.1 is the router's own machine, with all that listens on it, and 169.254.x.x
    whatever its cloud has there. Only the host's own address is above suspicion: somebody has
    told this agent of it, and in a laboratory it may well be a loopback address.
    """
    found = parse_ip(text)
    if found is None:
        raise RefusedError("address", f"{how} {shown(text)}, which is no address")
    if found == parse_ip(host_ip):
        return str(found)
    if not is_of_one(found) or found.is_loopback or found.is_link_local:
        raise RefusedError("address", f"{how} {found}, by which other hosts cannot reach it")
    return str(found)


def _network_ip(container: Container, wanted: str) -> str:
    """Return the container's address in the network *wanted*, or in its main one."""
    networks = container.networks
    if wanted:
        if wanted not in networks or not networks[wanted].ip:
            raise RefusedError("network", f"it has no address in the network {shown(wanted)}")
        return networks[wanted].ip
    main = _main_network(container)
    if main is not None and main.ip:
        return main.ip
    return next((networks[name].ip for name in sorted(networks) if networks[name].ip), "")


def _main_network(container: Container) -> Network | None:
    """Return the network that the container was made in; the mode has its name or its ID."""
    mode = container.network_mode
    name = "bridge" if mode in _DEFAULT_NETWORKS else mode
    if name in container.networks:
        return container.networks[name]
    return next((one for one in container.networks.values() if one.id == mode), None)
