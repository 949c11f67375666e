"""Engines that die or hang, and clients that leave, in the middle of a transfer.

Each time: the client is told in Docker's form, the healthy engines' part stays, nothing half made
does, and what was asked for works later.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bad_input_tools import TAR, ask, connect, half_made
from image_tools import archive, ids, reset_images, tar
from integration_tools import APP, Api, is_whole, until

from lab.cluster import Lab
from lab.host import Engine
from lab.http import call
from tests.fakes.client import Answer, Client
from tests.fakes.usage import usage

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

MB = 1 << 20
_ESTABLISHED = "01"
HERE = "constraint:node==dockerhost02"
FAULTS: dict[str, Callable[[Engine], None]] = {
    "crashes": Engine.crash,
    "loses-power": Engine.kill,
    "hangs": Engine.pause,
}


@pytest.fixture(autouse=True)
def _nothing_left(lab: Lab, api: Api) -> Iterator[None]:
    """Mend what is broken, and look for what is left."""
    assert lab.manager.process is not None
    pid = lab.manager.process.pid
    before = usage(pid)
    yield
    lab.registry.unpause()
    for engine in lab.engines:
        mend(engine)
    until(lambda: is_whole(lab), 40, "a whole cluster")
    until(lambda: not half_made(lab), 15, "the end of what was half made")
    # A connection or two to each engine may be kept.
    until(lambda: usage(pid).sockets <= before.sockets + 6, 15, "the end of the connections")
    reset_images(lab, api)


def mend(engine: Engine) -> None:
    """Make an engine whole, whatever was done to it."""
    if engine.first_process is None or engine.status() == "engine down":
        engine.restart()
    engine.unpause()
    engine.heal()


@pytest.fixture
def victim(lab: Lab) -> Engine:
    return lab.engines[1]


@pytest.fixture
def client(api: Api) -> Iterator[Client]:
    """A connection, patient enough for an engine that hangs."""
    with connect(api) as client:
        client.sock.settimeout(40)
        yield client


def half(client: Client, target: str, body: bytes, method: str = "POST") -> bytes:
    """Send a request and half of its body; the rest."""
    client.request(method, target, None, TAR, f"Content-Length: {len(body)}")
    client.send(body[: len(body) // 2])
    return body[len(body) // 2 :]


def imports(engine: Engine) -> list[Path]:
    """The loads that an engine is at."""
    return list((engine.folder / "data" / "tmp").glob("docker-import-*"))


def lines(answer: Answer) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.body.splitlines()]


def is_told(answer: Answer, node: str) -> None:
    """The answer ends, whole, with an error of this node and of no other."""
    assert (answer.status, answer.whole) == (200, True)
    *_, last = lines(answer)
    assert last["error"] == last["errorDetail"]["message"]
    assert last["error"].startswith(f"{node}: ")
    assert "\n" not in last["error"]


# Load


@pytest.mark.parametrize("fault", FAULTS)
def test_an_engine_is_lost_in_a_load(
    lab: Lab, api: Api, victim: Engine, client: Client, fault: str
) -> None:
    # More than the kernels hold on the way: an engine that hangs must not find all of it there.
    image = archive("junk:loaded", 60 * MB)
    rest = half(client, "/images/load", image)
    until(lambda: all(imports(engine) for engine in lab.engines), 10, "the load")
    FAULTS[fault](victim)
    client.send(rest)
    answer = client.answer()
    is_told(answer, "dockerhost02")
    assert {"stream": "Loaded image: junk:loaded\n"} in lines(answer)
    mend(victim)
    until(lambda: not imports(victim), 15, "the end of the load")
    assert [bool(found) for found in ids(lab, "junk:loaded")] == [True, False, True]
    until(lambda: is_whole(lab), 40, "a whole cluster")
    assert ask(api, "POST", "/images/load", image, TAR).status == 200
    assert all(ids(lab, "junk:loaded"))


# Pull and push, while the registry says nothing


def talking(lab: Lab) -> list[Engine]:
    """The engines with a connection to the registry, as their hosts' kernels tell."""
    port = int(lab.registry.endpoint.rpartition(":")[2])
    return [engine for engine in lab.engines if port in remote_ports(engine)]


