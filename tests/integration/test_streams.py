"""Streams under stress: many, killed, slow; nothing is left over in the manager."""

import contextlib
import os
import signal
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from integration_tools import Api, Cli, read_head, until

from lab.cluster import Lab

TICKING = ["sh", "-c", "trap 'exit 0' TERM; while :; do echo tick; sleep 0.2; done"]


@dataclass(frozen=True)
class Usage:
    """What the manager's process holds."""

    sockets: int
    memory_kb: int


def usage(lab: Lab) -> Usage:
    """Look at the manager's process."""
    assert lab.manager.process is not None
    folder = Path(f"/proc/{lab.manager.process.pid}")
    links = []
    for fd in (folder / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(str(fd.readlink()))
    rss = next(line for line in (folder / "status").read_text().splitlines() if "VmRSS" in line)
    return Usage(sum(link.startswith("socket:") for link in links), int(rss.split()[1]))


def attach(api: Api, container: str) -> socket.socket:
    """Attach by hand, up to the engine's 101."""
    sock = api.connect()
    target = f"/containers/{container}/attach?stream=1&stdin=1&stdout=1"
    sock.sendall(
        f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        "Content-Length: 0\r\n\r\n".encode()
    )
    assert read_head(sock).startswith(b"HTTP/1.1 101 ")
    return sock


def reset(sock: socket.socket) -> None:
    """Close like a process that was killed with data unread: with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.fixture
def ticking(api: Api) -> list[str]:
    """A talking container on each host."""
    nodes = [f"constraint:node==dockerhost0{number}" for number in (1, 2, 3)]
    return [
        api.run(f"tick{number}", Cmd=TICKING, OpenStdin=True, Env=[node])
        for number, node in enumerate(nodes, 1)
    ]


def test_many_attached_clients_leave_nothing(api: Api, lab: Lab, ticking: list[str]) -> None:
    api.get("/info")
    before = usage(lab)
    count = 120
    with ThreadPoolExecutor(20) as pool:
        socks = list(pool.map(lambda n: attach(api, ticking[n % 3]), range(count)))
        assert all(pool.map(lambda sock: sock.recv(8), socks))
    during = usage(lab)
    # Some that were idle before may be closed by now, or used.
    assert during.sockets >= before.sockets + 2 * count - 5
    for number, sock in enumerate(socks):
        reset(sock) if number % 2 else sock.close()
    until(lambda: usage(lab).sockets <= before.sockets + 4, 5, "the end of all connections")
    assert usage(lab).memory_kb < before.memory_kb + 30_000


def test_killed_clients_leave_nothing(docker: Cli, lab: Lab, ticking: list[str]) -> None:
    before = usage(lab)
    for _ in range(3):
        with contextlib.ExitStack() as stack:
            clients = [
                stack.enter_context(docker.start(*command))
                for name in ("tick1", "tick2", "tick3")
                for command in (["logs", "-f", name], ["attach", name], ["exec", name, "cat"])
            ]
            time.sleep(0.6)
            for client in clients:
                client.send_signal(signal.SIGKILL)
    until(lambda: usage(lab).sockets <= before.sockets + 4, 6, "the end of all connections")


def test_a_client_that_reads_slowly_holds_the_engine_back(api: Api, lab: Lab) -> None:
    """Back-pressure: what nobody reads isn't piled up in the manager."""
    container = api.run(Cmd=["cat", "/dev/zero"], OpenStdin=True)
    with attach(api, container) as sock:
        sock.recv(100)
        time.sleep(0.5)
        before = usage(lab).memory_kb
        time.sleep(1.5)
        assert usage(lab).memory_kb < before + 20_000
        reset(sock)
    api("POST", f"/containers/{container}/kill")


def test_an_upload_that_the_engine_takes_slowly_is_held_back(api: Api, lab: Lab) -> None:
    """The same the other way: a process that never reads its input."""
    container = api.run(Cmd=["sleep", "600"], OpenStdin=True)
    with attach(api, container) as sock:
        before = usage(lab).memory_kb
        sock.setblocking(False)
        sent, end = 0, time.monotonic() + 1.5
        while time.monotonic() < end and sent < 200 << 20:
            with contextlib.suppress(BlockingIOError):
                sent += sock.send(bytes(1 << 16))
        assert sent < 64 << 20
        assert usage(lab).memory_kb < before + 20_000


@pytest.mark.fault
def test_a_killed_engine_ends_its_streams(api: Api, lab: Lab, ticking: list[str]) -> None:
    socks = [attach(api, container) for container in ticking]
    lab.engines[2].crash()
    try:
        socks[2].settimeout(8)
        with contextlib.suppress(ConnectionError):
            while socks[2].recv(4096):
                pass
        for sock in socks[:2]:
            sock.settimeout(3)
            assert sock.recv(4096)
    finally:
        for sock in socks:
            sock.close()
        lab.engines[2].restart()


def test_a_big_archive_needs_no_memory(docker: Cli, lab: Lab, api: Api) -> None:
    api.run("web", Cmd=["sleep", "600"])
    docker("exec", "web", "dd", "if=/dev/zero", "of=/tmp/big", "bs=1M", "count=150", timeout_s=40)
    before = usage(lab).memory_kb
    with docker.start("cp", "web:/tmp/big", "-") as client:
        assert client.stdout is not None
        total, most = 0, 0
        while piece := os.read(client.stdout.fileno(), 1 << 20):
            total += len(piece)
            most = max(most, usage(lab).memory_kb)
    assert total > 150 << 20
    assert most < before + 25_000
