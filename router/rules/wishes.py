"""What each service asks of the edge, read from what its containers say; pure.

A value counts only where it is well formed (`router.rules.grammar`): a bad one is refused and
named, the rest of the service goes on. Whether a service gets what it asks for depends on the
others, and is decided in `router.rules.build`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from router.rules import grammar
from router.rules.complaints import Conflict, Refusal
from router.rules.model import Backend, Mode, Server
from services.entry import ServiceEntry

_Value = TypeVar("_Value")
_MAX_HOSTS = 32
"""Host names (and, times them, paths) of one service; bounds what one container can blow up."""
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Rules:
    """What of the edge the services cannot choose."""

    domain: str = ""
    """Each service is also found at ``<service>.<domain>``; empty: at its bare name only."""
    tcp_ports: tuple[int, int] = (1024, 65535)
    """First and last port that SERVICE_LISTEN may name."""
    taken_ports: frozenset[int] = frozenset()
    """Ports of the edge that others hold, such as the one for http."""
    has_tcp: bool = True
    """Whether the proxy can pass on plain connections."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One service on one port, and what it asks for."""

    service: str
    backend: Backend
    is_here: bool
    """Has servers; otherwise it has ended lately."""
    since: int
    """Consul's index when its oldest container came."""
    hosts: Mapping[tuple[str, str], "HostWish"] = field(default_factory=dict)
    """By host and path."""
    port: int = 0
    """Of the edge; 0: none."""
    port_since: int = 0


@dataclass(frozen=True, slots=True)
class HostWish:
    """A host, with a path, that a service asks for."""

    is_said: bool
    """A container named the host; otherwise it is one that every service has."""
    since: int
    """Consul's index when the oldest container came that asks for it."""


class Reader:
    """Reads one service after the other; gathers what is wrong with them."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.refusals: set[Refusal] = set()
        self.conflicts: set[Conflict] = set()

    def wishes(self, entries: Iterable[ServiceEntry], *, is_here: bool) -> Iterator[Wish]:
        """Yield what the services of *entries* ask for; udp ports are passed over."""
        services: dict[str, dict[str, ServiceEntry]] = {}
        for entry in entries:
            if entry.protocol == "tcp":
                services.setdefault(entry.folder, {})[entry.id] = entry
        for members in services.values():
            yield self._wish([members[identity] for identity in sorted(members)], is_here=is_here)

    def _wish(self, members: Sequence[ServiceEntry], *, is_here: bool) -> Wish:
        mode: Mode = self._first(members, "mode", grammar.mode, "http")
        port = self._port(members) if mode == "tcp" else 0
        return Wish(
            service=members[0].service,
            backend=Backend(
                name=members[0].folder,
                mode=mode,
                balance=self._first(members, "balance", grammar.balance, "roundrobin"),
                check_path=self._first(members, "check_http", grammar.check_path, "")
                if mode == "http"
                else "",
                servers=tuple(self._server(entry) for entry in members) if is_here else (),
            ),
            is_here=is_here,
            since=_oldest(members),
            hosts=self._hosts(members) if mode == "http" else {},
            port=port,
            port_since=_oldest(one for one in members if _says(one, port)) if port else 0,
        )

    def _server(self, entry: ServiceEntry) -> Server:
        return Server(
            name=entry.id,
            address=entry.address,
            weight=self._value(entry, "weight", grammar.weight, 1),
            is_backup=self._value(entry, "backup", grammar.flag, default=False),
        )

    # http

    def _hosts(self, members: Sequence[ServiceEntry]) -> dict[tuple[str, str], HostWish]:
        wanted: dict[tuple[str, str], HostWish] = {}
        for entry in members:
            prefix = self._value(entry, "path", grammar.path, "")
            said = self._said_hosts(entry)
            for host in said or self._names(entry):
                before = wanted.get((host, prefix), HostWish(bool(said), entry.created))
                since = min(before.since, entry.created)
                wanted[host, prefix] = HostWish(before.is_said, since)
        if len(wanted) > _MAX_HOSTS:
            self._refuse(members[0], "vhost", f"more than {_MAX_HOSTS} hosts and paths")
        return dict(list(wanted.items())[:_MAX_HOSTS])

    def _said_hosts(self, entry: ServiceEntry) -> list[str]:
        """Return the host names that the container asks for."""
        hosts: dict[str, None] = {}
        for text in entry.attributes.get("vhost", "").split(",")[: _MAX_HOSTS + 1]:
            if not text.strip():
                continue
            try:
                hosts[grammar.host(text)] = None
            except ValueError as exc:
                self._refuse(entry, "vhost", str(exc), text)
        return list(hosts)

    def _names(self, entry: ServiceEntry) -> list[str]:
        """Return the host names that every service has."""
        names = [entry.service, entry.folder]
        if self._rules.domain:
            names += [f"{name}.{self._rules.domain}" for name in names]
        hosts = []
        for name in names:
            try:
                hosts.append(grammar.host(name))
            except ValueError as exc:
                self._refuse(entry, "name", str(exc), name)
        return hosts

    # tcp

    def _port(self, members: Sequence[ServiceEntry]) -> int:
        """Return the port of the edge that the service asks for, 0 if it can have none."""
        if not self._rules.has_tcp:
            self._refuse(members[0], "mode", "this proxy has no module for plain connections")
            return 0
        port = self._first(members, "listen", self._free_port, 0)
        if not port and not any("listen" in entry.attributes for entry in members):
            self._refuse(members[0], "mode", "SERVICE_LISTEN has to name a port of the edge")
        return port

    def _free_port(self, text: str) -> int:
        port = grammar.port(text)
        low, high = self._rules.tcp_ports
        if not low <= port <= high:
            raise ValueError(f"the edge gives out the ports {low} to {high}")
        if port in self._rules.taken_ports:
            raise ValueError("somebody else has this port of the edge")
        return port

    # values

    def _first(
        self,
        members: Sequence[ServiceEntry],
        key: str,
        parse: Callable[[str], _Value],
        default: _Value,
    ) -> _Value:
        """Return what the service's containers say of *key*; the first by ID that says it well."""
        said: dict[str, _Value] = {}
        for entry in members:
            if key in entry.attributes:
                value = self._value(entry, key, parse, None)
                if value is not None:
                    said[entry.id] = value
        if not said:
            return default
        winner, value = next(iter(said.items()))
        for loser, other in said.items():
            if other != value:
                what = f"{_written(key)} of {members[0].folder}"
                self.conflicts.add(Conflict(what, winner, loser))
        return value

    def _value(
        self,
        entry: ServiceEntry,
        key: str,
        parse: Callable[[str], _Value],
        default: _Value,
    ) -> _Value:
        text = entry.attributes.get(key)
        if text is None:
            return default
        try:
            return parse(text)
        except ValueError as exc:
            self._refuse(entry, key, str(exc))
            return default

    def _refuse(self, entry: ServiceEntry, key: str, reason: str, text: str | None = None) -> None:
        value = entry.attributes.get(key, "") if text is None else text
        self.refusals.add(Refusal(entry.folder, entry.id, _written(key), value[:_SHOWN], reason))


def _oldest(entries: Iterable[ServiceEntry]) -> int:
    return min((entry.created for entry in entries), default=0)


def _says(entry: ServiceEntry, port: int) -> bool:
    """Whether the container asks for *port*, in whatever way it writes it."""
    try:
        return grammar.port(entry.attributes.get("listen", "")) == port
    except ValueError:
        return False


def _written(key: str) -> str:
    return f"SERVICE_{key.upper()}"
