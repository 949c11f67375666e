"""What goes to every engine: answers merged, silent engines named, failures told at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.client import Client
from tests.fakes.engine import Call, FakeEngine
from tests.fakes.manager import RunningManager

pytestmark = pytest.mark.contract

ONE, TWO = "dockerhost01", "dockerhost02"


@pytest.fixture(scope="module")
def fleet() -> tuple[FakeEngine, FakeEngine]:
    return FakeEngine(ONE, newest="1.52"), FakeEngine(TWO, newest="1.52")


@pytest.fixture
def client(manager: RunningManager, fleet: tuple[FakeEngine, FakeEngine]) -> Iterator[Client]:
    for engine in fleet:
        engine.forget_scripts()
        engine.volumes.clear()
    manager.settle()
    with manager.connect() as client:
        yield client


def says(body: Any, status: int = 200) -> Any:
    async def script(call: Call) -> None:
        await call.json(body, status)

    return script


def asked(engine: FakeEngine, start: str) -> list[str]:
    return [f"{a.method} {a.target}" for a in engine.asked if start in a.target]


def test_df_in_its_new_shape(client: Client, fleet: tuple[FakeEngine, FakeEngine]) -> None:
    usage = {"ContainerUsage": {"TotalCount": 2, "TotalSize": 5, "Items": [{"Id": "x"}]}}
    for engine in fleet:
        engine.on(r"GET /system/df\?type=container&type=image&verbose=1", says(usage))
    answer = client.ask("GET", "/v1.52/system/df?type=container&type=image&verbose=1")
    assert answer.status == 200
    assert answer.header("x-cluster-partial") == ""
    assert answer.json() == {
        "ContainerUsage": {"TotalCount": 4, "TotalSize": 10, "Items": [{"Id": "x"}, {"Id": "x"}]}
    }
    assert asked(fleet[1], "/system/df")[-1].startswith("GET /v1.52/")


def test_a_read_tells_who_is_missing(client: Client, fleet: tuple[FakeEngine, FakeEngine]) -> None:
    fleet[0].on(r"GET /system/df.*", says({"LayersSize": 7}))
    fleet[1].on(r"GET /system/df.*", says({"message": "a disk is broken"}, 500))
    answer = client.ask("GET", "/system/df")
    assert (answer.status, answer.json()) == (200, {"LayersSize": 7})
    assert answer.header("x-cluster-partial") == TWO
    fleet[0].on(r"GET /system/df.*", says({"message": "a disk is broken"}, 500))
    answer = client.ask("GET", "/system/df")
    assert (answer.status, answer.message) == (500, "a disk is broken")


def test_a_write_fails_after_all_were_asked(
    client: Client, fleet: tuple[FakeEngine, FakeEngine]
) -> None:
    fleet[0].on(r"POST /volumes/prune.*", says({"message": "a prune is running"}, 409))
    fleet[1].on(r"POST /volumes/prune.*", says({"VolumesDeleted": None, "SpaceReclaimed": 1}))
    answer = client.ask("POST", "/volumes/prune")
    assert (answer.status, answer.message) == (409, f"{ONE}: a prune is running")
    assert len(asked(fleet[1], "/volumes/prune")) == 1


def test_an_engine_that_is_cut_off_in_a_write(
    client: Client, fleet: tuple[FakeEngine, FakeEngine]
) -> None:
    async def cut(call: Call) -> None:
        call.cut()

    fleet[0].on(r"POST /build/prune.*", cut)
    fleet[1].on(r"POST /build/prune.*", says({"CachesDeleted": ["x"], "SpaceReclaimed": 1}))
    answer = client.ask("POST", "/build/prune")
    assert answer.status == 500
    assert answer.message.startswith(f"{ONE}: ")


def test_plugins_are_those_that_all_have(
    client: Client, fleet: tuple[FakeEngine, FakeEngine]
) -> None:
    fleet[0].on(r"GET /plugins\?.*", says([{"Name": "x"}, {"Name": "y"}]))
    fleet[1].on(r"GET /plugins\?.*", says([{"Name": "x"}]))
    answer = client.ask("GET", "/plugins?filters=%7B%7D")
    assert answer.json() == [{"Name": "x"}]
    assert answer.header("x-cluster-partial") == TWO


def test_a_plugin_is_installed_everywhere(
    client: Client, fleet: tuple[FakeEngine, FakeEngine]
) -> None:
    bodies: list[bytes] = []

    async def pull(call: Call) -> None:
        bodies.append(await call.read_body())
        await call.chunked([b'{"status":"Pulling","id":"layer"}\n'])

    for engine in fleet:
        engine.on(r"POST /plugins/pull\?remote=x&name=y", pull)
    answer = client.ask(
        "POST", "/plugins/pull?remote=x&name=y", body=b'[{"Name":"network","Value":["host"]}]'
    )
    assert answer.status == 200
    assert answer.header("docker-plugin-name") == "y:latest"
    assert sorted(line.split(b'"id":')[1][:14] for line in answer.body.splitlines()) == [
        b'"dockerhost01:',
        b'"dockerhost02:',
    ]
    assert bodies == [b'[{"Name":"network","Value":["host"]}]'] * 2


def test_a_plugins_name_reaches_the_engines_as_it_is(
    client: Client, fleet: tuple[FakeEngine, FakeEngine]
) -> None:
    for engine in fleet:
        engine.on(r"POST /plugins/.*", says(None))
    assert client.ask("POST", "/plugins/reg:5000/a/b:1/enable?timeout=3").status == 200
    for engine in fleet:
        assert asked(engine, "/enable")[-1].endswith("/plugins/reg:5000/a/b:1/enable?timeout=3")
    assert client.ask("DELETE", "/plugins/..%2Fcontainers%2Fx").status == 404
    assert asked(fleet[0], "containers/x") == []


@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_an_older_client_may_call_the_body_that_it_does_not_send_text(
    client: Client, fleet: tuple[FakeEngine, FakeEngine], verb: str
) -> None:
    for engine in fleet:
        engine.on(rf"POST /plugins/x/{verb}\?", says(None))
    answer = client.ask("POST", f"/plugins/x/{verb}", b"", "Content-Type: text/plain")
    assert answer.status == 200


def test_a_global_volume_is_removed_once_for_all(
    client: Client, manager: RunningManager, fleet: tuple[FakeEngine, FakeEngine]
) -> None:
    for engine in fleet:
        engine.volumes.append({"Name": "nfs", "Driver": "nfs", "Scope": "global"})
    manager.settle()
    assert [v["Name"] for v in client.ask("GET", "/volumes").json()["Volumes"]] == ["nfs"]

    async def gone(call: Call) -> None:
        await call.answer(204)

    fleet[0].on(r"DELETE /volumes/nfs.*", gone)
    fleet[1].on(r"DELETE /volumes/nfs.*", says({"message": "get nfs: no such volume"}, 404))
    assert client.ask("DELETE", "/volumes/nfs").status == 204


def test_a_volumes_home_is_asked_in_the_clients_version(
    client: Client, manager: RunningManager, fleet: tuple[FakeEngine, FakeEngine]
) -> None:
    row = {"Name": "data", "Driver": "local", "Scope": "local", "New": {"a": 1}}
    fleet[1].volumes.append(row)
    manager.settle()
    fleet[1].on(r"GET /volumes/data", says({**row, "Status": {"x": "y"}}))
    answer = client.ask("GET", "/v1.41/volumes/data").json()
    assert answer["Node"]["Name"] == TWO
    assert (answer["New"], answer["Status"]) == ({"a": 1}, {"x": "y"})
    assert asked(fleet[1], "/volumes/data") == ["GET /v1.41/volumes/data"]
    assert asked(fleet[0], "/volumes/data") == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b" ", "EOF"),
        (b"[]", "object"),
        (b"{", "invalid JSON"),
        (b'{"Name": 1}', "of type string"),
        (b'{"Labels": []}', "of type map"),
    ],
)
def test_volume_bodies_that_make_no_sense(client: Client, body: bytes, text: str) -> None:
    answer = client.ask("POST", "/volumes/create", body=body)
    assert answer.status == 400
    assert text in answer.message
