"""One scripted engine with a container called ``web``, a manager over it, a client: for most tests.

Each file starts its own; those that need more engines, or other ones, have fixtures of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.client import Client
from tests.fakes.engine import WEB_ID, FakeEngine
from tests.fakes.loop import LoopThread
from tests.fakes.manager import RunningManager, running_engines, running_manager


@pytest.fixture(scope="module")
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.add_container(WEB_ID, "web")
    return engine


@pytest.fixture(scope="module")
def engines(engine: FakeEngine) -> Iterator[LoopThread]:
    """The engine's own thread."""
    with running_engines(engine) as thread:
        yield thread


@pytest.fixture(scope="module")
def manager(engines: LoopThread, engine: FakeEngine) -> Iterator[RunningManager]:
    with running_manager(engine) as manager:
        yield manager


@pytest.fixture
def client(manager: RunningManager, engine: FakeEngine) -> Iterator[Client]:
    """A new connection; the engine is as at first."""
    engine.forget_scripts()
    engine.wake()
    with manager.connect() as client:
        yield client
