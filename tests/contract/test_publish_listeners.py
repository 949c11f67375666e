"""Published ports at the manager's address: `master.publishing.listeners`."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from master.cluster.containers.published import Published, published
from master.cluster.state import ClusterState
from master.listen import ListenError
from master.publishing import listeners
from master.publishing.listeners import check_address
from tests.fakes.client import Client, until
from tests.fakes.engine import WEB_ID, Call, FakeEngine
from tests.fakes.loop import LoopThread
from tests.fakes.manager import RunningManager, running_engines, running_manager

pytestmark = pytest.mark.contract

ADDRESS = "127.0.0.77"
"""Loopback as the engines are, but not theirs."""
OTHER_ID = "0ddba11" + "0" * 57


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.add_container(WEB_ID, "web")
    return engine


@pytest.fixture
def engines(engine: FakeEngine) -> Iterator[LoopThread]:
    with running_engines(engine) as thread:
        yield thread


@pytest.fixture
def manager(engines: LoopThread, engine: FakeEngine) -> Iterator[RunningManager]:
    with running_manager(engine, publish_address=ADDRESS) as manager:
        yield manager


@pytest.fixture
def client(manager: RunningManager) -> Iterator[Client]:
    with manager.connect() as client:
        yield client


@pytest.fixture
def web() -> Iterator[socket.socket]:
    """What listens at the node."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


def number_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def publish(engine: FakeEngine, *ports: int, of: str = WEB_ID, ip: str = "0.0.0.0") -> None:
    """From now on the engine tells that the container has these ports open."""
    places = [{"HostIp": ip, "HostPort": str(port)} for port in ports]
    engine.containers[of]["NetworkSettings"] = {"Ports": {"80/tcp": places}}


def accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((ADDRESS, port), 2):
        return True
    return False


def test_a_port_accepts_when_the_start_is_answered(
    client: Client, engine: FakeEngine, web: socket.socket
) -> None:
    port = number_of(web)

    async def start(call: Call) -> None:
        publish(engine, port)
        await call.read_body()
        await call.answer(204)

    engine.on("POST /containers/web/start", start)
    assert not accepts(port)
    assert client.ask("POST", "/containers/web/start").status == 204
    with socket.create_connection((ADDRESS, port), 2) as caller:
        served, _ = web.accept()
        with served:
            caller.sendall(b"hello")
            assert served.recv(10) == b"hello"
    assert client.ask("GET", "/_ping").status == 200


@pytest.mark.parametrize("status", [304, 404, 500])
def test_what_did_not_start_it_is_answered_as_it_came(
    client: Client, engine: FakeEngine, status: int
) -> None:
    async def start(call: Call) -> None:
        await call.read_body()
        await call.answer(status, b"" if status == 304 else b'{"message": "no"}')

    engine.on("POST /containers/web/start", start)
    answer = client.ask("POST", "/containers/web/start")
    assert answer.status == status
    assert status == 304 or answer.message == "no"


def test_a_start_waits_a_second_for_an_engine_that_does_not_tell(
    manager: RunningManager, client: Client, engine: FakeEngine
) -> None:
    async def hang(call: Call) -> None:
        await call.reader.read()

    engine.on("GET /containers/(web|c0ffee.*)/json", hang)
    assert client.ask("POST", "/containers/web/start").status == 204


def test_listeners_follow_the_state(
    manager: RunningManager, engine: FakeEngine, web: socket.socket
) -> None:
    port = number_of(web)
    publish(engine, port)
    manager.settle()
    until(lambda: accepts(port), "the port is open")
    publish(engine)
    manager.settle()
    until(lambda: not accepts(port), "the port is closed")


def test_an_open_connection_outlives_its_listener(
    manager: RunningManager, engine: FakeEngine, web: socket.socket
) -> None:
    publish(engine, number_of(web))
    manager.settle()
    until(lambda: accepts(number_of(web)), "the port is open")
    web.accept()[0].close()
    with socket.create_connection((ADDRESS, number_of(web)), 2) as caller:
        served, _ = web.accept()
        publish(engine)
        manager.settle()
        until(lambda: not accepts(number_of(web)), "the port is closed")
        with served:
            caller.sendall(b"still there")
            assert served.recv(100) == b"still there"


@pytest.mark.parametrize("ip", [ADDRESS, "127.0.0.1"], ids=["ours", "the-nodes-own"])
def test_what_is_here_anyway_or_nobodys_business_is_not_served(
    manager: RunningManager, engine: FakeEngine, web: socket.socket, ip: str
) -> None:
    publish(engine, number_of(web), ip=ip)
    manager.settle()
    manager.thread.run(manager.runtime._ports.seen())
    assert not accepts(number_of(web))


@pytest.mark.parametrize(
    ("ip", "is_served"),
    [
        pytest.param("0.0.0.0", False, id="engine-on-this-machine"),
        pytest.param("10.1.1.1", True, id="engine-elsewhere"),
    ],
)
def test_at_every_address_only_other_machines_ports_are_served(
    engines: LoopThread, engine: FakeEngine, web: socket.socket, ip: str, *, is_served: bool
) -> None:
    port = number_of(web)
    web.close()
    publish(engine, port, ip=ip)
    with running_manager(engine, publish_address="0.0.0.0") as manager:
        manager.thread.run(manager.runtime._ports.seen())
        assert accepts(port) is is_served