def remote_ports(engine: Engine) -> set[int]:
    """The ports that a host's open connections go to."""
    assert engine.first_process is not None
    table = Path(f"/proc/{engine.first_process.pid}/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in table]
    return {int(row[2].rpartition(":")[2], 16) for row in rows if row[3] == _ESTABLISHED}


def silence(lab: Lab) -> None:
    """A registry that takes connections and says nothing; nobody has one open yet."""
    lab.registry.restart()
    until(lambda: not talking(lab), 10, "silence")
    lab.registry.pause()


def test_an_engine_is_lost_in_a_pull(lab: Lab, api: Api, victim: Engine, client: Client) -> None:
    silence(lab)
    client.request("POST", f"/images/create?fromImage={APP}&tag=latest", b"")
    until(lambda: len(talking(lab)) == 3, 10, "the pull")
    victim.crash()
    lab.registry.unpause()
    answer = client.answer()
    is_told(answer, "dockerhost02")
    assert any("Downloaded newer image" in line.get("status", "") for line in lines(answer))
    victim.restart()
    assert [bool(found) for found in ids(lab, APP)] == [True, False, True]
    until(lambda: is_whole(lab), 40, "a whole cluster")
    assert "error" not in lines(ask(api, "POST", f"/images/create?fromImage={APP}&tag=latest"))[-1]
    assert all(ids(lab, APP))


def test_an_engine_hangs_behind_the_first_words_of_its_pull(
    lab: Lab, api: Api, victim: Engine, client: Client
) -> None:
    """It closes nothing, and the others have long been done."""
    name = f"{lab.registry.endpoint}/junk/large"
    first = Api(lab.engines[0].plan.endpoint)
    assert first("POST", "/images/load", archive(f"{name}:1", 60 * MB)).status == 200
    assert ask(first, "POST", f"/images/{name}/push?tag=1", b"", "X-Registry-Auth: e30=").whole
    assert first("DELETE", f"/images/{name}:1").status == 200
    victim.slow(0.2)
    client.request("POST", f"/images/create?fromImage={name}&tag=1", b"", "Connection: close")
    while not is_downloading(client.line(), "dockerhost02"):
        pass
    victim.pause()
    rest = client.rest()
    assert rest.endswith(b"\r\n0\r\n\r\n")
    *_, last = [json.loads(line) for line in rest.splitlines() if line.startswith(b"{")]
    assert last["error"].startswith("dockerhost02: ")
    assert "\n" not in last["error"]
    mend(victim)
    assert [bool(found) for found in ids(lab, name)] == [True, False, True]


def is_downloading(line: bytes, node: str) -> bool:
    """Whether a line of a pull's progress tells of bytes that come to this node."""
    return f'"{node}:'.encode() in line and b'"Downloading"' in line


@pytest.mark.parametrize("verb", ["pull", "push", "plugin"])
def test_a_client_leaves_in_the_middle(lab: Lab, api: Api, client: Client, verb: str) -> None:
    """The engines are told; they themselves wait for a registry's first word for 15 s."""
    name = f"{lab.registry.endpoint}/junk/{verb}"
    assert api("POST", f"/images/busybox/tag?repo={name}&tag=1").status == 201
    silence(lab)
    assert lab.manager.process is not None
    pid = lab.manager.process.pid
    before = usage(pid)
    target = {
        "pull": f"/images/create?fromImage={APP}&tag=latest",
        "push": f"/images/{name}/push?tag=1",
        "plugin": f"/plugins/pull?remote={name}:1",
    }[verb]
    client.request("POST", target, b"[]", "X-Registry-Auth: e30=")
    count = 1 if verb == "push" else 3
    until(lambda: len(talking(lab)) == count, 10, "the transfer")
    client.kill()
    until(lambda: usage(pid).sockets <= before.sockets, 10, "the end of the connections")
    lab.registry.unpause()
    until(lambda: not talking(lab), 20, "the end of the transfer")
    assert not any(ids(lab, APP))
    assert call("GET", lab.registry.endpoint, f"/v2/junk/{verb}/tags/list").status == 404
    assert not any(Api(engine.socket).get("/plugins") for engine in lab.engines)


# Build


CONTEXT = tar({"Dockerfile": b"FROM busybox\nRUN sleep 60\n", "data": os.urandom(MB)})
ON_VICTIM = "/build?t=junk:built&buildargs=%7B%22constraint:node%22:%22=dockerhost02%22%7D"


def test_an_engine_is_lost_while_it_reads_a_context(
    api: Api, victim: Engine, client: Client
) -> None:
    rest = half(client, ON_VICTIM, CONTEXT)
    api.get("/info")  # the front has passed the first half on by now
    victim.crash()
    client.send(rest)
    answer = client.answer()
    assert answer.status == 500
    assert "does not answer" in answer.message


@pytest.mark.parametrize("fault", ["crashes", "hangs"])
def test_an_engine_is_lost_in_a_build(api: Api, victim: Engine, client: Client, fault: str) -> None:
    client.request("POST", ON_VICTIM, CONTEXT, TAR)
    until(lambda: containers(victim), 20, "the step")
    FAULTS[fault](victim)
    answer = client.answer()
    assert (answer.status, answer.whole) == (200, True)
    assert lines(answer)[-1]["error"].startswith("node dockerhost02 does not answer: ")


@pytest.mark.parametrize("query", ["", "&q=1"], ids=["tells", "quiet"])
def test_a_client_leaves_in_a_build(
    lab: Lab, api: Api, victim: Engine, client: Client, query: str
) -> None:
    client.request("POST", ON_VICTIM + query, CONTEXT, TAR)
    until(lambda: containers(victim), 20, "the step")
    client.kill()
    until(lambda: not containers(victim), 20, "the end of its container")
    assert not any(ids(lab, "junk:built"))


def containers(engine: Engine) -> list[Any]:
    """The containers that an engine has."""
    found: list[Any] = Api(engine.socket).get("/containers/json?all=1")
    return found


# A container lands where its image is not


@pytest.fixture
def source(lab: Lab, api: Api, victim: Engine) -> Engine:
    """The first engine, far away, with an image that only it has."""
    source = lab.engines[0]
    loaded = Api(source.socket)("POST", "/images/load", archive("junk:far", 60 * MB))
    assert loaded.status == 200
    until(lambda: "junk:far" in str(api.get("/images/json")), 5, "the image")
    source.slow(0.2)
    return source


def create(client: Client) -> None:
    """Ask for a container of it on the second engine."""
    body = json.dumps({"Image": "junk:far", "Cmd": ["/x"], "Env": [HERE]}).encode()
    client.request("POST", "/containers/create", body, "Content-Type: application/json")


@pytest.mark.parametrize("lost", ["source", "target"])
def test_an_engine_is_lost_in_a_copy(
    lab: Lab, api: Api, source: Engine, victim: Engine, client: Client, lost: str
) -> None:
    create(client)
    until(lambda: imports(victim), 20, "the copy")
    (source if lost == "source" else victim).crash()
    answer = client.answer()
    assert answer.status == 500
    assert answer.message.startswith("node dockerhost02 can't get the image: no copy from ")
    mend(source)
    mend(victim)
    until(lambda: is_whole(lab), 40, "a whole cluster")
    assert api.get("/containers/json?all=1") == []
    assert [bool(found) for found in ids(lab, "junk:far")] == [True, False, False]
    created = api("POST", "/containers/create",
                  {"Image": "junk:far", "Cmd": ["/x"], "Env": [HERE]})  # fmt: skip
    assert created.status == 201


def test_a_client_leaves_in_a_copy(
    lab: Lab, api: Api, source: Engine, victim: Engine, client: Client
) -> None:
    create(client)
    until(lambda: imports(victim), 20, "the copy")
    client.kill()
    until(lambda: not imports(victim), 20, "the end of the copy")
    source.heal()
    assert api.get("/containers/json?all=1") == []
    assert [bool(found) for found in ids(lab, "junk:far")] == [True, False, False]


# What is only passed on


@pytest.mark.parametrize("fault", FAULTS)
def test_an_engine_is_lost_while_files_are_copied_in(
    lab: Lab, api: Api, victim: Engine, client: Client, fault: str
) -> None:
    api.run("web", Env=[HERE], StopSignal="SIGKILL")
    files = tar({"data": os.urandom(4 * MB)})
    rest = half(client, "/containers/web/archive?path=/tmp", files, "PUT")
    FAULTS[fault](victim)
    client.send(rest)
    answer = client.answer()
    assert answer.status == 500
    assert answer.message.startswith("node dockerhost02 does not answer: ")
    mend(victim)
    until(lambda: is_whole(lab), 40, "a whole cluster")
    again = ask(api, "PUT", "/containers/web/archive?path=/tmp", files, TAR)
    assert again.status == 200


@pytest.mark.parametrize("what", ["save", "export", "archive"])
def test_an_engine_is_lost_while_it_sends(
    lab: Lab, api: Api, victim: Engine, client: Client, what: str
) -> None:
    """The client must not take what it got for all of it."""
    loaded = Api(victim.socket)("POST", "/images/load", archive("junk:big", 200 * MB))
    assert loaded.status == 200
    until(lambda: "junk:big" in str(api.get("/images/json")), 5, "the image")
    api.create("web", Image="junk:big", Env=[HERE])
    target = {
        "save": "/images/junk:big/get",
        "export": "/containers/web/export",
        "archive": "/containers/web/archive?path=/data",
    }[what]
    client.request("GET", target)
    status, _ = client.head()
    assert status == 200
    victim.crash()
    try:
        got = client.rest()
    except ConnectionResetError:
        got = b""
    assert not got.endswith(b"0\r\n\r\n")
    mend(victim)
    until(lambda: is_whole(lab), 40, "a whole cluster")
    assert ask(api, "GET", "/containers/web/archive?path=/data").whole
