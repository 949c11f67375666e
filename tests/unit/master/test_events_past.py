"""What an engine is asked about its past: `master.cluster.events.past`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster.events.past import past_window
from master.cluster.model import Engine

SECOND = 10**9
NOW = 1_700_000_000 * SECOND


def engine(skew_s: float = 0.0) -> Engine:
    return Engine("10.0.0.5:2375", clock_skew_s=skew_s)


@pytest.mark.parametrize("skew_s", [-60.0, 0.0, 60.0])
def test_a_window_that_is_over_is_told_in_the_engines_time(skew_s: float) -> None:
    window = past_window(
        engine(skew_s), NOW - 10 * SECOND, NOW - 5 * SECOND, now=NOW, newest=NOW + SECOND
    )
    skew = int(skew_s) * SECOND
    assert window == (NOW - 10 * SECOND - skew, NOW - 5 * SECOND - skew)


@pytest.mark.parametrize("until", [None, NOW + SECOND])
@pytest.mark.parametrize("skew_s", [-60.0, 0.0, 60.0])
def test_who_listens_on_is_told_up_to_what_was_heard_last(skew_s: float, until: int | None) -> None:
    newest = NOW - int(skew_s) * SECOND - SECOND
    window = past_window(engine(skew_s), NOW - 100 * SECOND, until, now=NOW, newest=newest)
    assert window == (NOW - (100 + int(skew_s)) * SECOND, newest)


@pytest.mark.parametrize("skew_s", [-60.0, 0.0, 60.0])
def test_of_a_silent_engine_up_to_a_moment_ago(skew_s: float) -> None:
    window = past_window(engine(skew_s), NOW - 100 * SECOND, None, now=NOW, newest=0)
    its_now = NOW - int(skew_s) * SECOND
    assert window == (its_now - 100 * SECOND, its_now - 2 * SECOND)


def test_a_clock_that_was_set_back_is_not_waited_for() -> None:
    window = past_window(engine(), 0, None, now=NOW, newest=NOW + 3600 * SECOND)
    assert window == (0, NOW + 2 * SECOND)


def test_an_engine_without_anything_to_tell_is_not_asked() -> None:
    assert past_window(engine(), NOW + SECOND, None, now=NOW, newest=NOW - SECOND) is None


@given(
    skew=st.integers(-100, 100),
    unseen=st.integers(-1_999, 1_999),
    ago=st.integers(0, 1_000_000),
)
def test_it_is_never_asked_for_a_time_that_it_has_not_reached(
    skew: int, unseen: int, ago: int
) -> None:
    """*unseen*: milliseconds by which the clock is off beside what is known of it."""
    its_now = NOW - skew * SECOND + unseen * SECOND // 1000
    window = past_window(engine(float(skew)), 0, None, now=NOW, newest=its_now - ago)
    assert window is not None
    assert window[1] <= its_now
    assert window[1] >= its_now - ago
