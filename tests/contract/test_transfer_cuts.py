"""Pulls, imports and creates that copy an image, cut at exact places by each party in turn.

What else is cut: loads in test_images_load.py, builds in test_builds.py, what is only relayed
(save, push, cp) in test_relay.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.client import Client, until
from tests.fakes.engine import WEB_ID, Call, FakeEngine, Script
from tests.fakes.loop import LoopThread
from tests.fakes.manager import RunningManager
from tests.fakes.usage import unnamed_files

pytestmark = pytest.mark.contract

IMAGE = "sha256:" + "a" * 64
ROW = {
    "Id": IMAGE,
    "RepoTags": ["app:1"],
    "RepoDigests": [f"app@sha256:{'d' * 64}"],
    "Created": 1,
    "ParentId": "",
}
NO_IMAGE = b'{"message":"No such image: app:1"}'
CREATED = "c" * 64
_LOADED: set[str] = set()
"""The engines that have loaded the image in this test."""
LINE = b'{"status":"Downloading","progressDetail":{"current":1,"total":2},"id":"layer"}\r\n'


@pytest.fixture(scope="module")
def fleet() -> list[FakeEngine]:
    """The first one has ``app:1``, and a container: the second one is the scheduler's choice."""
    fleet = [FakeEngine("dockerhost01", images=[ROW]), FakeEngine("dockerhost02")]
    fleet[0].add_container(WEB_ID, "web")
    return fleet


@pytest.fixture
def client(manager: RunningManager, fleet: list[FakeEngine]) -> Iterator[Client]:
    """A connection; the engines do as they should, and nothing of it may be left."""
    _LOADED.clear()
    for engine in fleet:
        engine.forget_scripts()
        engine.wake()
        engine.on("POST /images/create.*", pulled)
        engine.on("POST /images/load.*", loaded)
        engine.on("GET /images/.*/get", saved)
        engine.on("POST /containers/create.*", made if engine is fleet[0] else lacks_image)
    manager.wait_healthy(*fleet)
    tasks, bodies = manager.thread.task_count(), len(unnamed_files())
    with manager.connect() as client:
        yield client
    manager.wait_healthy(*fleet)
    until(lambda: busy(manager, fleet) == 0, "no connection to an engine is left")
    until(lambda: reserved(manager) == 0, "no place is left")
    until(lambda: manager.thread.task_count() <= tasks, "no task is left")
    until(lambda: len(unnamed_files()) <= bodies, "no body is left")


def busy(manager: RunningManager, fleet: list[FakeEngine]) -> int:
    """Connections that carry a request; each engine's events have one of their own."""
    pools = [manager.pool(engine) for engine in fleet]
    return manager.thread.call(lambda: sum(len(pool._busy) for pool in pools) - len(pools))


def reserved(manager: RunningManager) -> int:
    return manager.thread.call(lambda: len(manager.runtime._manager.placement.reservations))


# What engines do when all is well


async def pulled(call: Call) -> None:
    await call.read_body()
    await call.chunked([LINE, b'{"status":"Status: Downloaded newer image for app:2"}\r\n'])


async def loaded(call: Call) -> None:
    await call.read_body()
    _LOADED.add(call.engine.name)
    await call.chunked([b'{"stream":"Loaded image: app:1\\n"}\r\n'])


async def saved(call: Call) -> None:
    await call.chunked([b"tar of app"] * 3)


async def made(call: Call) -> None:
    await call.read_body()
    await call.json({"Id": CREATED, "Warnings": []}, 201)


async def lacks_image(call: Call) -> None:
    """The second engine, until the image has been loaded onto it."""
    if call.engine.name in _LOADED:
        await made(call)
    else:
        await call.answer(404, NO_IMAGE)


# What they do when it is not


def sends(raw: bytes) -> Script:
    """An engine that says so much, and dies."""

    async def script(call: Call) -> None:
        await call.read_body()
        await call.send(raw)
        await asyncio.sleep(0.05)
        call.cut()

    return script


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%s\r\n" % (len(LINE), LINE)
CUTS = [
    pytest.param(b"", id="before-its-head"),
    pytest.param(HEAD[:30], id="in-its-head"),
    pytest.param(HEAD, id="behind-its-head"),
    pytest.param(HEAD + CHUNK[:40], id="in-a-line"),
    pytest.param(HEAD + CHUNK, id="behind-a-line"),
    pytest.param(HEAD + CHUNK + b"0\r\n", id="in-its-end"),
]


def lines(body: bytes) -> list[dict[str, Any]]:
    """The objects of a stream; every line of it is a whole one."""
    return [json.loads(line) for line in body.splitlines()]


