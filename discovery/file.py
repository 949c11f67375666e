"""``file://``: addresses in a text file, one a line, read again at each heartbeat."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from pathlib import Path

from typing_extensions import override

from discovery.base import Address, Discovery
from discovery.entries import parse_entry
from discovery.errors import BadDiscoveryError, NotSupportedError

_log = logging.getLogger(__name__)

_SETTLE_S = 0.2
"""A changed file is read again after this time, until two readings agree: half of a file that is
being written must not take the other half's engines out."""
_MAX_BYTES = 4 * 1024 * 1024


class FileDiscovery(Discovery):
    """Watches one file.

    A file that cannot be read keeps the list as it was. An empty one counts from the second
    heartbeat on that finds it empty.
    """

    def __init__(self, path: Path, heartbeat_s: float) -> None:
        self._path = path
        self._heartbeat_s = heartbeat_s
        self._complaints: frozenset[str] = frozenset()

    def describe(self) -> str:
        """Return the file as a URI."""
        return f"file://{self._path}"

    async def watch(self) -> AsyncGenerator[frozenset[Address]]:
        """Yield the addresses of the file whenever they are others than before."""
        known: frozenset[Address] | None = None
        was_empty = False
        while True:
            text = await self._read_settled()
            if text is not None:
                found = self._parse(text)
                is_doubtful = not found and bool(known) and not was_empty
                was_empty = not found
                if is_doubtful:
                    _log.warning(
                        "%s lists no engines any more: the cluster keeps those it has unless the"
                        " file is still empty at the next heartbeat",
                        self._path,
                    )
                elif found != known:
                    known = found
                    yield found
            await asyncio.sleep(self._heartbeat_s)

    @override
    async def register(self, address: Address, ttl_s: float) -> None:
        """Refuse: the file belongs to the operator."""
        raise NotSupportedError(f"{address} cannot join {self.describe()}: write it into the file")

    @override
    async def until_lost(self, address: Address) -> None:
        """Refuse, as `register` does."""
        raise NotSupportedError(
            f"{address} cannot be lost from {self.describe()}: it was never registered"
        )

    @override
    async def deregister(self, address: Address) -> None:
        """Refuse, as `register` does."""
        raise NotSupportedError(
            f"{address} cannot leave {self.describe()}: take it out of the file"
        )

    async def aclose(self) -> None:
        """Nothing to release."""

    async def _read_settled(self) -> str | None:
        """Return the file's text once two readings agree, None if it cannot be read."""
        try:
            text = await asyncio.to_thread(self._read)
            while True:
                await asyncio.sleep(_SETTLE_S)
                again = await asyncio.to_thread(self._read)
                if again == text:
                    return text
                text = again
        except (OSError, ValueError) as exc:
            self._complain(frozenset({f"cannot read {self._path}: {exc}; the list stays as it is"}))
            return None

    def _read(self) -> str:
        with self._path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError(f"longer than {_MAX_BYTES} bytes")
        return data.decode()

    def _parse(self, text: str) -> frozenset[Address]:
        """Return the addresses of the good lines; each bad one is told of in the log once."""
        found: set[Address] = set()
        complaints: set[str] = set()
        for number, line in enumerate(text.splitlines(), start=1):
            entry = line.partition("#")[0].strip()
            if not entry:
                continue
            try:
                found.update(parse_entry(entry))
            except BadDiscoveryError as exc:
                complaints.add(f"{self._path}, line {number}, is left out: {exc}")
        self._complain(frozenset(complaints))
        return frozenset(found)

    def _complain(self, complaints: frozenset[str]) -> None:
        for complaint in sorted(complaints - self._complaints):
            _log.warning("%s", complaint)
        self._complaints = complaints
