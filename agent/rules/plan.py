"""From the keys that should be and the keys that are to the least that has to be written."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.rules.desired import Registration
from discovery.consul_txn import MAX_OPERATIONS, MAX_VALUE_BYTES, Operation, delete, lock
from services.entry import container_of, keys_of


@dataclass(frozen=True, slots=True)
class Held:
    """A key as it stands in Consul."""

    value: bytes
    session: str
    """Empty: none holds it."""


@dataclass(frozen=True, slots=True)
class Change:
    """What has to be done about one key."""

    key: str
    value: bytes | None
    """What it shall say; None: it goes."""
    is_taken_over: bool = False
    """Another session holds it: it is removed and written in the same moment."""

    def operations(self, session: str) -> tuple[Operation, ...]:
        """Return the change as parts of a transaction."""
        if self.value is None:
            return (delete(self.key),)
        written = lock(self.key, self.value, session)
        return (delete(self.key), written) if self.is_taken_over else (written,)


def wanted_keys(registrations: Iterable[Registration], prefix: str) -> dict[str, bytes]:
    """Return all keys, below *prefix* (which ends in a slash), with their values.

    An entry's metadata stands before the entry: who sees the second shall find the first.
    """
    keys: dict[str, bytes] = {}
    for registration in registrations:
        for key, value in reversed(keys_of(registration.entry).items()):
            keys[prefix + key] = value
    return keys


def kept_keys(
    found: Mapping[str, Held], prefix: str, containers: Collection[str]
) -> dict[str, bytes]:
    """Return those of *found* that tell of one of *containers*, by name, as they are."""
    return {
        key: held.value
        for key, held in found.items()
        if containers and container_of(key.removeprefix(prefix)) in containers
    }


def changes(
    wanted: Mapping[str, bytes], found: Mapping[str, Held], session: str
) -> tuple[Change, ...]:
    """Return what makes *found* (all keys of this host) equal to *wanted*, held by *session*.

    Removals come first: what is gone must not be routed to for the time that new keys take.
    """
    gone = [Change(key, None) for key in found if key not in wanted]
    written = []
    for key, value in wanted.items():
        held = found.get(key)
        if held != Held(value, session):
            is_taken_over = held is not None and held.session not in {"", session}
            written.append(Change(key, value, is_taken_over=is_taken_over))
    return (*gone, *written)


def batches(parts: Iterable[Change], *, reserved: int) -> Iterator[tuple[Change, ...]]:
    """Split *parts* into what fits into one transaction beside *reserved* other operations."""
    batch: list[Change] = []
    size = operations = 0
    for part in parts:
        bytes_ = len(part.value or b"")
        count = 1 + part.is_taken_over
        is_full = operations + count > MAX_OPERATIONS - reserved or size + bytes_ > MAX_VALUE_BYTES
        if batch and is_full:
            yield tuple(batch)
            batch, size, operations = [], 0, 0
        batch.append(part)
        size += bytes_
        operations += count
    if batch:
        yield tuple(batch)