@pytest.mark.parametrize("said", CUTS)
@pytest.mark.parametrize("path", ["/images/create?fromImage=app&tag=2", "/plugins/pull?remote=x"])
def test_one_of_two_engines_dies(
    client: Client, fleet: list[FakeEngine], path: str, said: bytes
) -> None:
    fleet[0].on("POST /plugins/pull.*", pulled)
    fleet[1].on("POST /(images/create|plugins/pull).*", sends(said))
    answer = client.ask("POST", path, b"[]")
    assert (answer.status, answer.whole) == (200, True)
    *told, last = lines(answer.body)
    assert last["error"] == last["errorDetail"]["message"]
    assert last["error"].startswith("dockerhost02: ")
    assert not any("error" in line for line in told)
    assert any("Downloaded newer image" in line["status"] for line in told)
    assert client.ask("GET", "/_ping").status == 200


@pytest.mark.parametrize("said", CUTS)
@pytest.mark.parametrize(
    "path", ["/images/create?fromImage=app&tag=2", "/images/load", "/images/create?fromSrc=-"]
)
def test_every_engine_dies(client: Client, fleet: list[FakeEngine], path: str, said: bytes) -> None:
    for engine in fleet:
        engine.on("POST /images/(create|load).*", sends(said))
    answer = client.ask("POST", path, b"tar")
    assert answer.whole
    if len(said) < len(HEAD):
        assert answer.status == 500
        assert "does not answer" in answer.message
    else:
        assert answer.status == 200
        last = lines(answer.body)[-1]
        assert last["error"] == last["errorDetail"]["message"]


@pytest.mark.parametrize("said", [b"", HEAD + CHUNK], ids=["before-its-head", "behind-a-line"])
@pytest.mark.parametrize(
    "path",
    [
        "/images/create?fromImage=app&tag=2",
        "/images/create?fromSrc=http://x/y",
        "/images/create?fromSrc=-",
        "/images/load?quiet=1",
        "/plugins/pull?remote=x",
    ],
)
def test_a_client_that_leaves_ends_it_on_every_engine(
    manager: RunningManager, client: Client, fleet: list[FakeEngine], path: str, said: bytes
) -> None:
    begun, over = [], []

    async def endless(call: Call) -> None:
        await call.read_body()
        await call.send(said)
        begun.append(call)
        await call.reader.read()
        over.append(call)

    for engine in fleet:
        engine.on("POST /(images/create|images/load|plugins/pull).*", endless)
    count = 1 if "fromSrc" in path else 2
    with manager.connect() as leaving:
        leaving.request("POST", path, b"tar")
        until(lambda: len(begun) == count, "it has begun")
        leaving.kill()
        until(lambda: len(over) == count, "it is over")


def test_an_engine_that_hangs_is_told_of_while_the_others_go_on(
    client: Client, fleet: list[FakeEngine], engines: LoopThread
) -> None:
    async def hangs(call: Call) -> None:
        call.engine.hang()
        await call.engine._awake.wait()

    fleet[1].on("POST /images/create.*", hangs)
    answer = client.ask("POST", "/images/create?fromImage=app&tag=2")
    assert answer.status == 200
    assert lines(answer.body)[-1]["error"].startswith("dockerhost02: ")
    engines.call(fleet[1].wake)


# A container lands where its image is not


def create(client: Client, *constraints: str) -> None:
    client.request(
        "POST",
        "/containers/create",
        json.dumps({"Image": "app:1", "Env": list(constraints)}).encode(),
        "Content-Type: application/json",
    )


def asked_to_create(engine: FakeEngine) -> int:
    return sum(asked.path.endswith("/containers/create") for asked in engine.asked)


async def refuses(call: Call) -> None:
    await call.read_body()
    await call.answer(500, b'{"message":"no space left on device"}')


async def fails_late(call: Call) -> None:
    await call.read_body()
    await call.chunked([b'{"errorDetail":{"message":"bad tar"},"error":"bad tar"}\r\n'])


async def dies_reading(call: Call) -> None:
    await call.reader.read(10)
    call.cut(reset=True)


SAVES = [sends(b""), sends(HEAD), sends(HEAD + b"a\r\ntar"), refuses]
LOADS = [dies_reading, sends(HEAD), refuses, fails_late]
FAILURES = [
    *(pytest.param(script, saved, id=f"save-{number}") for number, script in enumerate(SAVES)),
    *(pytest.param(loaded, script, id=f"load-{number}") for number, script in enumerate(LOADS)),
]


