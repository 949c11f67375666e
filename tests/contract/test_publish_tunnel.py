"""Connections that are passed on to a container's node: `master.publishing.tunnel`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import uvloop

from master.publishing import tunnel
from master.publishing.tunnel import Place, Tunnels
from tests.fakes.client import until
from tests.fakes.loop import LoopThread
from tests.fakes.usage import usage

pytestmark = pytest.mark.contract

MB = 1 << 20
TIMEOUT_S = 10


@dataclass
class Tunnelled:
    """A listener that passes connections on to `place`."""

    thread: LoopThread
    address: Place
    tunnels: Tunnels
    place: Place | None
    accepted: int = 0

    def accept(self) -> asyncio.Protocol:
        self.accepted += 1
        return self.tunnels.accept(lambda: self.place)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, TIMEOUT_S)

    def open_count(self) -> int:
        return self.thread.call(lambda: len(self.tunnels))

    def wait_closed(self) -> None:
        until(lambda: self.open_count() == 0, "every tunnel is closed")


@pytest.fixture
def node() -> Iterator[socket.socket]:
    """A listener as a container's published port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT_S)
        yield server


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def tunnelled(request: pytest.FixtureRequest, node: socket.socket) -> Iterator[Tunnelled]:
    with LoopThread(request.param) as thread:
        tunnels = thread.call(Tunnels)
        made = Tunnelled(thread, ("", 0), tunnels, node.getsockname())
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MB)
        listener.bind(("127.0.0.1", 0))
        made.address = listener.getsockname()
        server = thread.run(thread.loop.create_server(made.accept, sock=listener))
        yield made
        thread.call(server.close)
        thread.call(tunnels.abort)
        made.wait_closed()
        assert thread.task_count() == 0
        assert thread.complaints == []


def accept(node: socket.socket) -> socket.socket:
    connection, _ = node.accept()
    connection.settimeout(TIMEOUT_S)
    return connection


@pytest.fixture
def ends(tunnelled: Tunnelled, node: socket.socket) -> Iterator[tuple[socket.socket, ...]]:
    """A client and what it is connected to."""
    with tunnelled.connect() as client, accept(node) as served:
        yield client, served


