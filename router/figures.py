"""What a router tells of itself: ``/status`` for people, ``/metrics`` for Prometheus."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from common.metrics import Metric, counter, gauge, labelled
from router.rules.build import Built
from router.rules.complaints import refused_by_attribute
from router.rules.health import troubles
from router.rules.model import Model

_MAX_LISTED = 100
OUTCOMES = (
    "unchanged",
    "written",
    "adjusted",
    "reloaded",
    "started",
    "render-failed",
    "check-failed",
    "reload-failed",
    "write-failed",
    "failed",
)


@dataclass(slots=True)
class Figures:
    """The state of a router; written by its loop, read by its status page."""

    consul: str = ""
    """Where the services come from."""
    config: str = ""
    consul_failure: str = ""
    """Why Consul does not answer; empty while it does."""
    index: int = 0
    """Consul's index of the services that are known."""
    model: Model = field(default_factory=Model)
    """The edge that is in force."""
    held: tuple[str, ...] = ()
    """Services that are kept although Consul has none of their entries."""
    built: Built | None = None
    """What was last made of the services, in force or not."""
    outcome: str = ""
    """How the last try ended: one of OUTCOMES."""
    reason: str = ""
    """Why it failed; empty if it did not."""
    last_good: float = 0.0
    """Unix time of the last try that did not fail."""
    applies: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    proxy_pid: int | None = None
    """Main process of the proxy that the router runs."""
    proxy_starts: int = 0
    is_supervised: bool = False
    own_files: dict[str, str] = field(default_factory=dict)
    """Files of own templates, and why the last try at each failed; empty if it did not."""

    @property
    def services(self) -> int:
        """How many services are routed."""
        return len(self.model.backends)

    @property
    def servers(self) -> int:
        """How many servers they have."""
        return sum(len(backend.servers) for backend in self.model.backends)

    @property
    def empty(self) -> tuple[str, ...]:
        """Services that answer 503 since they have no server."""
        return tuple(backend.name for backend in self.model.backends if not backend.servers)

    def note(self, outcome: str, reason: str = "") -> None:
        """Note how a try ended."""
        self.outcome = outcome
        self.reason = reason
        self.applies[outcome] += 1
        if not reason:
            self.last_good = time.time()

    def troubles(self) -> tuple[str, ...]:
        """Return what keeps the edge from its job."""
        return troubles(
            is_supervised=self.is_supervised,
            is_proxy_up=self.proxy_pid is not None,
            failure=self.reason,
        )

    def status(self) -> dict[str, object]:
        """Return everything as JSON's types."""
        refusals = self.built.refusals if self.built else ()
        conflicts = self.built.conflicts if self.built else ()
        return {
            "consul": {
                "address": self.consul,
                "answers": not self.consul_failure,
                "failure": self.consul_failure,
                "index": self.index,
            },
            "config": self.config,
            "services": self.services,
            "servers": self.servers,
            "empty": list(self.empty),
            "held": list(self.held),
            "refusals": _listed(refusals),
            "conflicts": _listed(conflicts),
            "last": {"outcome": self.outcome, "reason": self.reason, "good_at": self.last_good},
            "applies": dict(self.applies),
            "templates": {target: failure or "good" for target, failure in self.own_files.items()},
            "proxy": {
                "supervised": self.is_supervised,
                "pid": self.proxy_pid,
                "starts": self.proxy_starts,
            },
        }

    def metrics(self) -> list[Metric]:
        """Return everything that has a number."""
        built = self.built
        return [
            gauge(
                "swarm_router_consul_up",
                "Whether Consul answers.",
                not self.consul_failure,
            ),
            gauge("swarm_router_services", "Services that are routed.", self.services),
            gauge("swarm_router_servers", "Servers of all services.", self.servers),
            gauge(
                "swarm_router_empty_services",
                "Services that answer 503: they have no server.",
                len(self.empty),
            ),
            gauge(
                "swarm_router_held_services",
                "Services kept although Consul has none of their entries.",
                len(self.held),
            ),
            labelled(
                "gauge",
                "swarm_router_refused_values",
                "SERVICE_ values that are left out.",
                "attribute",
                refused_by_attribute(built.refusals if built else ()),
            ),
            gauge(
                "swarm_router_conflicts",
                "Claims that lost to another service.",
                len(built.conflicts) if built else 0,
            ),
            labelled(
                "counter",
                "swarm_router_applies_total",
                "Tries to bring a change into force, by how they ended.",
                "outcome",
                self.applies,
            ),
            gauge(
                "swarm_router_last_success_timestamp_seconds",
                "When a try ended well for the last time.",
                round(self.last_good, 3),
            ),
            gauge(
                "swarm_router_failed_templates",
                "Own templates whose last try failed.",
                sum(1 for failure in self.own_files.values() if failure),
            ),
            gauge(
                "swarm_router_proxy_up",
                "Whether the supervised proxy runs.",
                self.proxy_pid is not None,
            ),
            counter(
                "swarm_router_proxy_starts_total",
                "How often the supervised proxy was started.",
                self.proxy_starts,
            ),
        ]


def as_text(status: dict[str, object]) -> str:
    """Return what `Figures.status` says as lines for a person."""
    return "".join(_lines(status, ""))


def _lines(facts: dict[str, object], indent: str) -> Iterable[str]:
    for name, value in facts.items():
        if isinstance(value, dict):
            yield f"{indent}{name}:\n"
            yield from _lines(value, f"{indent}  ")
        elif isinstance(value, list):
            yield f"{indent}{name}: {len(value)}\n"
            yield from (f"{indent}  {item}\n" for item in value)
        else:
            yield f"{indent}{name}: {_shown(value)}\n"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _listed(things: tuple[object, ...]) -> list[str]:
    more = len(things) - _MAX_LISTED
    shown = [str(thing) for thing in things[:_MAX_LISTED]]
    return [*shown, f"and {more} more"] if more > 0 else shown
