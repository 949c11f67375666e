"""Images on their way through the manager: faults of every party, and what is left afterwards."""

from __future__ import annotations

import asyncio
import json
import select
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.client import Client, until
from tests.fakes.engine import Call, FakeEngine
from tests.fakes.loop import LoopThread
from tests.fakes.manager import RunningManager, running_manager
from tests.fakes.usage import unnamed_files

pytestmark = pytest.mark.contract

MB = 1 << 20
APP = "sha256:" + "a" * 64


@pytest.fixture(scope="module")
def fleet() -> list[FakeEngine]:
    """Two engines; the first one has ``app:1``."""
    row = {"Id": APP, "RepoTags": ["app:1"], "RepoDigests": [], "Created": 1, "ParentId": ""}
    return [FakeEngine("dockerhost01", images=[row]), FakeEngine("dockerhost02")]


@pytest.fixture
def client(manager: RunningManager, fleet: list[FakeEngine]) -> Iterator[Client]:
    for engine in fleet:
        engine.forget_scripts()
        engine.on("POST /images/load.*", loaded)
    with manager.connect() as client:
        yield client


def spools() -> int:
    """How many bodies are on disk; the manager runs in this process."""
    return len(unnamed_files())


async def loaded(call: Call) -> None:
    """What an engine answers, once it has the whole body."""
    await call.read_body()
    await call.chunked([b'{"stream":"Loaded image: app:1\\n"}\r\n'])


async def cut(call: Call) -> None:
    """An engine that dies while it reads."""
    await call.reader.read(100_000)
    call.cut(reset=True)


async def refuse(call: Call) -> None:
    """An engine that knows from the start."""
    await call.answer(500, b'{"message":"no space left on device"}')


async def fail_late(call: Call) -> None:
    """An engine that answers, and then says what was wrong."""
    await call.read_body()
    await call.chunked([b'{"errorDetail":{"message":"bad tar"},"error":"bad tar"}\r\n'])


def load(client: Client, size: int = MB) -> tuple[int, list[dict[str, object]]]:
    answer = client.ask("POST", "/images/load", b"x" * size)
    return answer.status, [json.loads(line) for line in answer.body.splitlines()]


def bodies(fleet: list[FakeEngine]) -> list[bytes]:
    return [
        asked.body
        for engine in fleet
        for asked in engine.asked
        if asked.path.endswith("/images/load")
    ]


def test_every_engine_gets_every_byte(client: Client, fleet: list[FakeEngine]) -> None:
    body = bytes(range(256)) * 20_000
    answer = client.ask("POST", "/images/load?quiet=1", body)
    assert answer.status == 200
    assert answer.body.count(b"Loaded image: app:1") == 1
    assert bodies(fleet) == [body, body]


@pytest.mark.parametrize("script", [cut, fail_late], ids=["dies", "fails-late"])
def test_one_engine_fails(client: Client, fleet: list[FakeEngine], script: object) -> None:
    fleet[1].on("POST /images/load.*", script)  # type: ignore[arg-type]
    status, lines = load(client, 4 * MB)
    assert status == 200
    assert lines[0] == {"stream": "Loaded image: app:1\n"}
    assert str(lines[-1]["error"]).startswith("dockerhost02: ")


def test_all_refuse_with_their_own_words(client: Client, fleet: list[FakeEngine]) -> None:
    for engine in fleet:
        engine.on("POST /images/load.*", refuse)
    answer = client.ask("POST", "/images/load", b"x" * 100)
    assert (answer.status, answer.message) == (500, "no space left on device")


def test_what_every_engine_has_given_up_is_read_no_further(
    client: Client, fleet: list[FakeEngine]
) -> None:
    """Engines look at the beginning; the rest would only fill the manager's disk."""

    async def give_up(call: Call) -> None:
        await call.reader.read(1000)
        await call.chunked([b'{"errorDetail":{"message":"bad tar"},"error":"bad tar"}\r\n'])

    for engine in fleet:
        engine.on("POST /images/load.*", give_up)
    open_before = spools()
    client.request("POST", "/images/load", None, "Content-Length: 10000000000")
    for _ in range(300):
        client.send(b"x" * MB)
        if select.select([client.sock], [], [], 0.001)[0]:
            break
    answer = client.answer()
    assert (answer.status, answer.whole) == (200, True)
    assert json.loads(answer.body.splitlines()[-1])["error"] == "bad tar"
    until(lambda: spools() == open_before, "the disk is given back")


def test_a_slow_engine_does_not_hold_up_the_client(
    client: Client, fleet: list[FakeEngine], engines: LoopThread
) -> None:
    gate = engines.call(asyncio.Event)

    async def slow(call: Call) -> None:
        await gate.wait()
        await loaded(call)

    fleet[1].on("POST /images/load.*", slow)
    open_before = spools()
    client.request("POST", "/images/load", b"x" * (8 * MB))  # all of it is taken
    until(lambda: spools() == open_before + 1, "it is kept on disk")
    engines.call(gate.set)
    assert client.answer().status == 200
    until(lambda: spools() == open_before, "the disk is given back")
    assert [len(body) for body in bodies(fleet)] == [8 * MB, 8 * MB]


