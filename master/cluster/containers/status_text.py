"""Docker's human status line ("Up 3 minutes (healthy)"), told anew at any moment.

An engine writes the line when it is asked; a manager that answers from what it knows has to go on
counting by itself. Everything is a function of the container's times and of now.
"""

from __future__ import annotations

import math
import re
from typing import Any

from master.cluster.model import Container

_MINUTE_S = 60
_HOUR_S = 3600
_DAY_H = 24
_WEEK_H = 7 * _DAY_H
_MONTH_H = 30 * _DAY_H
_YEAR_H = 365 * _DAY_H
_WHOLE_HOURS_UNTIL_H = 48

NEVER = math.inf
"""``valid_until`` of a text that time alone doesn't change."""

_HEALTH = re.compile(r"\((healthy|unhealthy|health: starting)\)$")
_EXIT_CODE = re.compile(r"^(?:Exited|Restarting) \((-?\d{1,19})\)")
_HAS_NO_TIME = {"created": "Created", "dead": "Dead", "removing": "Removal In Progress"}


def human_duration(seconds: float) -> str:
    """Return a length of time as Docker says it: ``4 hours``, ``About a minute``.

    Hours are rounded to the nearest, everything else is rounded down; days to months count
    rounded hours. Source: what go-units 0.4 and 0.5 print (engines 20.10 to 29).
    """
    if seconds < 1:
        return "Less than a second"
    if seconds < _MINUTE_S:
        return "1 second" if int(seconds) == 1 else f"{int(seconds)} seconds"
    if seconds < _HOUR_S:
        minutes = int(seconds // _MINUTE_S)
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = _rounded_hours(seconds)
    if hours < _WHOLE_HOURS_UNTIL_H:
        return "About an hour" if hours == 1 else f"{hours} hours"
    if hours < 2 * _WEEK_H:
        return f"{hours // _DAY_H} days"
    if hours < 2 * _MONTH_H:
        return f"{hours // _WEEK_H} weeks"
    if hours < 2 * _YEAR_H:
        return f"{hours // _MONTH_H} months"
    # Years alone are not counted by rounded hours, so the last half hour of the 24th month
    # reads "1 years": Docker's own wrinkle, kept because the engine prints the same.
    return f"{int(seconds // _HOUR_S) // _YEAR_H} years"


def next_change(seconds: float) -> float:
    """Return the length of time, above *seconds*, at which `human_duration` says another text."""
    if seconds < 1:
        return 1
    if seconds < _MINUTE_S:
        return math.floor(seconds) + 1
    if seconds < _HOUR_S:
        return (seconds // _MINUTE_S + 1) * _MINUTE_S
    hours = _rounded_hours(seconds)
    if hours < _WHOLE_HOURS_UNTIL_H:
        return (hours + 0.5) * _HOUR_S
    for unit, until in ((_DAY_H, 2 * _WEEK_H), (_WEEK_H, 2 * _MONTH_H), (_MONTH_H, 2 * _YEAR_H)):
        if hours < until:
            return (min((hours // unit + 1) * unit, until) - 0.5) * _HOUR_S
    return (seconds // _HOUR_S // _YEAR_H + 1) * _YEAR_H * _HOUR_S


def status(container: Container, now: float, clock_skew_s: float = 0.0) -> tuple[str, float]:
    """Return the status line of *container* and until when it stays true.

    Args:
        container: its config tells the times, its row the health and the exit code. If the times
            are missing, or older than the row's state, the row's own line is all there is.
        now: seconds since the epoch by this machine's clock.
        clock_skew_s: this machine's clock minus its engine's.

    Returns:
        The line, and the time (same clock as *now*) at which it changes; `NEVER` if it doesn't.
    """
    if (text := _HAS_NO_TIME.get(container.state)) is not None:
        return text, NEVER
    form = _form(container)
    if form is None:
        return _row_text(container), NEVER
    since, before, after = form
    began = since + clock_skew_s
    elapsed = now - began
    return f"{before}{human_duration(elapsed)}{after}", began + next_change(elapsed)


def health(container: Container) -> str:
    """Return ``healthy``, ``unhealthy``, ``starting``, or ``none`` without a health check.

    Only engines from API 1.52 on say it in a field of its own.
    """
    told = container.row.get("Health")
    if isinstance(told, dict) and isinstance(told.get("Status"), str) and told["Status"]:
        return str(told["Status"])
    found = _HEALTH.search(_row_text(container))
    return found[1].removeprefix("health: ") if found else "none"


def exit_code(container: Container) -> int:
    """Return the exit code of the last run; the row's word counts, as it is the newer one."""
    found = _EXIT_CODE.match(_row_text(container))
    return int(found[1]) if found else container.config.exit_code


def is_same_row(old: Container, new: Container) -> bool:
    """Whether two rows of equal containers say the same, but for the time that went by.

    ``Up 3 minutes`` after ``Up 2 minutes`` is no news: it is what `status` says by itself.
    """
    if old.row is new.row or old.row == new.row:
        return True
    if _form(old) is None or _form(old) != _form(new):
        return False
    return _without_status(old.row) == _without_status(new.row)


def _form(container: Container) -> tuple[float, str, str] | None:
    """Return (the time it counts from, text before, text after); None if times are unknown."""
    started, finished = container.config.started_at, container.config.finished_at
    match container.state:
        case "running" | "paused" if started > 0 and started >= finished:
            return started, "Up ", _after_up(container)
        case "exited" if finished > 0 and finished >= started:
            return finished, f"Exited ({exit_code(container)}) ", " ago"
        case "restarting" if finished > 0:
            return finished, f"Restarting ({exit_code(container)}) ", " ago"
    return None


def _after_up(container: Container) -> str:
    if container.state == "paused":
        return " (Paused)"
    found = _HEALTH.search(_row_text(container))
    return f" {found[0]}" if found else ""


def _rounded_hours(seconds: float) -> int:
    return int(seconds / _HOUR_S + 0.5)


def _row_text(container: Container) -> str:
    text = container.row.get("Status")
    return text if isinstance(text, str) else ""


def _without_status(row: Any) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "Status"}
