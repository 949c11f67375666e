"""The page of figures, over real sockets."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from registrator_tools import until

from agent.endpoint import MetricsEndpoint
from agent.figures import Figures
from common.metrics import render

pytestmark = pytest.mark.contract


@pytest.fixture
def figures() -> Figures:
    return Figures(entries=3, engine_up=True)


@pytest.fixture
async def endpoint(figures: Figures) -> AsyncIterator[MetricsEndpoint]:
    figures.refused["name"] += 2
    one = MetricsEndpoint("127.0.0.1", 0, lambda: render(figures.metrics()), figures.troubles)
    task = asyncio.create_task(one.run())
    await until(lambda: one.port != 0)
    yield one
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def ask(endpoint: MetricsEndpoint, method: str, path: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        return await client.request(method, f"http://127.0.0.1:{endpoint.port}{path}")


async def test_figures_are_told_as_prometheus_reads_them(endpoint: MetricsEndpoint) -> None:
    answer = await ask(endpoint, "GET", "/metrics?x=1")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "swarm_registrator_entries 3\n" in answer.text
    assert 'swarm_registrator_refused_total{reason="name"} 2\n' in answer.text
    assert "swarm_registrator_engine_up 1\n" in answer.text


async def test_health_is_a_page_of_its_own(endpoint: MetricsEndpoint, figures: Figures) -> None:
    answer = await ask(endpoint, "GET", "/health")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    figures.consul_up["kv"] = figures.engine_up = False
    answer = await ask(endpoint, "GET", "/health")
    assert answer.status_code == 503
    assert answer.text == "the engine is not followed\nConsul does not take entries (kv)\n"
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/metrics", 200),
        ("POST", "/metrics", 405),
        ("GET", "/", 404),
        ("GET", "/metricsx", 404),
    ],
)
async def test_there_is_nothing_else(
    endpoint: MetricsEndpoint, method: str, path: str, status: int
) -> None:
    answer = await ask(endpoint, method, path)
    assert (answer.status_code, answer.text) == (status, "")


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"nonsense\r\n\r\n", b"G" * 20_000])
async def test_nonsense_harms_nobody(endpoint: MetricsEndpoint, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
    writer.write(data)
    writer.write_eof()
    answer = await reader.read()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 405 ")
    writer.close()
    assert (await ask(endpoint, "GET", "/metrics")).status_code == 200
