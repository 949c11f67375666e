"""The filters, by name, in the order in which they are applied by default.

A filter is one file: why a node is refused, and what classic Swarm called the
condition. To add one, write its file and a line here.
"""

from __future__ import annotations

from scheduler.filters.affinity import AFFINITY
from scheduler.filters.constraint import CONSTRAINT
from scheduler.filters.dependency import DEPENDENCY
from scheduler.filters.health import HEALTH
from scheduler.filters.port import PORT
from scheduler.filters.slots import SLOTS
from scheduler.filters.whitelist import WHITELIST
from scheduler.types import Filter

FILTERS: dict[str, Filter] = {
    entry.name: entry
    for entry in (HEALTH, PORT, SLOTS, DEPENDENCY, AFFINITY, CONSTRAINT, WHITELIST)
}
