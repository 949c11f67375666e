"""Clients of API 1.24 to 1.41, whatever the engine beneath takes.

With ``SWARM_TEST_ENGINES=mixed`` dockerhost01 refuses everything below API 1.44, and dockerhost02
speaks nothing above 1.41: these clients could speak to one of them, and get the same from both.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from image_tools import reset_images
from integration_tools import Api, remove_volumes, unframed, until
from network_tools import remove_networks

from lab.cluster import Lab
from lab.http import Answer

HOSTS = ("dockerhost01", "dockerhost02")
VERSIONS = ("1.24", "1.30", "1.39", "1.41")
SCRIPT = "echo out; echo err >&2; read line; echo got $line; exit 3"


@dataclass(frozen=True)
class Old(Api):
    """The manager, as a client of one API version calls it."""

    version: str = ""
    host: str = ""
    """Where its containers go."""

    def __call__(self, method: str, target: str, body: object = None, **options: Any) -> Answer:
        """Send one request of that version."""
        return super().__call__(method, f"/v{self.version}{target}", body, **options)

    def create(self, name: str = "", **body: Any) -> str:
        """Create a container on its host; its ID."""
        environment = [*body.pop("Env", []), f"constraint:node=={self.host}"]
        return super().create(name, **body, Env=environment)

    def must(self, method: str, target: str, body: object = None, status: int = 204) -> Answer:
        """A request that has to be answered with *status*."""
        answer = self(method, target, body)
        assert answer.status == status, f"{method} {target}: {answer.status} {answer.body!r}"
        return answer


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> str:
    """Each kind of engine in turn."""
    return str(request.param)


@pytest.fixture(params=VERSIONS)
def old(request: pytest.FixtureRequest, lab: Lab, host: str) -> Iterator[Old]:
    """Each version's client in turn; nothing of a test is left."""
    yield Old(lab.manager.endpoint, request.param, host)
    remove_networks(lab)
    for engine in lab.engines:
        remove_volumes(Api(engine.socket))


def test_a_container_from_its_create_to_its_end(old: Old, lab: Lab) -> None:
    container = old.create(
        "web", Cmd=["sh", "-c", "trap 'exit 5' TERM; while :; do sleep .1; done"]
    )
    assert old.get("/containers/web/json")["State"]["Status"] == "created"
    old.must("POST", "/containers/web/start")
    shown = old.get(f"/containers/{container[:12]}/json")
    assert (shown["Id"], shown["Node"]["Name"]) == (container, old.host)
    assert shown["Config"]["Image"] == "busybox"
    (row,) = old.get("/containers/json")
    assert (row["Id"], row["State"], row["Command"][:5]) == (container, "running", "sh -c")
    until(lambda: "trap" in str(old.get("/containers/web/top")["Processes"]), 5, "the process")
    stats = old.get("/containers/web/stats?stream=0")
    assert stats["memory_stats"]["usage"] > 0
    old.must("POST", "/containers/web/pause")
    assert old.get("/containers/web/json")["State"]["Paused"] is True
    old.must("POST", "/containers/web/unpause")
    old.must("POST", "/containers/web/update", {"Memory": 64 << 20, "MemorySwap": -1}, 200)
    old.must("POST", "/containers/web/rename?name=other")
    old.must("POST", "/containers/other/stop?t=10")
    assert old.must("POST", "/containers/other/wait", status=200).json()["StatusCode"] == 5
    old.must("POST", "/containers/other/restart?t=0")
    old.must("POST", "/containers/other/kill?signal=KILL")
    old.must("DELETE", "/containers/other?v=1")
    assert old("GET", "/containers/other/json").status == 404


def test_what_a_container_says(old: Old) -> None:
    old.create("web", Cmd=["sh", "-c", SCRIPT], OpenStdin=True, StdinOnce=True)
    attach = old.connect()
    with attach:
        path = "/containers/web/attach?stream=1&stdin=1&stdout=1&stderr=1"
        attach.sendall(
            f"POST /v{old.version}{path} HTTP/1.1\r\nHost: x\r\n"
            "Upgrade: tcp\r\nConnection: Upgrade\r\n\r\n".encode()
        )
        assert attach.recv(4096).startswith(b"HTTP/1.1 101 ")
        old.must("POST", "/containers/web/start")
        attach.sendall(b"hello\n")
        said = b""
        while piece := attach.recv(4096):
            said += piece
    expected = {1: b"out\ngot hello\n", 2: b"err\n"}
    assert unframed(said) == expected
    assert old.must("POST", "/containers/web/wait", status=200).json()["StatusCode"] == 3
    assert unframed(old("GET", "/containers/web/logs?stdout=1&stderr=1").body) == expected
    assert unframed(old("GET", "/containers/web/logs?stderr=1").body) == {1: b"", 2: b"err\n"}


def test_a_command_in_a_container(old: Old) -> None:
    old.run("web")
    body = {"Cmd": ["sh", "-c", SCRIPT], "AttachStdout": True, "AttachStderr": True}
    made = old.must("POST", "/containers/web/exec", body, 201).json()["Id"]
    answer = old.must("POST", f"/exec/{made}/start", {"Detach": False, "Tty": False}, 200)
    assert unframed(answer.body) == {1: b"out\ngot\n", 2: b"err\n"}
    shown = old.get(f"/exec/{made}/json")
    assert (shown["Running"], shown["ExitCode"], shown["ProcessConfig"]["entrypoint"]) == (
        False, 3, "sh",
    )  # fmt: skip