def test_one_engine_gets_the_body_as_it_comes(
    client: Client, fleet: list[FakeEngine], engines: LoopThread
) -> None:
    """Nothing is put on the manager's disk for it."""
    begun = engines.call(asyncio.Event)

    async def slow(call: Call) -> None:
        await call.reader.readexactly(MB)
        begun.set()
        while not (await call.reader.read(MB)).endswith(b"\r\n0\r\n\r\n"):
            pass
        call.body_read = True
        await call.chunked([b'{"stream":"Loaded image: app:1\\n"}\r\n'])

    fleet[0].on("POST /images/load.*", slow)
    before = spools()
    with running_manager(fleet[0]) as alone, alone.connect() as sender:
        sender.request("POST", "/images/load", None, f"Content-Length: {4 * MB}")
        sender.send(b"x" * (2 * MB))
        until(begun.is_set, "the engine has some of it")
        assert spools() == before
        sender.send(b"x" * (2 * MB))
        assert sender.answer().status == 200


def test_no_place_for_a_body_is_told_in_dockers_form(
    client: Client, fleet: list[FakeEngine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    answer = client.ask("POST", "/images/load", b"x" * 1000)
    assert answer.status == 500
    assert answer.message == (
        "the manager can't keep the body: No such file or directory"
        f" (its TMPDIR is {tmp_path}/nowhere)"
    )
    assert bodies(fleet) == []


def test_three_hundred_clients_that_leave_leave_nothing(
    manager: RunningManager, client: Client, fleet: list[FakeEngine]
) -> None:
    load(client)
    open_before = spools()
    before = manager.thread.call(asyncio.all_tasks, manager.thread.loop)
    for number in range(300):
        with manager.connect() as leaving:
            if number % 2:
                leaving.send(b"POST /images/load HTTP/1.1\r\nHost: x\r\n")
                leaving.send(b"Content-Length: 10000000000\r\n\r\n" + b"x" * 100_000)
            else:
                leaving.send(b"POST /images/create?fromSrc=- HTTP/1.1\r\nHost: x\r\n")
                leaving.send(b"Transfer-Encoding: chunked\r\n\r\n5\r\nxxxxx\r\n")
    until(lambda: spools() == open_before, "spools are closed")
    until(
        lambda: len(manager.thread.call(asyncio.all_tasks, manager.thread.loop)) <= len(before) + 2,
        "tasks have ended",
    )
    for engine in fleet:
        until(lambda e=engine: manager.pool(e).open_connections <= 5, "connections are closed")
    assert load(client)[0] == 200
    assert not any(body and body != b"x" * MB for body in bodies(fleet))


# Copies between fleet, by way of GET /images/get


async def saved(call: Call) -> None:
    await call.chunked([b"tar of app"] * 3)


async def half_saved(call: Call) -> None:
    await call.chunked([b"tar of app"], end=False)
    call.cut()


def test_a_repository_is_saved_by_who_has_any_tag_of_it(
    client: Client, fleet: list[FakeEngine], manager: RunningManager
) -> None:
    only = {"Id": "sha256:" + "b" * 64, "RepoDigests": [], "Created": 1, "ParentId": ""}
    fleet[1].images = [{**only, "RepoTags": ["tool:1", "tool:2"]}]
    manager.settle()
    fleet[1].on("GET /images/tool/get", saved)
    assert client.ask("GET", "/images/tool/get").body == b"tar of app" * 3


def test_of_a_repository_only_the_tags_that_are_lacking_are_copied(
    client: Client, fleet: list[FakeEngine], manager: RunningManager
) -> None:
    image = {"RepoDigests": [], "Created": 1, "ParentId": ""}
    one, two = "sha256:" + "b" * 64, "sha256:" + "c" * 64
    fleet[1].images = [{**image, "Id": one, "RepoTags": ["one:1", "two:1", "three:1"]}]
    app = fleet[0].images
    fleet[0].images = [*app, {**image, "Id": two, "RepoTags": ["tool:1", "tool:2"]}]
    manager.settle()
    for tag in ("1", "2"):
        fleet[0].on(f"GET /images/tool:{tag}/get", saved)
    fleet[1].on("GET /images/get.*", saved)
    names = "&".join(f"names={name}" for name in ("one:1", "two:1", "three:1", "tool"))
    assert client.ask("GET", f"/images/get?{names}").status == 200
    saves = [asked.path for asked in fleet[0].asked if asked.path.endswith("/get")]
    assert [path.rpartition("/images/")[2] for path in saves] == ["tool:1/get", "tool:2/get"]
    fleet[0].images = app


def test_what_one_engine_lacks_is_copied_to_it(
    client: Client, fleet: list[FakeEngine], manager: RunningManager
) -> None:
    more = {"Id": "sha256:" + "b" * 64, "RepoDigests": [], "Created": 1, "ParentId": ""}
    fleet[1].images = [{**more, "RepoTags": ["one:1", "two:1"]}]
    manager.settle()
    fleet[0].on("GET /images/app:1/get", saved)
    fleet[1].on("GET /images/get.*", saved)
    answer = client.ask("GET", "/images/get?names=one:1&names=two:1&names=app:1")
    assert (answer.status, answer.body) == (200, b"tar of app" * 3)
    assert bodies(fleet[1:]) == [b"tar of app" * 3]
    assert bodies(fleet[:1]) == []


@pytest.mark.parametrize("script", [half_saved, refuse], ids=["dies", "refuses"])
def test_a_copy_that_fails_is_told(
    client: Client, fleet: list[FakeEngine], manager: RunningManager, script: object
) -> None:
    more = {"Id": "sha256:" + "b" * 64, "RepoDigests": [], "Created": 1, "ParentId": ""}
    fleet[1].images = [{**more, "RepoTags": ["one:1", "two:1"]}]
    manager.settle()
    fleet[0].on("GET /images/app:1/get", script)  # type: ignore[arg-type]
    answer = client.ask("GET", "/images/get?names=one:1&names=two:1&names=app:1")
    assert answer.status == 500
    assert "app:1 from dockerhost01 to dockerhost02" in answer.message
    assert [body for body in bodies(fleet) if body] == []
