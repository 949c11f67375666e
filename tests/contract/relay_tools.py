"""What the tests of relayed requests share."""

from __future__ import annotations

from typing import Any

from engine.transport import _Answer
from tests.fakes.client import until
from tests.fakes.engine import Asked, FakeEngine
from tests.fakes.manager import RunningManager

ADDED = "decade" + "0" * 58
MB = 1 << 20


def asked_for(engine: FakeEngine, end: str) -> Asked:
    """The last request whose path ends so; waits for it."""
    until(lambda: any(asked.path.endswith(end) for asked in engine.asked), f"asked for {end}")
    return [asked for asked in engine.asked if asked.path.endswith(end)][-1]


def busy(manager: RunningManager, engine: FakeEngine) -> int:
    """Connections to the engine that carry a relayed request (not the manager's own)."""
    connections = manager.thread.call(lambda: list(manager.pool(engine)._busy))
    return sum(not isinstance(connection._exchange, _Answer) for connection in connections)


def fronts(manager: RunningManager) -> list[Any]:
    """The manager's ends of its clients' connections."""
    return list(manager.runtime.server.server_state.connections)
