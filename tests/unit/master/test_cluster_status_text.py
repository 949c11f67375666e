"""The status line, and when it says something else."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from master.cluster.containers.status_text import (
    NEVER,
    exit_code,
    health,
    human_duration,
    is_same_row,
    next_change,
    status,
)
from master.cluster.model import NO_LABELS, Container, ContainerConfig

MINUTE, HOUR, DAY = 60, 3600, 86400
NOW = 1_800_000_000.0


def container(state: str, text: str = "", *, config: ContainerConfig | None = None) -> Container:
    return Container(
        id="a" * 64,
        name="web",
        engine="10.0.0.5:2375",
        image="busybox",
        image_id="sha256:1",
        created=1,
        state=state,
        labels=NO_LABELS,
        row={"Id": "a" * 64, "State": state, "Status": text},
        config=config or ContainerConfig(),
    )


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "Less than a second"),
        (0.45, "Less than a second"),
        (1, "1 second"),
        (1.99, "1 second"),
        (47, "47 seconds"),
        (59.9, "59 seconds"),
        (MINUTE, "About a minute"),
        (2 * MINUTE - 1, "About a minute"),
        (3 * MINUTE, "3 minutes"),
        (46 * MINUTE, "46 minutes"),
        (59 * MINUTE + 59, "59 minutes"),
        (HOUR, "About an hour"),
        (HOUR + 29 * MINUTE, "About an hour"),
        (HOUR + 31 * MINUTE, "2 hours"),
        (36 * HOUR, "36 hours"),
        (47 * HOUR + 29 * MINUTE, "47 hours"),
        (2 * DAY, "2 days"),
        (13 * DAY + 5 * HOUR, "13 days"),
        (14 * DAY, "2 weeks"),
        (30 * DAY, "4 weeks"),
        (44 * DAY, "6 weeks"),
        (60 * DAY, "2 months"),
        (97 * DAY, "3 months"),
        (23 * 30 * DAY, "23 months"),
        (720 * DAY, "24 months"),
        (734 * DAY, "2 years"),
        (3 * 365 * DAY + 60 * DAY, "3 years"),
    ],
)
def test_human_duration(seconds: float, expected: str) -> None:
    assert human_duration(seconds) == expected


UNIT_ENDS = [MINUTE, HOUR, 48 * HOUR, 14 * DAY, 60 * DAY, 730 * DAY]
"""Where one unit makes way for the next; 60 days are no whole number of weeks."""

durations = st.floats(min_value=0, max_value=10 * 365 * DAY) | st.builds(
    float.__sub__, st.sampled_from([float(end) for end in UNIT_ENDS]), st.floats(0, 3 * HOUR)
).filter(lambda seconds: seconds >= 0)


@given(durations, st.floats(min_value=0, max_value=1))
def test_the_text_stays_until_the_next_change_and_then_changes(seconds: float, part: float) -> None:
    change = next_change(seconds)
    assert change > seconds
    before = seconds + (change - seconds) * part
    assume(change - before > 1e-3)
    assert human_duration(before) == human_duration(seconds)
    assert human_duration(change) != human_duration(seconds)


@pytest.mark.parametrize(
    ("seconds", "change"),
    [
        pytest.param(-3, 1, id="in-the-future"),
        pytest.param(59.5, MINUTE, id="minute"),
        pytest.param(59 * MINUTE, HOUR, id="hour"),
        pytest.param(HOUR, 1.5 * HOUR, id="hours-are-rounded"),
        pytest.param(47 * HOUR, 47.5 * HOUR, id="days"),
        pytest.param(13 * DAY, 14 * DAY - HOUR / 2, id="weeks"),
        pytest.param(59 * DAY, 60 * DAY - HOUR / 2, id="months-begin-within-a-week"),
        pytest.param(725 * DAY, 730 * DAY - HOUR / 2, id="years-begin-within-a-month"),
        pytest.param(730 * DAY, 1095 * DAY, id="years-are-not-rounded"),
    ],
)
def test_when_a_text_changes(seconds: float, change: float) -> None:
    assert next_change(seconds) == change


def test_walking_from_change_to_change_counts_upwards() -> None:
    units = {"second": 1, "minute": MINUTE, "hour": HOUR, "day": DAY}
    units |= {"week": 7 * DAY, "month": 30 * DAY, "year": 365 * DAY}
    seconds, last, steps = 1.0, 0.0, 0
    while seconds < 20 * 365 * DAY:
        words = human_duration(seconds).removeprefix("About ").split()
        count = 1 if words[0] in {"a", "an"} else int(words[0])
        size = count * units[words[1].rstrip("s")]
        # The wrinkle of the last half hour of 24 months, which the engine has as well.
        if (count, words[1]) != (1, "years"):
            assert size >= last * 0.99
            last = size
        seconds, steps = next_change(seconds), steps + 1
    assert 60 + 59 + 47 + 12 + 7 + 22 < steps < 250


@pytest.mark.parametrize(
    ("state", "row_text", "config", "expected"),
    [
        pytest.param("running", "Up 1 second", (180, 0, 0), "Up 3 minutes", id="up"),
        pytest.param(
            "running", "Up 1 second (healthy)", (180, 0, 0), "Up 3 minutes (healthy)", id="healthy"
        ),
        pytest.param(
            "running", "Up 1 second (unhealthy)", (180, 0, 0), "Up 3 minutes (unhealthy)", id="ill"
        ),
        pytest.param(
            "running",
            "Up 1 second (health: starting)",
            (5, 0, 0),
            "Up 5 seconds (health: starting)",
            id="starting",
        ),
        pytest.param("running", "Up 9 days", (7, 60, 0), "Up 7 seconds", id="restarted"),
        pytest.param(
            "paused", "Up 1 second (Paused)", (180, 0, 0), "Up 3 minutes (Paused)", id="p"
        ),
        pytest.param(
            "exited", "Exited (137) 1 second ago", (99, 5, 0), "Exited (137) 5 seconds ago", id="ex"
        ),
        pytest.param("exited", "", (99, 5, 3), "Exited (3) 5 seconds ago", id="code-of-config"),
        pytest.param(
            "restarting",
            "Restarting (1) 1 second ago",
            (9, 5, 0),
            "Restarting (1) 5 seconds ago",
            id="restarting",
        ),
        pytest.param("created", "Created", (0, 0, 0), "Created", id="created"),
        pytest.param("dead", "Dead", (9, 5, 0), "Dead", id="dead"),
        pytest.param("removing", "x", (9, 5, 0), "Removal In Progress", id="removing"),
        pytest.param("running", "Up 8 weeks", (0, 0, 0), "Up 8 weeks", id="times-unknown"),
        pytest.param("running", "Up 2 hours", (60, 5, 0), "Up 2 hours", id="times-of-last-run"),
        pytest.param(
            "exited", "Exited (0) 9 weeks ago", (5, 0, 0), "Exited (0) 9 weeks ago", id="no-end-yet"
        ),
        pytest.param("odd", "Whatever", (5, 0, 0), "Whatever", id="unknown-state"),
    ],
)
def test_status(state: str, row_text: str, config: tuple[float, float, int], expected: str) -> None:
    started, finished, code = config
    times = ContainerConfig(
        started_at=NOW - started if started else 0,
        finished_at=NOW - finished if finished else 0,
        exit_code=code,
    )
    assert status(container(state, row_text, config=times), NOW)[0] == expected


def test_status_tells_until_when_it_is_true() -> None:
    up = container("running", config=ContainerConfig(started_at=NOW - 61.5))
    text, until = status(up, NOW)
    assert (text, until) == ("Up About a minute", NOW + 58.5)
    assert status(up, until - 0.01)[0] == text
    assert status(up, until)[0] == "Up 2 minutes"
    assert status(container("created"), NOW)[1] == NEVER == math.inf


def test_the_engines_clock_may_be_wrong() -> None:
    up = container("running", config=ContainerConfig(started_at=NOW - 3600))
    assert status(up, NOW, clock_skew_s=3590)[0] == "Up 10 seconds"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param({"Status": "Up 2 hours (healthy)"}, "healthy", id="text"),
        pytest.param({"Status": "Up 2 hours (health: starting)"}, "starting", id="starting"),
        pytest.param({"Status": "Up 2 hours (Paused)"}, "none", id="paused"),
        pytest.param({"Status": "Up 2 hours"}, "none", id="no-check"),
        pytest.param({"Status": "Up", "Health": {"Status": "unhealthy"}}, "unhealthy", id="field"),
        pytest.param({"Status": None, "Health": []}, "none", id="strange"),
    ],
)
def test_health(row: dict[str, Any], expected: str) -> None:
    assert health(replace(container("running"), row=row)) == expected


def test_exit_code_of_the_row_beats_an_older_inspect() -> None:
    old = ContainerConfig(exit_code=1)
    assert exit_code(container("exited", "Exited (-1) 3 days ago", config=old)) == -1
    assert exit_code(container("exited", "", config=old)) == 1


@pytest.mark.parametrize(
    ("new_text", "has_times", "expected"),
    [
        pytest.param("Up 4 minutes", True, True, id="time-went-by"),
        pytest.param("Up 4 minutes", False, False, id="nobody-else-counts"),
        pytest.param("Up 4 minutes (healthy)", True, False, id="health-is-news"),
        pytest.param("Up 3 minutes", False, True, id="equal"),
    ],
)
def test_a_row_that_only_grew_older_is_the_same(
    new_text: str, has_times: bool, expected: bool
) -> None:
    config = ContainerConfig(started_at=NOW if has_times else 0)
    old = container("running", "Up 3 minutes", config=config)
    new = container("running", new_text, config=config)
    assert is_same_row(old, new) is expected