def test_files_and_images(old: Old, lab: Lab, api: Api) -> None:
    old.create("web", Cmd=["touch", "/mark"])
    old.must("POST", "/containers/web/start")
    old.must("POST", "/containers/web/wait", status=200)
    assert {"Path": "/mark", "Kind": 1} in old.get("/containers/web/changes")
    assert old("GET", "/containers/web/archive?path=/mark").body[:4] == b"mark"
    made = old.must("POST", "/commit?container=web&repo=made&tag=1", status=201).json()["Id"]
    try:
        assert old.get("/images/made:1/json")["Id"] == made
        (row,) = old.get(f"/images/json?filters={quote(json.dumps({'reference': ['made']}))}")
        assert row["RepoTags"] == ["made:1"]
        assert old.get("/images/made:1/history")[0]["Tags"] == ["made:1"]
        old.must("DELETE", "/containers/web")
        told = old.must("DELETE", "/images/made:1", status=200).json()
        assert {"Untagged": "made:1"} in told
    finally:
        reset_images(lab, api)


def test_a_network(old: Old) -> None:
    body = {"Name": "net", "CheckDuplicate": True, "Labels": {"a": "b"}}
    network = old.must("POST", "/networks/create", body, 201).json()["Id"]
    assert old("POST", "/networks/create", body).status == 409
    old.run("web", HostConfig={"NetworkMode": "net"})
    old.run("other")
    old.must("POST", "/networks/net/connect", {"Container": "other"}, 200)
    shown = old.get("/networks/net")
    assert (shown["Id"], shown["Labels"]) == (network, {"a": "b"})
    assert {one["Name"] for one in shown["Containers"].values()} == {"web", "other"}
    joined = old.get("/containers/web/json")["NetworkSettings"]["Networks"]
    assert (list(joined), joined["net"]["NetworkID"]) == (["net"], network)
    body = {"Cmd": ["ping", "-c", "1", "-w", "5", "other"], "AttachStdout": True}
    made = old.must("POST", "/containers/web/exec", body, 201).json()["Id"]
    assert b"1 packets received" in old("POST", f"/exec/{made}/start", {}).body
    old.must("POST", "/networks/net/disconnect", {"Container": "other", "Force": True}, 200)
    for name in ("web", "other"):
        old.must("DELETE", f"/containers/{name}?force=1")
    assert [row["Name"] for row in old.get("/networks") if row["Id"] == network] == ["net"]
    old.must("DELETE", "/networks/net")
    assert old("GET", f"/networks/{network}").status == 404


def test_a_volume(old: Old) -> None:
    body = {"Name": f"{old.host}/data", "Labels": {"a": "b"}}
    made = old.must("POST", "/volumes/create", body, 201).json()
    assert (made["Name"], made["Labels"]) == ("data", {"a": "b"})
    old.create("web", Cmd=["sh", "-c", "echo 1 > /d/x"], HostConfig={"Binds": ["data:/d"]})
    old.must("POST", "/containers/web/start")
    old.must("POST", "/containers/web/wait", status=200)
    assert old.get("/containers/web/json")["Mounts"][0]["Name"] == "data"
    assert [row["Name"] for row in old.get("/volumes")["Volumes"]] == ["data"]
    assert old("DELETE", "/volumes/data").status == 409
    old.must("DELETE", "/containers/web")
    old.must("DELETE", "/volumes/data")
    assert not old.get("/volumes")["Volumes"]


def test_events(old: Old) -> None:
    since = int(time.time()) - 1
    container = old.create("web", Cmd=["true"])
    old.must("POST", "/containers/web/start")
    old.must("POST", "/containers/web/wait", status=200)
    filters = quote(json.dumps({"container": [container]}))

    def told() -> list[dict[str, Any]]:
        until_now = f"since={since}&until={int(time.time()) + 1}"
        lines = old("GET", f"/events?{until_now}&filters={filters}").body.splitlines()
        events = [json.loads(line) for line in lines]
        return events if any(event["Action"] == "die" for event in events) else []

    events = until(told, 5, "the container's end")
    assert [event["Action"] for event in events] == ["create", "start", "die"]
    assert {(event["id"], event["status"]) for event in events} == {
        (container, event["Action"]) for event in events
    }


def test_the_whole_cluster(old: Old) -> None:
    assert old("GET", "/_ping").body == b"OK"
    info = old.get("/info")
    assert (info["Swarm"]["LocalNodeState"], info["NCPU"] > 0) == ("inactive", True)
    assert old.get("/version")["ApiVersion"] in ("1.41", "1.45")
    usage = old.get("/system/df") if float(old.version) >= 1.25 else {"Images": [1]}
    assert usage["Images"]
    for kind in ("containers", "networks", "volumes", "images"):
        if float(old.version) >= 1.25:
            old.must("POST", f"/{kind}/prune", status=200)
