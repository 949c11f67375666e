"""What an engine's events mean."""

from typing import Any

import pytest
from agent_containers import ID, container

from agent.rules.events import Hint, Kind, read_event


def event(action: str, kind: str = "container", **attributes: str) -> dict[str, Any]:
    return {
        "Type": kind,
        "Action": action,
        "Actor": {"ID": ID, "Attributes": attributes},
        "timeNano": 5,
    }


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("start", Kind.STARTED),
        ("restart", Kind.STARTED),
        ("die", Kind.ENDED),
        ("destroy", Kind.ENDED),
        ("kill", Kind.SIGNALLED),
        ("pause", Kind.CHANGED),
        ("rename", Kind.CHANGED),
        ("health_status: healthy", Kind.CHANGED),
    ],
)
def test_an_event_tells_what_became_of_a_container(action: str, kind: Kind) -> None:
    assert read_event(event(action)) == Hint(kind, ID, 5)


def test_a_networks_event_is_about_its_container() -> None:
    message = event("connect", "network", container="d" * 64)
    assert read_event(message) == Hint(Kind.CHANGED, "d" * 64, 5)


@pytest.mark.parametrize(
    "message",
    [
        {},
        event("pull", "image"),
        event("create", "network"),
        {**event("start"), "timeNano": "5"},
        {**event("start"), "Actor": None},
        {**event("start"), "Actor": {"ID": "", "Attributes": None}},
    ],
)
def test_other_messages_tell_nothing(message: dict[str, Any]) -> None:
    assert read_event(message) is None


def test_the_engines_moments_are_read_to_the_microsecond() -> None:
    assert container().started_ns == 1_767_323_045_123_456_000
    assert container(state={"StartedAt": "0001-01-01T00:00:00Z"}).started_ns < 0
    assert container(state={"StartedAt": ""}).started_ns == 0
