"""Networks of all engines as clients see them: which bridges are one network, and how it is named.

A *mirrored* network is one object to clients, with one ID (64 hex digits, in a label), and on each
engine that needs it a local bridge of the same name. The body that it was created with stands in
another label of each bridge, so that any manager can make it on a further engine. Nothing is kept
elsewhere: whoever reads the engines' lists knows all of it.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from master.cluster.lenient import as_mapping, as_text
from master.cluster.model import Network
from master.errors import BadRequestError, NotFoundError
from scheduler.wording import shorten

ID_LABEL = "com.docker.swarm.network.id"
SPEC_LABEL = "com.docker.swarm.network.spec"
SPREAD_LABEL = "com.docker.swarm.network.spread"
PREDEFINED = frozenset({"bridge", "host", "none"})

_OWN_LABELS = frozenset({ID_LABEL, SPEC_LABEL})
_CLUSTER_ID = re.compile(r"[0-9a-f]{64}")
_GONE_LIMIT = 4096
"""Removed networks whose cluster ID is still known, for the events about their end."""


def network_from_row(address: str, row: Mapping[str, Any]) -> Network:
    """Return the network of one ``GET /networks`` row, or of an inspect; it never raises."""
    network_id, name = as_text(row.get("Id")), as_text(row.get("Name"))
    given = as_mapping(row.get("Labels"))
    labels = {key: value for key, value in given.items() if isinstance(value, str)}
    label = labels.get(ID_LABEL, "")
    is_mirror = bool(_CLUSTER_ID.fullmatch(label))
    if name in PREDEFINED:
        cluster_id, is_mirror = predefined_id(name), False
    else:
        cluster_id = label if is_mirror else network_id
    return Network(
        id=network_id,
        name=name,
        engine=address,
        cluster_id=cluster_id,
        driver=as_text(row.get("Driver")),
        is_mirror=is_mirror,
        is_swarm_scoped=row.get("Scope") in {"swarm", "global"},
        labels={key: value for key, value in labels.items() if key not in _OWN_LABELS},
        row=row,
    )


def predefined_id(name: str) -> str:
    """The cluster's ID of ``bridge``, ``host`` or ``none``, which every engine has one of."""
    return hashlib.sha256(f"com.docker.swarm.network:{name}".encode()).hexdigest()


class NetworkIds:
    """An engine's ID of a network to the cluster's, where they differ; also of those just gone."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._gone: OrderedDict[str, str] = OrderedDict()
        self._expected: dict[tuple[str, str], str] = {}

    def get(self, network_id: str) -> str:
        """Return the cluster's ID; *network_id* itself if there is no other."""
        return self._known.get(network_id) or self._gone.get(network_id, network_id)

    def of_event(self, address: str, network_id: str, name: str) -> str:
        """Return the cluster's ID for an event, which may be ahead of the engine's answer."""
        known = self.get(network_id)
        return self._expected.get((address, name), known) if known == network_id else known

    def expect(self, address: str, name: str, cluster_id: str) -> None:
        """A network of this name is about to be made on an engine."""
        self._expected[address, name] = cluster_id

    def unexpect(self, address: str, name: str) -> None:
        """It has been made and learnt, or not."""
        self._expected.pop((address, name), None)

    def learn(self, networks: Iterable[Network]) -> None:
        """These networks are there."""
        for network in networks:
            if network.cluster_id != network.id:
                self._known[network.id] = network.cluster_id

    def forget(self, networks: Iterable[Network]) -> None:
        """These are gone."""
        for network in networks:
            if (cluster_id := self._known.pop(network.id, None)) is not None:
                self._gone[network.id] = cluster_id
        while len(self._gone) > _GONE_LIMIT:
            self._gone.popitem(last=False)


@dataclass(frozen=True, slots=True)
class ClusterNetwork:
    """One network as clients see it."""

    id: str
    name: str
    copies: tuple[Network, ...]
    """On each engine that has it; the eldest first."""

    @property
    def is_mirrored(self) -> bool:
        """Whether a bridge of it can be made on any engine."""
        return self.copies[0].is_mirror

    @property
    def is_predefined(self) -> bool:
        """Every engine has its own."""
        return self.name in PREDEFINED

    @property
    def is_spread(self) -> bool:
        """Its containers may be on different engines, where they don't reach each other."""
        return self.labels.get(SPREAD_LABEL, "").lower() in {"1", "true"}

    @property
    def labels(self) -> Mapping[str, str]:
        """The user's own."""
        return self.copies[0].labels

    def copy_on(self, address: str) -> Network | None:
        """The copy on an engine."""
        return next((copy for copy in self.copies if copy.engine == address), None)

    def only(self, copy: Network) -> ClusterNetwork:
        """The one copy that ``node/name`` means, under the engine's own ID."""
        return ClusterNetwork(copy.id, self.name, (copy,))


class NetworkIndex:
    """All networks by ID and name; made once for them, then only read."""

    def __init__(self, networks: Iterable[Network]) -> None:
        copies: defaultdict[str, list[Network]] = defaultdict(list)
        for network in networks:
            copies[network.cluster_id].append(network)
        self._by_id: dict[str, ClusterNetwork] = {}
        self._by_name: defaultdict[str, list[ClusterNetwork]] = defaultdict(list)
        for cluster_id, found in copies.items():
            found.sort(key=lambda copy: (as_text(copy.row.get("Created")), copy.engine))
            group = ClusterNetwork(cluster_id, found[0].name, tuple(found))
            self._by_name[group.name].append(group)
            self._by_id.update(dict.fromkeys((copy.id for copy in found), group))
            self._by_id[cluster_id] = group
        self._all = [self._by_id[cluster_id] for cluster_id in copies]
        self._ids = sorted(self._by_id)

    def all(self) -> list[ClusterNetwork]:
        """Every network, once."""
        return list(self._all)

    def by_id(self, network_id: str) -> ClusterNetwork | None:
        """By the full ID, the cluster's or an engine's."""
        return self._by_id.get(network_id)

    def named(self, name: str) -> list[ClusterNetwork]:
        """Those of that name: several if engines have had their own before."""
        return list(self._by_name.get(name, ()))

    def fitting(self, reference: str) -> list[ClusterNetwork]:
        """What *reference* may mean, as Docker looks: ID, name, beginning of an ID."""
        if (group := self._by_id.get(reference)) is not None:
            return [group]
        return self.named(reference) or self._starting_with(reference)

    def resolve(self, reference: str) -> ClusterNetwork:
        """Return the one network that *reference* means.

        Raises:
            NotFoundError: there is none.
            BadRequestError: there are several.
        """
        found = self.fitting(reference)
        if not found:
            raise no_such_network(reference)
        if len(found) > 1:
            what = "name" if self._by_name.get(reference) else "ID prefix"
            raise BadRequestError(
                f"network {shorten(reference)} is ambiguous ({len(found)} matches found based on "
                f"{what}): node/name tells them apart"
            )
        return found[0]

    def _starting_with(self, prefix: str) -> list[ClusterNetwork]:
        if not prefix:
            return []
        found: dict[str, ClusterNetwork] = {}
        for position in range(bisect_left(self._ids, prefix), len(self._ids)):
            if not self._ids[position].startswith(prefix):
                break
            group = self._by_id[self._ids[position]]
            found[group.id] = group
        return list(found.values())


def no_such_network(reference: str) -> NotFoundError:
    """The engine's words for a network that nobody has."""
    return NotFoundError(f"network {shorten(reference)} not found")