def test_many_changes_are_followed_together(
    manager: RunningManager, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look is at all containers: it must not be had for every one that changes."""
    looks: list[float] = []

    def look(state: ClusterState) -> dict[int, tuple[Published, ...]]:
        looks.append(time.monotonic())
        return published(state)

    monkeypatch.setattr(listeners, "published", look)
    changes = 100
    for number in range(changes):
        engine.containers[WEB_ID]["Name"] = f"/{number}"
        manager.settle()
    seconds = max(looks) - min(looks)
    assert len(looks) <= 2 + seconds / listeners._GAP_S
    assert len(looks) < changes / 2
    version = manager.fleet.state.containers_version
    until(lambda: manager.runtime._ports._version == version, "the last one is followed")  # type: ignore[union-attr]


def test_who_starts_something_waits_for_the_next_look(
    manager: RunningManager, client: Client, engine: FakeEngine
) -> None:
    for number in range(20):
        with socket.create_server(("127.0.0.1", 0)) as web:
            publish(engine, number_of(web))
            assert client.ask("POST", "/containers/web/start").status == 204
            assert accepts(number_of(web)), number


def test_a_port_that_is_taken_is_told_once_and_tried_again(
    manager: RunningManager,
    engine: FakeEngine,
    web: socket.socket,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "master.publishing")
    port = number_of(web)
    with socket.create_server((ADDRESS, port)):
        publish(engine, port)
        for name in ("once", "twice"):
            engine.containers[WEB_ID]["Name"] = f"/{name}"
            manager.settle()
            manager.thread.run(manager.runtime._ports.seen())
        (said,) = caplog.messages
        assert f"listen tcp {ADDRESS}:{port}: bind: address already in use" in said
    engine.containers[WEB_ID]["Name"] = "/changed"
    manager.settle()
    until(lambda: _serves(port, web), "the port is served")


def _serves(port: int, web: socket.socket) -> bool:
    web.settimeout(0.2)
    with contextlib.suppress(OSError), socket.create_connection((ADDRESS, port), 2) as caller:
        served, _ = web.accept()
        with served:
            caller.sendall(b"x")
            return served.recv(1) == b"x"
    return False


def test_of_two_the_oldest_is_served_and_the_log_says_so(
    manager: RunningManager,
    engine: FakeEngine,
    web: socket.socket,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "master.publishing")
    port = number_of(web)
    publish(engine, port)
    engine.add_container(OTHER_ID, "other")
    publish(engine, port, of=OTHER_ID, ip="10.1.1.1")
    for _ in range(2):
        manager.settle()
        manager.thread.run(manager.runtime._ports.seen())
    # Their ages are the same, so their IDs decide.
    assert caplog.messages == [
        f"Port {port} is that of dockerhost01/other, not of dockerhost01/web"
    ]


def test_everything_is_closed_at_the_end(
    engines: LoopThread, engine: FakeEngine, web: socket.socket
) -> None:
    publish(engine, number_of(web))
    with running_manager(engine, publish_address=ADDRESS):
        until(lambda: accepts(number_of(web)), "the port is open")
        web.accept()[0].close()
        caller = socket.create_connection((ADDRESS, number_of(web)), 2)
        served, _ = web.accept()
    with caller, served:
        assert _is_over(served)
        assert _is_over(caller)
    assert not accepts(number_of(web))


def _is_over(sock: socket.socket) -> bool:
    sock.settimeout(5)
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def test_without_the_option_nothing_listens(
    engines: LoopThread, engine: FakeEngine, web: socket.socket
) -> None:
    publish(engine, number_of(web))
    with running_manager(engine) as manager, manager.connect() as client:
        assert client.ask("POST", "/containers/web/start").status == 204
        assert manager.fleet.state.on_change == []
    assert not accepts(number_of(web))


def test_an_address_of_another_machine_is_refused() -> None:
    check_address(ADDRESS)
    with pytest.raises(ListenError, match=r"listen tcp 192\.0\.2\.1:0: bind: cannot assign"):
        check_address("192.0.2.1")


def test_open_ports_get_numbers_of_the_cluster(client: Client, engine: FakeEngine) -> None:
    bodies: list[dict[str, Any]] = []

    async def create(call: Call) -> None:
        bodies.append(json.loads(await call.read_body()))
        await call.json({"Id": f"{len(bodies):064x}", "Warnings": []}, 201)

    engine.on(r"POST /containers/create.*", create)
    body = b'{"Image": "x", "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": ""}]}}}'
    for _ in range(3):
        assert client.ask("POST", "/containers/create", body).status == 201
    places = [one["HostConfig"]["PortBindings"]["80/tcp"] for one in bodies]
    numbers = {int(place["HostPort"]) for (place,) in places}
    assert len(numbers) == 3
    assert all(61000 <= number <= 65535 for number in numbers)
