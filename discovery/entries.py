"""Entries of ``nodes://`` lists and of files: one address, or a range of them."""

import re

from discovery.base import Address
from discovery.errors import BadDiscoveryError

_RANGE = re.compile(r"\[([0-9]{1,9}):([0-9]{1,9})\]")
MAX_RANGE = 4096
"""Addresses that one range may stand for; a slip such as [1:100000000] must not eat the memory."""


def parse_entry(entry: str) -> tuple[Address, ...]:
    """Return the addresses that *entry* stands for: ``10.0.0.[10:12]:2375`` is three.

    Raises:
        BadDiscoveryError: a bad range, or what it gives is not an address.
    """
    return tuple(Address.parse(text) for text in _expand(entry))


def parse_list(text: str) -> tuple[Address, ...]:
    """Return the addresses of a comma-separated list; blanks and empty entries do not count.

    Raises:
        BadDiscoveryError: an entry cannot be used.
    """
    entries = (entry.strip() for entry in text.split(","))
    return tuple(address for entry in entries if entry for address in parse_entry(entry))


def _expand(entry: str) -> list[str]:
    ranges = list(_RANGE.finditer(entry))
    if not ranges:
        return [entry]
    if len(ranges) > 1:
        raise BadDiscoveryError(f"{entry!r}: an entry can have one range [from:to] only")
    first, last = int(ranges[0][1]), int(ranges[0][2])
    if last < first:
        raise BadDiscoveryError(f"{entry!r}: the range ends before it begins")
    if last - first >= MAX_RANGE:
        raise BadDiscoveryError(f"{entry!r}: a range can stand for at most {MAX_RANGE} addresses")
    before, after = entry[: ranges[0].start()], entry[ranges[0].end() :]
    return [f"{before}{number}{after}" for number in range(first, last + 1)]
