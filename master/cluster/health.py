"""An engine's health: what was observed of it, and what follows. Pure; time is given in.

The supervisor observes (it pings, validates, reads the event stream), calls `observe` and carries
out the effects. Whether a failure matters is decided here and nowhere else.

A closed port is noticed within 5 s, an engine that accepts and never answers within 15 s:

* its event stream breaks at once when the port closes, and a broken stream is followed by
  probes `PROBE_GAP_S` apart, so the third refusal comes after 2 s;
* nothing breaks when an engine hangs: the next ping leaves after at most `PING_INTERVAL_S`, each
  one is given `PING_DEADLINE_S`, and `failure_limit` = 3 of them, one right after the other, take
  3 + 3 x 2.5 = 10.5 s.

The states and the limit are classic Swarm's (docker/swarm 1.2.9, cluster/engine.go), with two
deviations: a timeout is a failure too (there a hung engine stayed healthy for minutes), and an
unhealthy engine is probed every few seconds (there the wait grew to hours).
"""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass, field, replace
from typing import assert_never

from master.cluster.model import Engine, Health

PING_INTERVAL_S = 3.0
"""A quiet event stream is checked so often: longer would break the promise of 15 s."""
PING_DEADLINE_S = 2.5
"""A ping not answered by then has failed: a loaded daemon answers within one second. With 3 s a
hung engine was measured at 15.4 s, over the promise."""
PROBE_GAP_S = 1.0
"""Between the starts of probes after a failure: a daemon that reloads its configuration is back."""
PENDING_RETRY_CAP_S = 60.0
"""The longest wait before an engine that was never good is tried again."""
UNHEALTHY_RETRY_CAP_S = 10.0
"""The longest wait before a known engine is tried again: users wait for it to come back."""
STREAM_GRACE_S = 10.0
"""How long a lost engine may be silent in the middle of an answer that somebody waits for the end
of: a daemon that was only paused goes on with it. TCP tells of a lost machine as late as this."""
_FIRST_RETRY_S = 1.0
_LARGEST_DOUBLING = 16
"""2**16 s is beyond every cap; a larger exponent would only make a large number."""


@dataclass(frozen=True, slots=True)
class Answered:
    """It answered, in whatever words: an HTTP error is an answer too."""

    is_refresh: bool = False
    """The answer was a full list that is now in the state: ``UpdatedAt`` moves."""


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """No connection: refused, unreachable, reset before an answer, TLS handshake failed."""

    error: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """A call with a deadline of its own (a ping, a list) was not answered in time."""

    error: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It answered, but must not be used; *reason* stands in ``docker info``."""

    reason: str


@dataclass(frozen=True, slots=True)
class Validated:
    """Its ``info`` and ``version`` were read and nothing speaks against it."""

    specs: Engine
    """From `master.cluster.specs.engine_from_info`; its health fields are not looked at."""


@dataclass(frozen=True, slots=True)
class StreamBroken:
    """Its event stream ended, or a relayed request couldn't reach it: a hint, not yet a failure."""


@dataclass(frozen=True, slots=True)
class RemovedFromDiscovery:
    """It is no longer in discovery, and the grace period is over."""


Observation = (
    Answered | ConnectFailed | TimedOut | Refused | Validated | StreamBroken | RemovedFromDiscovery
)


