"""A registrator between a fake engine and a real Consul, and what to look at it with."""

import asyncio
import base64
import http.client
import itertools
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from discovery_consul_server import ConsulServer

from agent.figures import Figures
from agent.places import EnginePlace
from agent.registrator import Registrator, RegistratorSettings
from discovery.uri import ConsulTarget
from tests.fakes.engine import FakeEngine

HOST = "dockerhost01"
IP = "10.0.0.1"
TTL_S = 20.0
_clock = itertools.count(1_767_400_000_000_000_000, 1_000_000_000)


def container_id(number: int) -> str:
    """A full ID."""
    return f"{number:064x}"


def add(
    engine: FakeEngine,
    number: int,
    name: str,
    *,
    image: str = "registry:5000/team/web:1.2",
    ports: Mapping[str, int] | None = None,
    env: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    health: str = "",
    stop_signal: str = "",
) -> str:
    """A running container with published ports (``80/tcp`` to the host's port); its ID."""
    published = {"80/tcp": 32000 + number} if ports is None else ports
    state: dict[str, Any] = {
        "Status": "running",
        "Running": True,
        "StartedAt": "2026-01-02T03:04:06.5Z",
    }
    if health:
        state["Health"] = {"Status": health}
    engine.add_container(
        container_id(number),
        name,
        State=state,
        Config={
            "Image": image,
            "Env": [f"{key}={value}" for key, value in (env or {}).items()],
            "Labels": dict(labels or {}),
            "ExposedPorts": {port: {} for port in published},
            "StopSignal": stop_signal or None,
        },
        NetworkSettings={
            "Ports": {
                port: [{"HostIp": "0.0.0.0", "HostPort": str(number)}]
                for port, number in published.items()
            }
        },
    )
    return container_id(number)


def engine_time() -> str:
    """The present by the clock that stamps events, as ``GET /info`` tells it."""
    return datetime.fromtimestamp(next(_clock) // 1_000_000_000, UTC).isoformat()


async def tell(engine: FakeEngine, action: str, subject: str, **attributes: str) -> None:
    """Send an event about a container."""
    now = next(_clock)
    await engine.emit(
        {
            "Type": "container",
            "Action": action,
            "Actor": {"ID": subject, "Attributes": attributes},
            "time": now // 1_000_000_000,
            "timeNano": now,
        }
    )


async def end(engine: FakeEngine, subject: str) -> None:
    """The container ends, as the engine says and shows it."""
    del engine.containers[subject]
    await tell(engine, "die", subject, exitCode="0")


def settings(server: ConsulServer, engine: FakeEngine, **changes: Any) -> RegistratorSettings:
    """Settings for these two."""
    target = ConsulTarget("127.0.0.1", server.ports["http"], "services", "")
    usual = RegistratorSettings(target, EnginePlace(engine.address), ip=IP, ttl_s=TTL_S)
    return replace(usual, **changes)


@asynccontextmanager
async def registering(
    server: ConsulServer, engine: FakeEngine, **changes: Any
) -> AsyncIterator[Figures]:
    """A registrator at work; ended as by a signal."""
    figures = Figures()
    one = Registrator(settings(server, engine, **changes), figures)
    task = asyncio.create_task(one.run())
    try:
        yield figures
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


async def until(condition: Callable[[], bool], what: str = "", timeout_s: float = 20) -> None:
    """Wait until *condition* holds."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.02)


def entries(consul: ConsulServer, prefix: str = "services/") -> dict[str, str]:
    """All keys below the prefix with their values, but those of agents and marks."""
    return {
        key: base64.b64decode(item["Value"] or "").decode()
        for key, item in items(consul, prefix).items()
        if not key.startswith(".")
    }


def items(consul: ConsulServer, prefix: str = "services/") -> dict[str, dict[str, Any]]:
    """Everything below the prefix, as Consul has it; just started it may show less of it."""
    status, _, body = _get(consul, f"/v1/kv/{prefix}?recurse&consistent")
    found = [] if status == 404 else json.loads(body)
    return {item["Key"].removeprefix(prefix): item for item in found}


def index(consul: ConsulServer) -> int:
    """Consul's index of all keys: the same means that nothing was written."""
    _, headers, _ = _get(consul, "/v1/kv/?recurse")
    return int(headers["X-Consul-Index"])


def _get(consul: ConsulServer, path: str) -> tuple[int, Mapping[str, str], bytes]:
    """Ask Consul, a hundred times cheaper than a client that loads certificates first."""
    connection = http.client.HTTPConnection("127.0.0.1", consul.ports["http"], timeout=10)
    try:
        connection.request("GET", path, headers=dict(consul.headers))
        answer = connection.getresponse()
        return answer.status, dict(answer.headers.items()), answer.read()
    finally:
        connection.close()


@contextmanager
def looking_on(consul: ConsulServer, key: str) -> Iterator[set[int]]:
    """Ask for *key* all the time, from a thread; the statuses of the answers."""
    statuses: set[int] = set()
    is_over = threading.Event()

    def look() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", consul.ports["http"], timeout=10)
        while not is_over.is_set():
            connection.request("GET", f"/v1/kv/{key}")
            answer = connection.getresponse()
            answer.read()
            statuses.add(answer.status)
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield statuses
    finally:
        is_over.set()
        thread.join()
