"""From services to the model of an edge; pure, and the same for the same services.

What a container says counts only where it is well formed (`router.rules.grammar`) and free: a bad
value is refused and named, the rest of the service goes on. Whoever comes first by name gets what
two claim: a host with a path, a port of the edge.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from router.rules import grammar
from router.rules.model import Backend, Listener, Mode, Model, Route, Server
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


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """A value that was left out."""

    service: str
    """The service's ``<service>-<port>``."""
    container: str
    """``<host>:<container>:<port>``."""
    attribute: str
    """As an operator wrote it: ``SERVICE_VHOST``."""
    value: str
    """Its beginning."""
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.attribute}={self.value!r} of {self.container} ({self.service}) is left out:"
            f" {self.reason}"
        )


@dataclass(frozen=True, slots=True, order=True)
class Conflict:
    """Something that two services claim."""

    what: str
    winner: str
    loser: str

    def __str__(self) -> str:
        return f"{self.what} goes to {self.winner}, though {self.loser} claims it too"


@dataclass(frozen=True, slots=True)
class Built:
    """An edge, and what did not become part of it."""

    model: Model
    refusals: tuple[Refusal, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def build(
    entries: Iterable[ServiceEntry], departed: Iterable[ServiceEntry] = (), rules: Rules = Rules()
) -> Built:
    """Return the edge for *entries*.

    Args:
        entries: what can be reached now; udp ports are passed over.
        departed: entries of services that have none any more, and that keep their routes (to an
            empty backend) where no other service claims them.
        rules: what the services cannot choose.
    """
    builder = _Builder(rules)
    for is_here, group in ((True, entries), (False, departed)):
        for members in _services(group):
            builder.add(members, is_here=is_here)
    return builder.built()


def _services(entries: Iterable[ServiceEntry]) -> Iterator[Sequence[ServiceEntry]]:
    """Yield the entries of each service, the services by name and port, the entries by ID."""
    services: dict[str, dict[str, ServiceEntry]] = {}
    for entry in entries:
        if entry.protocol == "tcp":
            services.setdefault(entry.folder, {})[entry.id] = entry
    # A name in lower case comes before its look-alikes: they must not be able to push it aside.
    folders = sorted(
        services,
        key=lambda name: (name.lower().rpartition("-")[0], _port(name), name.swapcase()),
    )
    for folder in folders:
        yield [services[folder][identity] for identity in sorted(services[folder])]


def _port(folder: str) -> int:
    return int(folder.rpartition("-")[2])


class _Builder:
    """Hands out names, hosts and ports, first come, first served."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._backends: dict[str, Backend] = {}
        self._routes: dict[tuple[str, str], str] = {}
        self._listeners: dict[int, str] = {}
        self._refusals: set[Refusal] = set()
        self._conflicts: set[Conflict] = set()

    def add(self, members: Sequence[ServiceEntry], *, is_here: bool) -> None:
        """Add one service; *members* are its entries, at least one."""
        folder = members[0].folder
        # Nginx tells upstreams apart without regard to case.
        if twin := self._backends.get(folder.lower()):
            self._conflict(f"the name {folder.lower()!r}", twin.name, folder)
            return
        mode: Mode = self._first(members, "mode", grammar.mode, "http")
        is_reachable = self._listen(members) if mode == "tcp" else self._route(members)
        if is_reachable:
            self._backends[folder.lower()] = Backend(
                name=folder,
                mode=mode,
                balance=self._first(members, "balance", grammar.balance, "roundrobin"),
                check_path=self._first(members, "check_http", grammar.check_path, "")
                if mode == "http"
                else "",
                servers=tuple(self._server(entry) for entry in members) if is_here else (),
            )

    def built(self) -> Built:
        """Return the edge as it is by now."""
        model = Model(
            backends=tuple(sorted(self._backends.values(), key=lambda one: one.name)),
            routes=tuple(sorted(Route(*claim, name) for claim, name in self._routes.items())),
            listeners=tuple(sorted(Listener(port, name) for port, name in self._listeners.items())),
        )
        return Built(model, tuple(sorted(self._refusals)), tuple(sorted(self._conflicts)))

    def _server(self, entry: ServiceEntry) -> Server:
        return Server(
            name=entry.id,
            address=entry.address,
            weight=self._value(entry, "weight", grammar.weight, 1),
            is_backup=self._value(entry, "backup", grammar.flag, default=False),
        )

    # http

    def _route(self, members: Sequence[ServiceEntry]) -> bool:
        """Give the service the hosts and paths that it claims; False: it got none."""
        folder = members[0].folder
        wanted: dict[tuple[str, str], bool] = {}
        for entry in members:
            prefix = self._value(entry, "path", grammar.path, "")
            said = self._hosts(entry)
            for host in said or self._names(entry):
                wanted.setdefault((host, prefix), bool(said))
        if len(wanted) > _MAX_HOSTS:
            self._refuse(members[0], "vhost", f"more than {_MAX_HOSTS} hosts and paths")
        got = False
        for (host, prefix), is_said in list(wanted.items())[:_MAX_HOSTS]:
            winner = self._routes.setdefault((host, prefix), folder)
            got = got or winner == folder
            # That a service's first port has its bare name is no conflict with its second port.
            if winner != folder and (is_said or not _are_ports_of_one(winner, folder)):
                self._conflict(f"http://{host}{prefix or '/'}", winner, folder)
        return got

    def _hosts(self, entry: ServiceEntry) -> list[str]:
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

    def _listen(self, members: Sequence[ServiceEntry]) -> bool:
        """Give the service the port that it claims; False: it got none."""
        folder = members[0].folder
        if not self._rules.has_tcp:
            self._refuse(members[0], "mode", "this proxy has no module for plain connections")
            return False
        port = self._first(members, "listen", self._free_port, 0)
        if not port:
            if not any("listen" in entry.attributes for entry in members):
                self._refuse(members[0], "mode", "SERVICE_LISTEN has to name a port of the edge")
            return False
        winner = self._listeners.setdefault(port, folder)
        if winner != folder:
            self._conflict(f"port {port} of the edge", winner, folder)
        return winner == folder

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
                self._conflict(f"{_written(key)} of {members[0].folder}", winner, loser)
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
        self._refusals.add(Refusal(entry.folder, entry.id, _written(key), value[:_SHOWN], reason))

    def _conflict(self, what: str, winner: str, loser: str) -> None:
        self._conflicts.add(Conflict(what, winner, loser))


def _are_ports_of_one(first: str, second: str) -> bool:
    return first.rpartition("-")[0] == second.rpartition("-")[0]


def _written(key: str) -> str:
    return f"SERVICE_{key.upper()}"


def refused_by_attribute(refusals: Iterable[Refusal]) -> Mapping[str, int]:
    """Count *refusals* by attribute."""
    counts: dict[str, int] = {}
    for refusal in refusals:
        counts[refusal.attribute] = counts.get(refusal.attribute, 0) + 1
    return counts
