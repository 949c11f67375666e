"""Engines whose answers make no sense, engines that leave: told as an engine's other failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from master.errors import ManagerError
from tests.fakes.client import Answer, Client
from tests.fakes.engine import Call, FakeEngine
from tests.fakes.manager import RunningManager

pytestmark = pytest.mark.contract

ONE, TWO = "dockerhost01", "dockerhost02"
IMAGE = {"Id": "sha256:" + "a" * 64, "RepoTags": ["app:1"], "RepoDigests": []}
NETWORK = {"Id": "f" * 64, "Name": "web", "Driver": "bridge", "Scope": "local", "Labels": {}}
ODD_NAME = "b d é"
"""What a plugin may call its volumes."""


@pytest.fixture(scope="module")
def fleet() -> tuple[FakeEngine, FakeEngine]:
    volumes = [{"Name": name, "Driver": "x", "Scope": "local"} for name in ("data", ODD_NAME)]
    one = FakeEngine(ONE, images=[IMAGE], networks=[NETWORK], volumes=volumes)
    return one, FakeEngine(TWO, images=[IMAGE])


@pytest.fixture
def client(manager: RunningManager, fleet: tuple[FakeEngine, FakeEngine]) -> Iterator[Client]:
    for engine in fleet:
        engine.forget_scripts()
    with manager.connect() as client:
        yield client


INSPECT = pytest.param("GET", "/networks/web", None, id="network-inspect")
PRUNE = pytest.param("POST", "/networks/prune", None, id="network-prune")
MIRROR = pytest.param("POST", "/networks/create", {"Name": "back"}, id="mirrored-network")
OWN = pytest.param("POST", "/networks/create", {"Name": "l", "Driver": "macvlan"}, id="own-network")
CREATE = pytest.param("POST", "/containers/create", {"Image": "app:1"}, id="create")
RMI = pytest.param("DELETE", "/images/app:1", None, id="rmi")
IMAGE_PRUNE = pytest.param("POST", "/images/prune", None, id="image-prune")


@pytest.mark.parametrize(
    ("method", "path", "body"), [INSPECT, PRUNE, MIRROR, OWN, CREATE, RMI, IMAGE_PRUNE]
)
def test_an_answer_that_is_not_json_fails_the_call_in_words(
    client: Client, fleet: tuple[FakeEngine, FakeEngine], method: str, path: str, body: Any
) -> None:
    answer = ask(client, fleet, method, path, body, b"<html>a proxy's page</html>")
    assert answer.status == 500
    assert answer.message.endswith("the answer is not JSON")


@pytest.mark.parametrize(("method", "path", "body"), [INSPECT, PRUNE, MIRROR, OWN, CREATE])
def test_an_answer_that_is_no_object_fails_the_call_in_words(
    client: Client, fleet: tuple[FakeEngine, FakeEngine], method: str, path: str, body: Any
) -> None:
    answer = ask(client, fleet, method, path, body, b"[1]")
    assert answer.status == 500
    assert answer.message.endswith("the answer is not an object")


@pytest.mark.parametrize(("method", "path", "body"), [MIRROR, OWN, CREATE])
def test_what_was_made_has_to_have_an_id(
    client: Client, fleet: tuple[FakeEngine, FakeEngine], method: str, path: str, body: Any
) -> None:
    answer = ask(client, fleet, method, path, body, b"{}")
    assert answer.status == 500
    assert answer.message.endswith(f"node {ONE} answered a create without an Id")


def ask(
    client: Client,
    fleet: tuple[FakeEngine, FakeEngine],
    method: str,
    path: str,
    body: Any,
    said: bytes,
) -> Answer:
    """Make a call that every engine answers with *said*."""

    async def odd(call: Call) -> None:
        await call.answer(200, said)

    for engine in fleet:
        engine.on(f"{method} /(images|networks|containers)/(?!json).*", odd)
    return client.ask(method, path, json.dumps(body).encode() if body else b"")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_volume_may_be_called_what_its_plugin_likes(
    client: Client, fleet: tuple[FakeEngine, FakeEngine], method: str
) -> None:
    async def there(call: Call) -> None:
        await call.json(fleet[0].volumes[1])

    fleet[0].on(f"{method} /volumes/b%20d%20%C3%A9.*", there)
    answer = client.ask(method, "/volumes/b%20d%20%C3%A9")
    assert answer.status == (200 if method == "GET" else 204)


@pytest.mark.parametrize("path", ["/volumes/data", "/networks/web"])
def test_an_engine_that_leaves_in_this_moment_is_named(
    client: Client, manager: RunningManager, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def gone(address: str) -> None:
        raise ManagerError(f"engine {address} has left the cluster")

    monkeypatch.setattr(manager.fleet, "client", gone)
    answer = client.ask("DELETE", path)
    assert (answer.status, answer.message.startswith("engine 127.0.0.1:")) == (500, True)
    assert answer.message.endswith(" has left the cluster")


def test_a_silent_engine_is_called_by_its_nodes_name(
    client: Client, fleet: tuple[FakeEngine, FakeEngine]
) -> None:
    async def cut(call: Call) -> None:
        call.cut()

    fleet[0].on("GET /volumes/data", cut)
    answer = client.ask("GET", "/volumes/data")
    assert answer.status == 500
    assert answer.message.startswith(f"node {ONE} does not answer: ")
