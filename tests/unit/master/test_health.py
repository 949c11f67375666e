"""An engine's health: the rules of `master.cluster.health`."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster import health
from master.cluster.health import (
    Answered,
    ConnectFailed,
    Effect,
    Observation,
    Refused,
    RemovedFromDiscovery,
    StreamBroken,
    TimedOut,
    Validated,
    next_attempt_delay,
    next_probe_s,
    observe,
)
from master.cluster.model import Engine, Health

NOW = 1_800_000_000.0
PENDING = Engine("10.0.0.5:2375")
SPECS = Engine("10.0.0.5:2375", id="ABC|10.0.0.5:2375", name="dockerhost01", cpus=4, memory=8)
HEALTHY = replace(SPECS, health=Health.HEALTHY)
UNHEALTHY = replace(SPECS, health=Health.UNHEALTHY, failures=3, error="connection refused")
GONE = replace(SPECS, health=Health.DISCONNECTED)
REFUSED = ConnectFailed("connection refused")


def run(engine: Engine, *observations: Observation) -> tuple[Engine, list[Effect]]:
    effects: list[Effect] = []
    for observation in observations:
        outcome = observe(engine, observation, NOW)
        engine = outcome.engine
        effects.extend(outcome.effects)
    return engine, effects


def test_first_validation_makes_it_healthy_and_says_so() -> None:
    engine, effects = run(PENDING, Validated(SPECS))
    assert engine == replace(HEALTHY, updated_at=NOW)
    assert effects == [Effect.ANNOUNCE_CONNECT, Effect.RESYNC]


def test_validation_keeps_the_failure_limit() -> None:
    engine, _ = run(replace(PENDING, failure_limit=7), Validated(SPECS))
    assert engine.failure_limit == 7


@pytest.mark.parametrize(
    "failure", [pytest.param(REFUSED, id="refused"), pytest.param(TimedOut("hung"), id="hung")]
)
def test_so_many_failures_in_a_row_make_it_unhealthy_once(failure: Observation) -> None:
    engine, effects = run(HEALTHY, failure, failure)
    assert (engine.health, engine.failures, effects) == (Health.HEALTHY, 2, [])
    engine, effects = run(engine, failure, failure)
    assert (engine.health, engine.failures) == (Health.UNHEALTHY, 4)
    assert effects == [Effect.ANNOUNCE_DISCONNECT]


def test_a_failure_says_why() -> None:
    engine, _ = run(HEALTHY, REFUSED)
    assert engine.error == "connection refused"
    assert engine.health_indicator == 67


def test_a_good_answer_forgives_the_failures_before() -> None:
    engine, effects = run(HEALTHY, REFUSED, REFUSED, Answered(), REFUSED, REFUSED)
    assert (engine.health, engine.failures, effects) == (Health.HEALTHY, 2, [])


@pytest.mark.parametrize(
    "good", [pytest.param(Answered(), id="answer"), pytest.param(Validated(SPECS), id="validated")]
)
def test_an_unhealthy_one_that_answers_is_back_and_read_anew(good: Observation) -> None:
    engine, effects = run(UNHEALTHY, good)
    assert (engine.health, engine.failures, engine.error) == (Health.HEALTHY, 0, "")
    assert effects == [Effect.ANNOUNCE_RECONNECT, Effect.RESYNC]


def test_an_answer_does_not_validate_a_pending_one() -> None:
    assert run(PENDING, Answered()) == (PENDING, [])


def test_an_uneventful_answer_changes_no_value() -> None:
    assert observe(HEALTHY, Answered(), NOW).engine is HEALTHY


def test_a_refresh_moves_updated_at() -> None:
    engine, _ = run(HEALTHY, Answered(is_refresh=True))
    assert engine == replace(HEALTHY, updated_at=NOW)


@pytest.mark.parametrize(
    ("engine", "effects"),
    [
        pytest.param(HEALTHY, [Effect.ANNOUNCE_DISCONNECT], id="healthy"),
        pytest.param(UNHEALTHY, [], id="unhealthy-was-announced-before"),
        pytest.param(PENDING, [], id="pending-never-connected"),
    ],
)
def test_a_refused_one_is_pending_with_the_reason(engine: Engine, effects: list[Effect]) -> None:
    after, seen = run(engine, Refused("not a Docker Engine"))
    assert (after.health, after.error) == (Health.PENDING, "not a Docker Engine")
    assert seen == effects


@pytest.mark.parametrize(
    ("engine", "effects"),
    [
        pytest.param(HEALTHY, [Effect.PROBE], id="healthy"),
        pytest.param(UNHEALTHY, [], id="unhealthy"),
        pytest.param(PENDING, [], id="pending"),
    ],
)
def test_a_broken_stream_is_a_hint_not_a_failure(engine: Engine, effects: list[Effect]) -> None:
    assert run(engine, StreamBroken()) == (engine, effects)


@pytest.mark.parametrize(
    ("engine", "effects"),
    [
        pytest.param(HEALTHY, [Effect.ANNOUNCE_DISCONNECT, Effect.FORGET], id="healthy"),
        pytest.param(UNHEALTHY, [Effect.FORGET], id="unhealthy"),
        pytest.param(PENDING, [Effect.FORGET], id="pending"),
    ],
)
def test_removed_from_discovery_is_forgotten(engine: Engine, effects: list[Effect]) -> None:
    after, seen = run(engine, RemovedFromDiscovery())
    assert after.health is Health.DISCONNECTED
    assert seen == effects


def test_effects_name_the_events_they_publish() -> None:
    assert {effect.event for effect in Effect} == {
        "",
        "engine_connect",
        "engine_disconnect",
        "engine_reconnect",
    }


OBSERVATIONS = st.sampled_from(
    [
        Answered(),
        Answered(is_refresh=True),
        REFUSED,
        TimedOut("hung"),
        Refused("no"),
        Validated(SPECS),
        StreamBroken(),
        RemovedFromDiscovery(),
    ]
)


@given(st.lists(OBSERVATIONS, max_size=40), st.integers(1, 5))
def test_connects_and_disconnects_alternate(observations: list[Observation], limit: int) -> None:
    engine, effects = run(replace(PENDING, failure_limit=limit), *observations)
    said = [effect for effect in effects if effect.event]
    for earlier, later in itertools.pairwise(said):
        assert (earlier is Effect.ANNOUNCE_DISCONNECT) != (later is Effect.ANNOUNCE_DISCONNECT)
    is_up = bool(said) and said[-1] is not Effect.ANNOUNCE_DISCONNECT
    assert engine.is_healthy is is_up


@given(OBSERVATIONS)
def test_a_disconnected_one_never_comes_back(observation: Observation) -> None:
    assert run(GONE, observation) == (GONE, [])


@given(st.integers(-3, 10**6), st.integers())
def test_back_off_doubles_up_to_its_cap(failures: int, seed: int) -> None:
    delay = next_attempt_delay(failures, random.Random(seed))
    full = min(60.0, 2.0 ** max(0, min(failures, 100) - 1))
    assert full / 2 <= delay <= full


def noticed_after(*, stream_breaks: bool, ping_takes: float, failure: Observation) -> float:
    """Play the supervisor: seconds from the fault, just after a good ping, to unhealthy."""
    rng, engine, clock = random.Random(1), HEALTHY, 0.0
    if not stream_breaks:
        clock += next_probe_s(engine, rng)
    while True:
        clock += ping_takes
        engine = observe(engine, failure, NOW).engine
        if not engine.is_healthy:
            return clock
        clock += next_probe_s(engine, rng)


def test_a_closed_port_is_noticed_within_five_seconds() -> None:
    assert noticed_after(stream_breaks=True, ping_takes=0.1, failure=REFUSED) < 5
    # Nothing says so if the machine loses its power: then it counts as a hung one.
    assert noticed_after(stream_breaks=False, ping_takes=0.1, failure=REFUSED) < 15


def test_a_hung_engine_is_noticed_within_fifteen_seconds() -> None:
    deadline = health.PING_DEADLINE_S
    assert noticed_after(stream_breaks=False, ping_takes=deadline, failure=TimedOut("")) < 15


def test_an_engine_is_pinged_three_seconds_after_it_was_last_heard() -> None:
    waits = [next_probe_s(HEALTHY, random.Random(1), quiet_s=quiet) for quiet in (0, 2.5, 3, 60)]
    assert waits == [3.0, 0.5, 0.0, 0.0]


@pytest.mark.parametrize(
    ("engine", "longest"),
    [
        pytest.param(HEALTHY, health.PING_INTERVAL_S, id="healthy"),
        pytest.param(replace(HEALTHY, failures=1), health.PROBE_GAP_S, id="suspected"),
        pytest.param(replace(UNHEALTHY, failures=999), 10.0, id="unhealthy"),
        pytest.param(replace(PENDING, failures=999), 60.0, id="pending"),
    ],
)
def test_no_engine_waits_longer_than_its_cap(engine: Engine, longest: float) -> None:
    assert 0 < next_probe_s(engine, random.Random(3)) <= longest
