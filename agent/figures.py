"""What the registrator counts, and how it is told."""

from collections import Counter
from dataclasses import dataclass, field

from agent.rules.health import troubles
from common.metrics import Metric, counter, gauge, labelled

_PREFIX = "swarm_registrator_"


@dataclass(slots=True)
class Figures:
    """Counted since the start of the process; by backend where it says so."""

    entries: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """By reason."""
    writes: Counter[str] = field(default_factory=Counter)
    reconciles: Counter[str] = field(default_factory=Counter)
    events: int = 0
    consul_up: dict[str, bool] = field(default_factory=dict)
    engine_up: bool = False
    unread: int = 0
    """Containers that the engine fails to describe."""
    joined: bool | None = None
    """Whether the engine's address was renewed last time; None: that is not this agent's job."""

    def troubles(self) -> tuple[str, ...]:
        """Return what keeps the agent from its job."""
        return troubles(
            is_following=self.engine_up, consul_up=self.consul_up, is_joined=self.joined
        )

    def metrics(self) -> list[Metric]:
        """Return all of them."""
        return [
            gauge(f"{_PREFIX}entries", "Entries that this host should have.", self.entries),
            counter(f"{_PREFIX}events_total", "Events of the engine that mattered.", self.events),
            labelled(
                "counter",
                f"{_PREFIX}refused_total",
                "What containers asked for and did not get.",
                "reason",
                self.refused,
            ),
            labelled(
                "counter",
                f"{_PREFIX}writes_total",
                "Keys or services that were written or removed.",
                "backend",
                self.writes,
            ),
            labelled(
                "counter",
                f"{_PREFIX}reconciles_total",
                "Comparisons of what should be with what is.",
                "backend",
                self.reconciles,
            ),
            labelled(
                "gauge",
                f"{_PREFIX}consul_up",
                "Whether Consul answered last time.",
                "backend",
                self.consul_up,
            ),
            gauge(f"{_PREFIX}engine_up", "Whether the engine is followed.", self.engine_up),
            gauge(f"{_PREFIX}unread", "Containers that the engine fails to describe.", self.unread),
        ]
