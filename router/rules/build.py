"""From services to the model of an edge; pure, and the same for the same services.

What two services claim (a host with a path, a port of the edge, a name) goes to the one that
claimed it first. Who that is, `router.rules.seniority` remembers; what it does not know yet is told
by Consul's index, and where that is the same, by name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from router.rules.complaints import Conflict, Refusal
from router.rules.model import Backend, Listener, Model, Route
from router.rules.seniority import Claim
from router.rules.wishes import Reader, Rules, Wish
from services.entry import ServiceEntry

_PLAIN = Rules()


@dataclass(frozen=True, slots=True)
class Built:
    """An edge, and what did not become part of it."""

    model: Model
    refusals: tuple[Refusal, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    claims: tuple[Claim, ...] = ()
    """Of the services that are here, won or lost, the oldest first."""


def build(
    entries: Iterable[ServiceEntry],
    departed: Iterable[ServiceEntry] = (),
    rules: Rules = _PLAIN,
    seniority: Mapping[Claim, int] | None = None,
) -> Built:
    """Return the edge for *entries*.

    Args:
        entries: what can be reached now; udp ports are passed over.
        departed: entries of services that have none any more, and that keep their routes (to an
            empty backend) where no other service claims them.
        rules: what the services cannot choose.
        seniority: the places of the claims that were known before; a lower one is older.
    """
    reader = Reader(rules)
    wishes = [*reader.wishes(entries, is_here=True), *reader.wishes(departed, is_here=False)]
    awards = _Awards(sorted(wishes, key=_by_name), seniority or {})
    backends, routes, listeners = awards.handed_out()
    return Built(
        Model(backends=backends, routes=routes, listeners=listeners),
        tuple(sorted(reader.refusals)),
        tuple(sorted(reader.conflicts | awards.conflicts)),
        awards.claims(),
    )


def _by_name(wish: Wish) -> tuple[str, int, str]:
    """Order services by name and port; one in lower case comes before its look-alikes."""
    name, _, port = wish.backend.name.rpartition("-")
    return name.lower(), int(port), wish.backend.name.swapcase()


@dataclass(slots=True)
class _Claimed:
    """What somebody wants to have alone, and who does."""

    by: list[Wish] = field(default_factory=list)
    since: dict[str, int] = field(default_factory=dict)
    """By service: the ports of one service are one claimant, of which the lowest port wins."""

    def add(self, wish: Wish, since: int) -> None:
        self.by.append(wish)
        self.since[wish.service] = min(since, self.since.get(wish.service, since))


class _Awards:
    """Gives each thing to the service that claimed it first."""

    def __init__(self, wishes: Sequence[Wish], seniority: Mapping[Claim, int]) -> None:
        """*wishes* come in the order that decides where nothing else does."""
        self._wishes = wishes
        self._seniority = seniority
        self._claimed: dict[str, _Claimed] = {}
        self._winners: dict[str, Wish] = {}
        self.conflicts: set[Conflict] = set()
        for wish in wishes:
            for what, since in _wanted(wish).items():
                self._claimed.setdefault(what, _Claimed()).add(wish, since)

    def claims(self) -> tuple[Claim, ...]:
        """Return the claims of services that are here, the oldest first."""
        found: dict[Claim, tuple[int, int]] = {}
        for what, claimed in self._claimed.items():
            for wish in claimed.by:
                if wish.is_here:
                    found[what, wish.service] = self._age(what, wish)
        return tuple(sorted(found, key=lambda claim: found[claim]))

    def handed_out(self) -> tuple[tuple[Backend, ...], tuple[Route, ...], tuple[Listener, ...]]:
        """Return what all got; a service that got nothing has no backend."""
        routes: list[Route] = []
        listeners: list[Listener] = []
        backends: dict[str, Backend] = {}
        named = [wish for wish in self._wishes if self._wins(_name_of(wish), wish, _everybody)]
        has_name = {wish.backend.name for wish in named}.__contains__
        for wish in named:
            name = wish.backend.name
            if wish.port and self._wins(_port_of(wish), wish, has_name):
                listeners.append(Listener(wish.port, name))
                backends[name] = wish.backend
            for (host, path), host_wish in wish.hosts.items():
                # That the first port of a service has its bare name is no conflict with the second.
                is_shared = not host_wish.is_said
                if self._wins(_host_of(host, path), wish, has_name, is_shared=is_shared):
                    routes.append(Route(host, path, name))
                    backends[name] = wish.backend
        return (
            tuple(backends[name] for name in sorted(backends)),
            tuple(sorted(routes)),
            tuple(sorted(listeners)),
        )

    def _wins(
        self,
        what: str,
        wish: Wish,
        may_have_it: Callable[[str], bool],
        *,
        is_shared: bool = False,
    ) -> bool:
        """Whether *wish* gets *what*; notes a conflict if it does not.

        Args:
            what: the thing.
            wish: one of those that claim it.
            may_have_it: whether a backend of this name takes part.
            is_shared: other ports of the same service may have it without a conflict.
        """
        if what not in self._winners:
            self._winners[what] = min(
                (one for one in self._claimed[what].by if may_have_it(one.backend.name)),
                key=lambda one: (not one.is_here, self._age(what, one)),
            )
        winner = self._winners[what]
        if winner is not wish and not (is_shared and winner.service == wish.service):
            self.conflicts.add(Conflict(what, winner.backend.name, wish.backend.name))
        return winner is wish

    def _age(self, what: str, wish: Wish) -> tuple[int, int]:
        """Return what is lower for an older claim."""
        place = self._seniority.get((what, wish.service), len(self._seniority))
        return place, self._claimed[what].since[wish.service]


def _wanted(wish: Wish) -> dict[str, int]:
    """Return what *wish* wants to have alone, with Consul's index since when."""
    wanted = {_name_of(wish): wish.since}
    if wish.port:
        wanted[_port_of(wish)] = wish.port_since
    for (host, path), host_wish in wish.hosts.items():
        wanted[_host_of(host, path)] = host_wish.since
    return wanted


def _name_of(wish: Wish) -> str:
    # Nginx tells upstreams apart without regard to case.
    return f"the name {wish.backend.name.lower()!r}"


def _port_of(wish: Wish) -> str:
    return f"port {wish.port} of the edge"


def _host_of(host: str, path: str) -> str:
    return f"http://{host}{path or '/'}"


def _everybody(_name: str) -> bool:
    return True
