"""An event that is too long to be taken in costs itself, and neither the stream nor the truth."""

import asyncio

import pytest

from tests.fakes.client import Client, until
from tests.fakes.engine import FakeEngine
from tests.fakes.loop import LoopThread
from tests.fakes.manager import RunningManager

pytestmark = pytest.mark.contract

NEW = "beef" * 16


def test_what_a_long_event_was_about_is_read(
    engines: LoopThread, engine: FakeEngine, manager: RunningManager, client: Client
) -> None:
    engine.add_container(NEW, "new")
    event = {
        "Type": "container",
        "Action": "start",
        "Actor": {"ID": NEW, "Attributes": {"note": "x" * (5 << 20)}},
        "timeNano": 1_767_400_000_000_000_000,
    }
    engines.run(asyncio.wait_for(engine.emit(event), 10))
    until(lambda: manager.thread.call(manager.fleet.state.container, engine.address, NEW), "it")
    # The stream stands: what an engine is asked for again, it begins with the same event.
    assert not any("/events" in one.target for one in engine.asked)