def rest(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def test_bytes_pass_both_ways(ends: tuple[socket.socket, ...]) -> None:
    client, served = ends
    client.sendall(b"question")
    assert served.recv(100) == b"question"
    served.sendall(b"answer")
    assert client.recv(100) == b"answer"


def test_a_server_may_speak_first(ends: tuple[socket.socket, ...]) -> None:
    client, served = ends
    served.sendall(b"SSH-2.0")
    assert client.recv(100) == b"SSH-2.0"


def test_what_is_said_before_the_node_has_answered_arrives(
    tunnelled: Tunnelled, node: socket.socket
) -> None:
    with tunnelled.connect() as client:
        client.sendall(b"early")
        client.shutdown(socket.SHUT_WR)
        with accept(node) as served:
            assert rest(served) == b"early"
            served.sendall(b"late")
        assert rest(client) == b"late"
    tunnelled.wait_closed()


@pytest.mark.parametrize("first", [0, 1], ids=["client", "node"])
def test_the_end_of_one_direction_leaves_the_other(
    tunnelled: Tunnelled, ends: tuple[socket.socket, ...], first: int
) -> None:
    one, other = ends[first], ends[1 - first]
    one.sendall(b"all")
    one.shutdown(socket.SHUT_WR)
    assert rest(other) == b"all"
    other.sendall(b"x" * MB)
    other.shutdown(socket.SHUT_WR)
    assert rest(one) == b"x" * MB
    tunnelled.wait_closed()


@pytest.mark.parametrize("first", [0, 1], ids=["client", "node"])
def test_a_closed_end_closes_the_other(
    tunnelled: Tunnelled, ends: tuple[socket.socket, ...], first: int
) -> None:
    ends[first].close()
    assert rest(ends[1 - first]) == b""
    ends[1 - first].close()
    tunnelled.wait_closed()


@pytest.mark.parametrize("first", [0, 1], ids=["client", "node"])
def test_a_broken_end_breaks_the_other(
    tunnelled: Tunnelled, ends: tuple[socket.socket, ...], first: int
) -> None:
    ends[first].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    ends[first].close()
    with contextlib.suppress(ConnectionResetError):
        assert ends[1 - first].recv(1) == b""
    tunnelled.wait_closed()


@pytest.mark.parametrize("reader", [0, 1], ids=["client", "node"])
def test_who_does_not_read_stops_who_writes(ends: tuple[socket.socket, ...], reader: int) -> None:
    slow, fast = ends[reader], ends[1 - reader]
    fast.setblocking(False)
    before = usage().memory
    sent = _flood(fast)
    assert sent < 64 * MB
    assert usage().memory - before < 32 * MB
    fast.settimeout(TIMEOUT_S)
    taken = threading.Thread(target=lambda: (fast.sendall(b"x" * MB), fast.close()))
    taken.start()
    assert len(rest(slow)) == sent + MB
    taken.join()


def _flood(sock: socket.socket) -> int:
    """Write until nothing is taken for a while; the bytes that were."""
    sent, idle = 0, threading.Event()
    while not idle.is_set():
        try:
            sent += sock.send(b"x" * 65536)
        except BlockingIOError:
            sock.settimeout(0.3)
            try:
                sent += sock.send(b"x" * 65536)
            except TimeoutError:
                idle.set()
            sock.setblocking(False)
        assert sent < 64 * MB
    return sent


def test_more_said_early_than_the_node_takes_stops_who_says_it(
    tunnelled: Tunnelled, node: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "_PATIENCE_S", TIMEOUT_S)
    monkeypatch.setattr(tunnel, "keep_alive", _with_little_room)
    place = node.getsockname()
    node.close()
    # While it sleeps there is more to read at once than one connection's buffer may hold.
    tunnelled.thread.loop.call_soon_threadsafe(time.sleep, 0.3)
    with tunnelled.connect() as client:
        client.setblocking(False)
        sent = _flood(client)
        with socket.socket() as late:
            late.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            late.bind(place)
            late.listen()
            late.settimeout(TIMEOUT_S)
            with accept(late) as served:
                sent += _flood(client)
                assert sent < 16 * MB
                client.shutdown(socket.SHUT_WR)
                assert len(rest(served)) == sent


def _with_little_room(sock: socket.socket) -> None:
    """In the kernel, so that what is written waits in the manager."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


def test_a_process_that_does_not_listen_yet_is_waited_for(
    tunnelled: Tunnelled, node: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "_PATIENCE_S", TIMEOUT_S)
    place = node.getsockname()
    node.close()
    with tunnelled.connect() as client:
        client.sendall(b"early")
        until(lambda: tunnelled.accepted == 1, "the connection has been seen")
        with socket.create_server(place) as late:
            late.settimeout(TIMEOUT_S)
            with accept(late) as served:
                assert served.recv(10) == b"early"


def test_a_refused_connection_is_closed(
    tunnelled: Tunnelled, node: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "_PATIENCE_S", 0.1)
    node.close()
    _is_turned_away(tunnelled)


def test_a_port_that_has_gone_is_closed(tunnelled: Tunnelled) -> None:
    tunnelled.place = None
    _is_turned_away(tunnelled)


def test_a_node_that_does_not_answer_is_given_up(
    tunnelled: Tunnelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "_DIAL_TIMEOUT_S", 0.2)
    with _full() as place:
        tunnelled.place = place
        _is_turned_away(tunnelled)


def test_a_client_that_leaves_while_its_node_is_dialled_leaves_nothing(
    tunnelled: Tunnelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "_DIAL_TIMEOUT_S", 0.2)
    with _full() as place:
        tunnelled.place = place
        tunnelled.connect().close()
        until(lambda: tunnelled.accepted == 1, "the connection has been seen")
        tunnelled.wait_closed()


@contextlib.contextmanager
def _full() -> Iterator[Place]:
    """A place whose queue of connections is full: the kernel does not answer a further one."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = stack.enter_context(socket.create_connection(server.getsockname(), TIMEOUT_S))
        assert waiting.fileno() >= 0
        yield server.getsockname()


def _is_turned_away(tunnelled: Tunnelled) -> None:
    with tunnelled.connect() as client:
        assert _gone(lambda: client.recv(1))
    tunnelled.wait_closed()


def _gone(read: Callable[[], bytes]) -> bool:
    try:
        return read() == b""
    except ConnectionResetError:
        return True


def test_many_at_once(tunnelled: Tunnelled, node: socket.socket) -> None:
    before = usage().files
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(tunnelled.connect()) for _ in range(100)]
        served = [stack.enter_context(accept(node)) for _ in range(100)]
        for number, client in enumerate(clients):
            client.sendall(b"%d" % number)
        heard = {int(one.recv(10)) for one in served}
    assert heard == set(range(100))
    tunnelled.wait_closed()
    until(lambda: usage().files <= before, "every file is closed")
