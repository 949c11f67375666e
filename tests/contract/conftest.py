"""One scripted engine with a container called ``web``, a manager over it, a client; a Consul.

Each file starts its own manager, over its own ``fleet``. The Consul is one for all files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from discovery_consul_server import ConsulServer

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
def fleet(engine: FakeEngine) -> Sequence[FakeEngine]:
    """What the manager is over; files that need more engines, or other ones, have their own."""
    return (engine,)


@pytest.fixture(scope="module")
def engines(fleet: Sequence[FakeEngine]) -> Iterator[LoopThread]:
    """The engines' own thread."""
    with running_engines(*fleet) as thread:
        yield thread


@pytest.fixture(scope="module")
def manager(engines: LoopThread, fleet: Sequence[FakeEngine]) -> Iterator[RunningManager]:
    with running_manager(*fleet) as manager:
        yield manager


@pytest.fixture
def client(manager: RunningManager, engine: FakeEngine) -> Iterator[Client]:
    """A new connection; the engine is as at first."""
    engine.forget_scripts()
    engine.wake()
    with manager.connect() as client:
        yield client


@pytest.fixture(scope="session")
def _shared_consul(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulServer]:
    server = ConsulServer(tmp_path_factory.mktemp("consul"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def consul(_shared_consul: ConsulServer) -> ConsulServer:
    """A Consul that all tests share, emptied."""
    call = _shared_consul.call
    for session in call("GET", "/session/list").json():
        call("PUT", f"/session/destroy/{session['ID']}")
    for service in call("GET", "/agent/services").json():
        call("PUT", f"/agent/service/deregister/{service}")
    call("DELETE", "/kv/?recurse=1")
    return _shared_consul


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ConsulServer]:
    """A Consul that the test may break."""
    server = ConsulServer(tmp_path / "consul")
    server.start()
    yield server
    server.stop()
