"""Which commands bring a running HAProxy's servers to those of a model; pure.

Sources: HAProxy 2.6's management guide, section 9.3 ("add server", "set server", "show stat");
what a server added at run time does not inherit from ``default-server`` is in SERVER_OPTIONS.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from common.hostport import join_hostport, split_hostport
from router.rules.model import Model, Server

SERVER_OPTIONS = "check inter 2s fastinter 500ms fall 2 rise 1"
_SERVER_ROW = "2"
_MAINTENANCE = "MAINT"


@dataclass(frozen=True, slots=True)
class Running:
    """One server as HAProxy shows it."""

    address: str
    """As `_spelled` writes it."""
    weight: int
    is_backup: bool
    is_out: bool
    """In maintenance: it gets no new connections."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the runtime API."""

    command: str
    good: tuple[str, ...] = ()
    """Beginnings of the answers that mean success, besides no answer."""


Servers = Mapping[tuple[str, str], Running]
"""By names of backend and server."""

_CHANGED = ("IP changed", "port changed", "no need to change")
_ADDED = ("New server registered",)
_REMOVED = ("Server deleted", "Server still has connections")


def running_servers(stat: str) -> Servers:
    """Return the servers in the answer to ``show stat``.

    Raises:
        ValueError: not such an answer.
    """
    rows = csv.DictReader(stat.removeprefix("# ").splitlines())
    try:
        return {
            (row["pxname"], row["svname"]): Running(
                address=_spelled(row["addr"]),
                weight=int(row["uweight"]),
                is_backup=row["bck"] == "1",
                is_out=row["status"].startswith(_MAINTENANCE),
            )
            for row in rows
            if row["type"] == _SERVER_ROW
        }
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"HAProxy's table of servers lacks {exc}") from exc


def is_in_force(model: Model, servers: Servers) -> bool:
    """Whether *servers*, without those in maintenance, are the ones of *model*."""
    active = {name: server for name, server in servers.items() if not server.is_out}
    return active == {name: _as_running(server) for name, server in _wanted(model)}


def steps(model: Model, servers: Servers) -> list[Step] | None:
    """Return the commands that make *servers* those of *model*.

    New servers come first, so that no backend is empty in between. None: only a reload can, since
    a server that is in use changes what cannot be changed.
    """
    wanted = dict(_wanted(model))
    found: list[Step] = []
    for (backend, name), server in wanted.items():
        there = servers.get((backend, name))
        if there is None:
            found += _add(f"{backend}/{name}", server)
        elif there.is_backup != server.is_backup:
            return None
        else:
            found += _change(f"{backend}/{name}", server, there)
    for (backend, name), there in servers.items():
        if (backend, name) not in wanted:
            found += _remove(f"{backend}/{name}", there)
    return found


def _wanted(model: Model) -> Iterator[tuple[tuple[str, str], Server]]:
    for backend in model.backends:
        for server in backend.servers:
            yield (backend.name, server.name), server


def _as_running(server: Server) -> Running:
    return Running(_spelled(server.address), server.weight, server.is_backup, is_out=False)


def _spelled(address: str) -> str:
    """Return *address* in the one spelling by which two of them are compared.

    HAProxy shows ``[::ffff:10.0.0.1]:80`` where Python writes ``[::ffff:a00:1]:80``, and either
    may have been typed in yet another way.
    """
    host, _, port = address.rpartition(":")
    try:
        return join_hostport(str(ip_address(host.removeprefix("[").removesuffix("]"))), int(port))
    except ValueError:
        return address  # no address of the model's, so it stands for a difference


def _add(name: str, server: Server) -> list[Step]:
    backup = " backup" if server.is_backup else ""
    options = f"{SERVER_OPTIONS} weight {server.weight}{backup}"
    return [
        Step(f"add server {name} {server.address} {options}", _ADDED),
        Step(f"enable health {name}"),
        Step(f"enable server {name}"),
    ]


def _change(name: str, server: Server, there: Running) -> list[Step]:
    found = []
    if there.address != _spelled(server.address):
        host, port = split_hostport(server.address)
        found.append(Step(f"set server {name} addr {host} port {port}", _CHANGED))
    if there.weight != server.weight:
        found.append(Step(f"set server {name} weight {server.weight}"))
    if there.is_out:
        found.append(Step(f"set server {name} state ready"))
    return found


def _remove(name: str, there: Running) -> list[Step]:
    # In maintenance it gets nothing new and ends what it has; only an idle one can be deleted, so
    # one that is still busy stays until the next change.
    out = [] if there.is_out else [Step(f"set server {name} state maint")]
    return [*out, Step(f"del server {name}", _REMOVED)]