class Effect(enum.Enum):
    """What the supervisor has to do now, in the order given."""

    ANNOUNCE_CONNECT = "engine_connect"
    """Publish the event of this name (`Effect.event`); so do the next two."""
    ANNOUNCE_DISCONNECT = "engine_disconnect"
    ANNOUNCE_RECONNECT = "engine_reconnect"
    RESYNC = "resync"
    """Read specs, containers and images anew: what happened meanwhile is not known."""
    PROBE = "probe"
    """Ping now, and as `next_probe_s` says until it has answered or is unhealthy."""
    FORGET = "forget"
    """Drop it and its containers from the state, and end its task."""

    @property
    def event(self) -> str:
        """The cluster event to publish; empty if this effect is none."""
        return self.value if self.value.startswith("engine_") else ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The engine after an observation, and what to do about it."""

    engine: Engine
    """The same object if nothing changed, so that no cache is made anew."""
    effects: tuple[Effect, ...] = field(default=())


def observe(engine: Engine, observation: Observation, now: float) -> Outcome:
    """Return what *engine* is after *observation*.

    Args:
        engine: as it stands in the state.
        observation: what the supervisor saw.
        now: seconds since the epoch, for ``UpdatedAt``.
    """
    if engine.health is Health.DISCONNECTED:
        # It is being forgotten: an answer that was still under way must not revive it.
        return Outcome(engine)
    match observation:
        case Answered():
            return _answered(engine, observation, now)
        case ConnectFailed(error) | TimedOut(error):
            return _failed(engine, error)
        case Refused(reason):
            return _refused(engine, reason)
        case Validated(specs):
            return _validated(engine, specs, now)
        case StreamBroken():
            return Outcome(engine, (Effect.PROBE,) if engine.is_healthy else ())
        case RemovedFromDiscovery():
            return _removed(engine)
        case _:  # pragma: no cover
            assert_never(observation)


def next_probe_s(engine: Engine, rng: random.Random, *, quiet_s: float = 0.0) -> float:
    """Return how many seconds to wait before *engine* is tried again.

    For a healthy one: the next ping. For a pending one: the next validation. For an unhealthy
    one: the next ping, which brings it back if answered.

    Args:
        engine: as it stands in the state.
        rng: spreads the attempts.
        quiet_s: seconds since it was last heard. What it said saves a ping, and the next one is
            due `PING_INTERVAL_S` after that, not after the moment in which somebody looked.
    """
    match engine.health:
        case Health.HEALTHY:
            return PROBE_GAP_S if engine.failures else max(0.0, PING_INTERVAL_S - quiet_s)
        case Health.UNHEALTHY:
            since = max(0, engine.failures - engine.failure_limit)
            return next_attempt_delay(since, rng, cap_s=UNHEALTHY_RETRY_CAP_S)
        case Health.PENDING | Health.DISCONNECTED:
            return next_attempt_delay(engine.failures, rng)


def next_attempt_delay(
    failures: int, rng: random.Random, *, cap_s: float = PENDING_RETRY_CAP_S
) -> float:
    """Return the back-off after *failures* failed attempts: doubled each time, up to *cap_s*.

    Up to half of it is taken off at random: engines that went away together are not all tried
    in the same instant.
    """
    exponent = min(max(failures - 1, 0), _LARGEST_DOUBLING)
    return min(_FIRST_RETRY_S * 2.0**exponent, cap_s) * rng.uniform(0.5, 1.0)


def _answered(engine: Engine, answer: Answered, now: float) -> Outcome:
    updated_at = now if answer.is_refresh else engine.updated_at
    match engine.health:
        case Health.UNHEALTHY:
            back = replace(
                engine, health=Health.HEALTHY, failures=0, error="", updated_at=updated_at
            )
            return Outcome(back, (Effect.ANNOUNCE_RECONNECT, Effect.RESYNC))
        case Health.HEALTHY if engine.failures or engine.error or answer.is_refresh:
            return Outcome(replace(engine, failures=0, error="", updated_at=updated_at))
        case _:
            # A pending one needs a validation, not just an answer.
            return Outcome(engine)


def _failed(engine: Engine, error: str) -> Outcome:
    failed = replace(engine, failures=engine.failures + 1, error=error)
    if engine.is_healthy and failed.failures >= failed.failure_limit:
        return Outcome(replace(failed, health=Health.UNHEALTHY), (Effect.ANNOUNCE_DISCONNECT,))
    return Outcome(failed)


def _refused(engine: Engine, reason: str) -> Outcome:
    """Whatever it was, it is pending now: somebody has to look at the reason."""
    effects = (Effect.ANNOUNCE_DISCONNECT,) if engine.is_healthy else ()
    refused = replace(engine, health=Health.PENDING, failures=engine.failures + 1, error=reason)
    return Outcome(refused, effects)


def _validated(engine: Engine, specs: Engine, now: float) -> Outcome:
    good = replace(
        specs,
        health=Health.HEALTHY,
        failures=0,
        failure_limit=engine.failure_limit,
        error="",
        updated_at=now,
    )
    match engine.health:
        case Health.PENDING:
            # It may have been known before (its ID changed and changed back): a connect again.
            return Outcome(good, (Effect.ANNOUNCE_CONNECT, Effect.RESYNC))
        case Health.UNHEALTHY:
            return Outcome(good, (Effect.ANNOUNCE_RECONNECT, Effect.RESYNC))
        case _:
            return Outcome(good)


def _removed(engine: Engine) -> Outcome:
    # Each connect is followed by one disconnect: an unhealthy one was announced already.
    effects = (Effect.ANNOUNCE_DISCONNECT,) if engine.is_healthy else ()
    gone = replace(engine, health=Health.DISCONNECTED, error="")
    return Outcome(gone, (*effects, Effect.FORGET))