@pytest.mark.parametrize(("save", "load"), FAILURES)
@pytest.mark.parametrize("bound", [True, False], ids=["bound", "free"])
def test_a_copy_that_fails_leaves_no_container_without_its_image(
    client: Client, fleet: list[FakeEngine], save: Script, load: Script, *, bound: bool
) -> None:
    fleet[0].on("GET /images/.*/get", save)
    fleet[1].on("POST /images/load.*", load)
    fleet[1].on("POST /images/create.*", refuses)  # it is in no registry
    create(client, "constraint:node==dockerhost02" if bound else "constraint:node!=nobody")
    answer = client.answer()
    if bound:
        assert answer.status == 500
        assert answer.message.startswith(
            "node dockerhost02 can't get the image: no copy from dockerhost01: "
        )
    else:
        assert answer.status == 201
    assert asked_to_create(fleet[1]) == 1  # it lacked the image
    assert client.ask("GET", "/_ping").status == 200


BY_DIGEST = f"app@sha256:{'d' * 64}"
"""A name that does not survive a save and load: it is not copied, but pulled."""


@pytest.mark.parametrize(
    ("said", "image", "query"),
    [
        pytest.param("pull access denied for app", BY_DIGEST, "", id="digest"),
        pytest.param("unauthorized: authentication required", "app:1", "?platform=linux", id="os"),
    ],
)
def test_a_private_image_that_can_not_be_copied_is_the_clients_to_pull(
    client: Client, fleet: list[FakeEngine], said: str, image: str, query: str
) -> None:
    """It has its user's credentials, and pulls when it hears that there is no such image."""

    async def wants_a_password(call: Call) -> None:
        await call.read_body()
        if not call.asked.header("x-registry-auth"):
            await call.json({"message": said}, 500)
            return
        _LOADED.add(call.engine.name)
        await call.chunked([LINE])

    fleet[1].on("POST /images/create.*", wants_a_password)
    body = json.dumps({"Image": image, "Env": ["constraint:node==dockerhost02"]}).encode()
    answer = client.ask("POST", f"/containers/create{query}", body)
    assert (answer.status, answer.message) == (404, "No such image: app:1")
    # What it pulls now goes to the node that lacked it, and to no other.
    name, _, tag = image.partition("@") if "@" in image else image.partition(":")
    pull = f"/images/create?fromImage={name}&tag={tag}"
    assert client.ask("POST", pull, b"", "X-Registry-Auth: e30=").status == 200
    assert [a for a in fleet[0].asked if "/images/create" in a.target] == []
    assert client.ask("POST", f"/containers/create{query}", body).status == 201


def test_a_registry_that_can_not_be_reached_is_told(
    client: Client, fleet: list[FakeEngine]
) -> None:
    async def unreachable(call: Call) -> None:
        await call.read_body()
        await call.json({"message": "dial tcp: connection refused"}, 500)

    fleet[1].on("POST /images/create.*", unreachable)
    body = json.dumps({"Image": "app:1", "Env": ["constraint:node==dockerhost02"]}).encode()
    answer = client.ask("POST", "/containers/create?platform=linux", body)
    assert (answer.status, answer.message) == (
        500,
        "node dockerhost02 can't get the image: dial tcp: connection refused",
    )


def test_a_client_that_leaves_in_the_middle_of_a_copy_gets_no_container(
    manager: RunningManager, client: Client, fleet: list[FakeEngine]
) -> None:
    sending, over = [], []

    async def endless(call: Call) -> None:
        await call.chunked([b"tar of app"], end=False)
        sending.append(call)
        await call.reader.read()
        over.append(call)

    fleet[0].on("GET /images/.*/get", endless)
    with manager.connect() as leaving:
        create(leaving, "constraint:node==dockerhost02")
        until(lambda: bool(sending), "the copy has begun")
        leaving.kill()
        until(lambda: bool(over), "the copy is over")
    until(lambda: reserved(manager) == 0, "no place is left")
    assert asked_to_create(fleet[1]) == 1  # it lacked the image
    fleet[0].on("GET /images/.*/get", saved)
    create(client, "constraint:node==dockerhost02")
    assert client.answer().status == 201


def test_of_two_who_wait_for_a_copy_one_may_leave(
    manager: RunningManager, client: Client, fleet: list[FakeEngine], engines: LoopThread
) -> None:
    gate = engines.call(asyncio.Event)
    sending: list[Call] = []

    async def late(call: Call) -> None:
        sending.append(call)
        await call.chunked([b"tar"], end=False)
        await gate.wait()
        await call.send(b"0\r\n\r\n")

    fleet[0].on("GET /images/.*/get", late)
    with manager.connect() as leaving:
        create(leaving, "constraint:node==dockerhost02")
        until(lambda: bool(sending), "the copy has begun")
        create(client, "constraint:node==dockerhost02")
        until(lambda: asked_to_create(fleet[1]) == 2, "both wait for it")
        leaving.kill()
        clients = manager.runtime.server.server_state.connections
        until(lambda: len(clients) == 1, "one has left")
    engines.call(gate.set)
    assert client.answer().status == 201
    assert len(sending) == 1
