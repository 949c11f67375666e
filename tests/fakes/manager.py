"""The real manager in this process: its runtime, its front under uvicorn and uvloop, its fleet."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any, Protocol

import uvloop

from common.tls import TlsFiles
from master.runtime import _Runtime, _Server
from master.settings import Settings
from tests.fakes.client import Client, until
from tests.fakes.engine import FakeEngine
from tests.fakes.loop import LoopThread


class Addressed(Protocol):
    """An engine, scripted or real."""

    address: str
    """``host:port``."""


class _TestedRuntime(_Runtime):
    server: _Server

    def _server(self) -> _Server:
        self.server = super()._server()
        # Signals can be had in the main thread only, and they are the runner's.
        self.server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        return self.server


class RunningManager:
    """A manager that serves; `address` is for clients."""

    def __init__(self, thread: LoopThread, settings: Settings, sock: socket.socket) -> None:
        self.thread = thread
        self.runtime = thread.call(_TestedRuntime, settings)
        self.address = sock.getsockname()
        self._sock = sock
        self._serving = asyncio.run_coroutine_threadsafe(self.runtime.serve([sock]), thread.loop)

    @property
    def fleet(self) -> Any:
        return self.runtime._fleet

    def connect(self, **options: Any) -> Client:
        """A new connection."""
        return Client(self.address, **options)

    def wait_healthy(self, *engines: Addressed) -> None:
        """Until these engines are accepted, with their containers."""
        for engine in engines:
            until(lambda e=engine: self._is_healthy(e.address), f"{engine.address} is healthy")
        self.thread.run(self.fleet.settled())

    def _is_healthy(self, address: str) -> bool:
        found = self.thread.call(self.fleet.state.engine, address)
        return found is not None and found.is_healthy

    def settle(self) -> None:
        """Have every engine's lists read anew."""
        self.thread.run(self.fleet.refresh_all())

    def pool(self, engine: FakeEngine) -> Any:
        """The manager's connections to *engine*."""
        return self.fleet.client(engine.address).pool

    def stop(self) -> None:
        """Gracefully, as SIGTERM does."""
        if not self._serving.done():
            self.thread.loop.call_soon_threadsafe(self.runtime.server.stop)
        self._serving.result(20)
        self._sock.close()


def listen(unix_path: str = "") -> socket.socket:
    """A socket to serve on."""
    if unix_path:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(unix_path)
        return sock
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


@contextlib.contextmanager
def running_manager(
    *engines: Addressed,
    tls: TlsFiles | None = None,
    unix_path: str = "",
    healthy: bool = True,
    cors: bool = False,
    publish_address: str = "",
) -> Iterator[RunningManager]:
    """A manager over *engines*, in a thread of its own; it must not complain."""
    discovery = "nodes://" + ",".join(engine.address for engine in engines)
    settings = Settings.checked(
        discovery=discovery, tls=tls, cors=cors, publish_address=publish_address
    )
    with LoopThread(uvloop.new_event_loop) as thread:
        manager = RunningManager(thread, settings, listen(unix_path))
        try:
            if healthy:
                manager.wait_healthy(*engines)
            yield manager
        finally:
            manager.stop()
        assert thread.complaints == []


@contextlib.contextmanager
def running_engines(*engines: FakeEngine) -> Iterator[LoopThread]:
    """*engines*, started, in a thread of their own."""
    with LoopThread(asyncio.new_event_loop) as thread:
        for engine in engines:
            thread.run(engine.start())
        try:
            yield thread
        finally:
            for engine in engines:
                thread.run(engine.stop())
