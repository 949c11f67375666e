"""The wires of a lab: a switch, a cable to each host, one cable to this machine.

    this machine                switch (a network namespace)        host (namespaces of its own)
    swarmlabK ───────────────── uplink ─┬─ dockerhost01 ─────────── eth0  127.0.0.11
    127.0.(10+K).1                      └─ dockerhost02 ─────────── eth0  127.0.0.12

Every address is a loopback address. Linux routes those over a cable once `route_localnet` is set
on it and a route stands in the table `local`, where a single address is more specific than the
loopback device's 127.0.0.0/8. So a host has an address of its own, on all ports, without anything
that could leave the machine. When the switch's process ends, the kernel takes away the switch,
every cable and every route at once: nothing of this can be left behind.
"""

import subprocess
from collections.abc import Iterable, Sequence

from lab.addresses import HostPlan, LabPlan
from lab.errors import LabError
from lab.processes import Process, clean_environment

_FROM_OUTSIDE = ("-s", "127.0.0.0/8", "!", "-o", "lo", "-m", "addrtype", "!", "--src-type", "LOCAL")
"""Matches what came over the cable: a loopback address, but not one of the host's own."""


def connect_machine(switch: Process, plan: LabPlan) -> None:
    """Lay the cable between this machine and the switch, and the routes to the lab's hosts."""
    _ip(switch, ["link add switch type bridge", "link set dev switch up"])
    _ip(None, [f"link add {plan.link} type veth peer name uplink netns {switch.pid}"])
    _ip(switch, ["link set dev uplink master switch", "link set dev uplink up"])
    _ip(None, [f"link set dev {plan.link} address {plan.gateway_mac}"])
    _allow_loopback_addresses(None, plan.link)
    neighbours = ((host.address, host.mac) for host in plan.hosts)
    _ip(None, _reach(plan.link, plan.gateway, neighbours))


def connect_host(switch: Process, host: Process, plan: LabPlan, which: HostPlan) -> None:
    """Lay the cable between the switch and *host*, a process inside the host's namespaces."""
    _ip(
        switch,
        [
            f"link add {which.name} type veth peer name eth0 netns {host.pid}",
            f"link set dev {which.name} master switch",
            f"link set dev {which.name} up",
        ],
    )
    _ip(host, ["link set dev lo up", f"link set dev eth0 address {which.mac}"])
    # On all devices: a container's answer comes in by its bridge, for a loopback address.
    _allow_loopback_addresses(host, "all")
    others = [(plan.gateway, plan.gateway_mac)]
    others += [(other.address, other.mac) for other in plan.hosts if other != which]
    _ip(host, _reach("eth0", which.address, others))
    # A published port is translated to a container's address. The container would drop a packet
    # that comes from a loopback address, so it sees its bridge's address instead.
    run(
        host,
        ["iptables", "-w", "-t", "nat", "-A", "POSTROUTING", *_FROM_OUTSIDE, "-j", "MASQUERADE"],
    )


def unplug(switch: Process, which: HostPlan) -> None:
    """Take the host's cable away, both ends; harmless when it is gone already."""
    if has_device(switch, which.name):
        _ip(switch, [f"link delete dev {which.name}"])


def cut(switch: Process, host: Process, which: HostPlan) -> None:
    """Lose every packet between the host and the rest, silently, both ways; the link stays up."""
    for place, device in ((switch, which.name), (host, "eth0")):
        run(place, f"tc qdisc replace dev {device} root blackhole".split())


def mend(switch: Process, host: Process, which: HostPlan) -> None:
    """Undo `cut`; harmless when nothing was cut."""
    for place, device in ((switch, which.name), (host, "eth0")):
        if "blackhole" in run(place, f"tc qdisc show dev {device} root".split()):
            run(place, f"tc qdisc del dev {device} root".split())


def detour(switch: Process, which: HostPlan) -> None:
    """Lead the host's cable through the two ends that a `lab.delay` process has opened."""
    near, far = delay_ends(which)
    side = f"slow{which.number:02d}"
    _ip(
        switch,
        [
            f"link add {side} type bridge",
            f"link set dev {side} up",
            f"link set dev {far} master {side}",
            f"link set dev {far} up",
            f"link set dev {which.name} master {side}",
            f"link set dev {near} master switch",
            f"link set dev {near} up",
        ],
    )


def straighten(switch: Process, which: HostPlan) -> None:
    """Undo `detour`; harmless when there is none."""
    side = f"slow{which.number:02d}"
    if has_device(switch, side):
        plugged = has_device(switch, which.name)
        commands = [f"link set dev {which.name} master switch"] if plugged else []
        _ip(switch, [*commands, f"link delete dev {side} type bridge"])


def has_device(place: Process, device: str) -> bool:
    """Whether the network of *place* has a device of that name."""
    return any(f" {device}{end}" in run(place, ["ip", "-o", "link", "show"]) for end in ":@")


def delay_ends(which: HostPlan) -> tuple[str, str]:
    """Return the device names of a delay's two ends: towards the switch, towards the host."""
    return f"near{which.number:02d}", f"far{which.number:02d}"


def run(place: Process | None, command: Sequence[str], text: str = "") -> str:
    """Run *command* in the network of *place* (None: this machine's) and return its output.

    Raises:
        LabError: it failed; carries what it said.
    """
    prefix = [] if place is None else ["nsenter", "-t", str(place.pid), "-n", "--"]
    done = subprocess.run(
        [*prefix, *command],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
    )
    if done.returncode != 0:
        raise LabError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout}")
    return done.stdout


def _reach(device: str, own: str, neighbours: Iterable[tuple[str, str]]) -> list[str]:
    """Return `ip` commands that bring *device* up and lead *neighbours* (address, MAC) to it."""
    commands = [f"link set dev {device} up"]
    for address, mac in neighbours:
        commands.append(f"route add {address}/32 dev {device} table local src {own}")
        # Fixed neighbours keep a dead host silent, as a host behind routers is: nobody says that
        # it does not exist.
        commands.append(f"neigh add {address} lladdr {mac} dev {device} nud permanent")
    return commands


def _allow_loopback_addresses(place: Process | None, device: str) -> None:
    # /proc/sys/net shows the network of whoever opens it.
    run(place, ["sh", "-c", f"echo 1 > /proc/sys/net/ipv4/conf/{device}/route_localnet"])


def _ip(place: Process | None, commands: Sequence[str]) -> None:
    """Run several `ip` commands by one process."""
    run(place, ["ip", "-batch", "-"], "\n".join(commands) + "\n")
