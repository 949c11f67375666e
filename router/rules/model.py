"""What a proxy is told: frozen values that any template can write down as they stand.

Every text in here has passed `router.rules.grammar`, so none holds a character to which a proxy's
file gives a meaning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Mode = Literal["http", "tcp"]
Balance = Literal["roundrobin", "leastconn", "source", "random"]


@dataclass(frozen=True, slots=True)
class Server:
    """One container's port as the proxy reaches it."""

    name: str
    """``<host>:<container>:<port>``: unique in its backend."""
    address: str
    """``<ip>:<port>``, an IPv6 address in brackets."""
    weight: int = 1
    """1 to 256: its share among its backend's servers."""
    is_backup: bool = False
    """Used only while no other server is up."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One service on one port."""

    name: str
    """``<service>-<port>``."""
    mode: Mode = "http"
    balance: Balance = "roundrobin"
    check_path: str = ""
    """Path (with query) that a healthy server answers with 2xx or 3xx; empty: a connection
    suffices."""
    servers: tuple[Server, ...] = ()
    """By name; may be empty: the service is known, and answers 503."""

    @property
    def has_only_backups(self) -> bool:
        """Whether no server would be asked first; Nginx refuses that."""
        return all(server.is_backup for server in self.servers)


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """Requests to a host, under a path, and the backend that answers them."""

    host: str
    """Lower case."""
    path: str
    """Prefix of whole segments, without a slash at its end; empty: every path."""
    backend: str


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    """A port of the edge whose connections are passed on as they are."""

    port: int
    backend: str


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """Hosts that have the same paths, with the backend of each path."""

    hosts: tuple[str, ...]
    paths: tuple[tuple[str, str], ...]
    """(path, backend), the longest path first."""


@dataclass(frozen=True, slots=True)
class Model:
    """A whole edge."""

    backends: tuple[Backend, ...] = ()
    """By name, which is unique even without regard to case."""
    routes: tuple[Route, ...] = ()
    """Each host and path once."""
    listeners: tuple[Listener, ...] = ()
    """Each port once."""

    def without_servers(self) -> "Model":
        """Return the same edge with empty backends: what only a reload can change."""
        return replace(self, backends=tuple(replace(one, servers=()) for one in self.backends))

    @property
    def backend_of(self) -> Mapping[str, Backend]:
        """The backends by name."""
        return {backend.name: backend for backend in self.backends}

    @property
    def virtual_hosts(self) -> tuple[VirtualHost, ...]:
        """The routes for a proxy that looks for the host first."""
        paths: dict[str, list[tuple[str, str]]] = {}
        for route in sorted(self.routes, key=lambda one: (one.host, -len(one.path), one.path)):
            paths.setdefault(route.host, []).append((route.path, route.backend))
        hosts: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for host, table in paths.items():
            hosts.setdefault(tuple(table), []).append(host)
        return tuple(VirtualHost(tuple(names), table) for table, names in hosts.items())
