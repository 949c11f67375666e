"""``OPTIONS``, and ``--api-enable-cors``: web pages of other origins may call, in every lane."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.client import Client
from tests.fakes.engine import Call, FakeEngine
from tests.fakes.manager import running_engines, running_manager

pytestmark = pytest.mark.contract

REQUESTS = [
    pytest.param(b"GET /_ping", 200, id="asgi"),
    pytest.param(b"GET /v1.41/containers/web/top", 200, id="relay"),
    pytest.param(b"GET /swarm", 503, id="table"),
    pytest.param(b"OPTIONS /containers/json", 200, id="preflight"),
]


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.add_container("c0ffee" + "0" * 58, "web")

    async def processes(call: Call) -> None:
        await call.json({"Processes": [["1"]]})

    engine.on("GET /containers/web/top", processes)
    return engine


@pytest.fixture(params=[True, False], ids=["on", "off"])
def client(request: pytest.FixtureRequest, engine: FakeEngine) -> Iterator[tuple[Client, bool]]:
    enabled: bool = request.param
    with (
        running_engines(engine),
        running_manager(engine, cors=enabled) as manager,
        manager.connect() as client,
    ):
        yield client, enabled


@pytest.mark.parametrize(("start", "status"), REQUESTS)
def test_every_answer_says_who_may_read_it(
    client: tuple[Client, bool], start: bytes, status: int
) -> None:
    connection, enabled = client
    connection.send(start + b" HTTP/1.1\r\nHost: x\r\nOrigin: http://page\r\n\r\n")
    answer = connection.answer()
    assert answer.status == status
    assert answer.header("access-control-allow-origin") == ("*" if enabled else "")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/info", 200),
        ("/v1.41/containers/web/json", 200),
        ("/nowhere", 200),
        ("/", 200),
        ("*", 200),
        ("/v1.99/info", 400),
        ("/v1.99/nowhere", 400),
    ],
)
def test_any_path_may_be_asked_for_its_options(
    client: tuple[Client, bool], target: str, status: int
) -> None:
    """As engines answer, with or without CORS; of a path they look at its version only."""
    connection, _ = client
    answer = connection.ask("OPTIONS", target)
    assert answer.status == status
    assert status != 200 or answer.body == b""
    assert connection.ask("GET", "/_ping").status == 200
