"""The read side: what Consul says about services, followed by one recursive blocking query."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace

from discovery.blocking import BlockingQuery
from discovery.consul_http import ConsulHTTP
from services.entry import ServiceEntry, entries_of


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything under the prefix at one moment."""

    keys: Mapping[str, bytes]
    """By name below the prefix, those of others among them; without what agents and managers keep
    to themselves there, in folders that begin with a dot."""
    entries: tuple[ServiceEntry, ...]
    """What the keys tell of, in their order."""
    index: int
    """Consul's index of this state."""
    is_doubtful: bool = False
    """Consul failed just before, or its index went back: a loss need not be one."""


class ServiceWatch:
    """Follows the services under a prefix; goes on for ever, whatever happens to Consul."""

    def __init__(self, http: ConsulHTTP, prefix: str) -> None:
        """Ask nothing yet; *prefix* has no slashes at its ends and may be empty."""
        self._prefix = f"{prefix}/" if prefix else ""
        self._query = BlockingQuery(http, self._prefix)

    @property
    def failure(self) -> str:
        """Why Consul does not answer at the moment; empty while it does."""
        return self._query.failure

    async def snapshots(self) -> AsyncGenerator[Snapshot]:
        """Yield the state: first as soon as it is known, then after each change of it."""
        known: Mapping[str, bytes] | None = None
        while True:
            answer = await self._query.next()
            below = {entry.key[len(self._prefix) :]: entry for entry in answer.listing.entries}
            keys = {
                name: entry.value
                for name, entry in below.items()
                if name and not name.startswith(".")
            }
            if keys != known:
                known = keys
                entries = tuple(
                    replace(entry, created=below[f"{entry.folder}/{entry.id}"].create_index)
                    for entry in entries_of(keys)
                )
                yield Snapshot(keys, entries, answer.listing.index, answer.is_doubtful)
