"""Which keys under a prefix are engines; pure.

Source: classic Swarm's keys ``<prefix>/docker/swarm/nodes/<host:port>`` (classicswarm issue 2024),
and ``<prefix>/<host:port>`` as in "A Docker Swarm SOA".
"""

from collections.abc import Iterable
from dataclasses import dataclass

from common.hostport import is_reachable_hostport
from discovery.base import Address
from discovery.errors import BadDiscoveryError

_MAX_VALUE_BYTES = 4096
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of Consul's store."""

    key: str
    value: bytes = b""
    create_index: int = 0
    """Consul's index when the key was written for the first time since it last did not exist."""
    session: str = ""
    """ID of the session that holds the key; empty: none."""
    modify_index: int = 0
    """Consul's index when the key was written last."""

    @property
    def mark(self) -> str:
        """Equal only for the very same key: survives neither deletion nor a new session."""
        return f"{self.key}@{self.create_index}/{self.session}"


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the keys of a cluster are."""

    prefix: str
    kv_path: str

    @property
    def watched(self) -> str:
        """The prefix that one recursive query has to cover."""
        # Without a prefix of its own, the cluster's plain keys would be those of the whole store.
        return _folder(self.prefix) or _folder(self.kv_path)

    def key_of(self, address: Address) -> str:
        """Return the key that an agent at *address* writes."""
        return f"{_folder(self.prefix)}{_folder(self.kv_path)}{address}"

    def engines(self, entries: Iterable[Entry]) -> tuple[dict[Address, Entry], frozenset[str]]:
        """Return the engines among *entries*, and a complaint for each bad one.

        Where both forms name one address, the one held by a session counts: it says when the
        agent is gone.
        """
        found: dict[Address, Entry] = {}
        complaints: set[str] = set()
        for entry in entries:
            try:
                address = self._address(entry)
            except BadDiscoveryError as exc:
                complaints.add(f"key {entry.key!r} is left out: {exc}")
                continue
            if address is not None and (address not in found or entry.session):
                found[address] = entry
        return found, frozenset(complaints)

    def _address(self, entry: Entry) -> Address | None:
        """Return the engine's address, None for a key that is none of ours.

        Raises:
            BadDiscoveryError: an engine's key whose value is no address.
        """
        nodes = _folder(self.prefix) + _folder(self.kv_path)
        if self.kv_path and entry.key.startswith(nodes):
            name = entry.key[len(nodes) :]
            # Classic writes the folder itself down as an empty key.
            return _address(entry.value or name.encode()) if name else None
        if not self.prefix or not entry.key.startswith(_folder(self.prefix)):
            return None
        name = entry.key[len(_folder(self.prefix)) :]
        # Many things may stand next to the plain form; only its name tells.
        return _address(entry.value or name.encode()) if is_reachable_hostport(name) else None


def _folder(path: str) -> str:
    return f"{path}/" if path else ""


def _address(value: bytes) -> Address:
    try:
        text = value[:_MAX_VALUE_BYTES].decode().strip()
    except UnicodeDecodeError as exc:
        raise BadDiscoveryError(f"its value {value[:_SHOWN]!r} is not text") from exc
    # A unix path would mean the manager's own machine: whoever may write to Consul must not be
    # able to point the manager at a socket there.
    if not is_reachable_hostport(text):
        raise BadDiscoveryError(f"its value is not host:port: {text[:_SHOWN]!r}")
    return Address.parse(text)
