"""What of an engine may have changed since it was read."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Part(enum.Enum):
    """What is read in one go, in the order in which it has to be."""

    NETWORKS = "networks"
    """Before the containers, whose rows name them."""
    CONTAINERS = "containers"
    IMAGES = "images"
    VOLUMES = "volumes"


@dataclass
class Marks:
    """The parts that may have changed; of the containers perhaps only some."""

    parts: set[Part] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    """Containers that may have changed, whether or not all of them may."""

    def __bool__(self) -> bool:
        return bool(self.parts or self.ids)

    def __contains__(self, part: Part) -> bool:
        return part in self.parts or (part is Part.CONTAINERS and bool(self.ids))

    def add(self, others: Marks) -> None:
        """Mark what *others* mark, too."""
        self.parts |= others.parts
        self.ids |= others.ids

    def strike(self, part: Part) -> None:
        """It has been read."""
        self.parts.discard(part)
        if part is Part.CONTAINERS:
            self.ids.clear()
