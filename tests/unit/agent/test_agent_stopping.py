"""Which containers are about to end."""

import pytest
from agent_containers import container

from agent.rules.stopping import END, is_stopping, may_be_stopping

SECOND = 1_000_000_000
START = container().started_ns


def stopping(sent: dict[str, int], after_s: float = 0, **how: object) -> bool:
    """Whether it is, *after_s* seconds after its start; *sent* has seconds after its start too."""
    moments = {name: START + at * SECOND for name, at in sent.items()}
    return is_stopping(container(**how), moments, int(START + after_s * SECOND))


def test_a_stop_counts_from_the_last_start_on() -> None:
    assert not stopping({})
    assert stopping({"15": 0})
    assert stopping({"15": 5})
    assert not stopping({"15": -1})


def test_a_word_to_the_process_stops_nothing() -> None:
    assert not stopping({"1": 5, "10": 5})
    assert stopping({"1": 5, "28": 5}, stop_signal="SIGWINCH")


@pytest.mark.parametrize("name", ["15", "2", "3", "28"])
@pytest.mark.parametrize(("timeout", "limit_s"), [(None, 70), (0, 60), (300, 360)])
def test_who_runs_a_minute_longer_than_it_may_take_to_end_has_survived(
    name: str, timeout: int | None, limit_s: float
) -> None:
    how = {"stop_signal": "SIGWINCH", "stop_timeout": timeout}
    assert stopping({name: 5}, 5 + limit_s - 1, **how)
    assert not stopping({name: 5}, 5 + limit_s + 1, **how)


def test_another_signal_begins_the_time_anew() -> None:
    assert stopping({"3": 5, "15": 100}, 120)


def test_nobody_survives_being_killed_or_has_to_hurry_for_ever() -> None:
    assert stopping({"9": 5}, 1e6)
    assert stopping({END: 5}, 1e6)
    assert stopping({"15": 5}, 1e6, stop_timeout=-1)


def test_without_the_engines_time_nothing_is_long_ago() -> None:
    assert is_stopping(container(), {"15": START}, 0)


@pytest.mark.parametrize(("name", "expected"), [("15", True), (END, True), ("1", False)])
def test_the_usual_signals_mean_a_stop_to_whatever_it_is(name: str, expected: bool) -> None:
    assert may_be_stopping({"10": 5, name: 5}) is expected
