"""A CI job as GitLab's runner asks for one: its calls, in its order, on one engine and here.

A helper and a build container share volumes; each is attached to before it starts, gets its
script by standard input and is told the script's end by a half-close; images go by ID.
"""

import base64
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from integration_tools import Api, read_all, read_head, unframed

_LABELS = "com.gitlab.gitlab-runner"
_NO_AUTH = base64.urlsafe_b64encode(b"{}").decode()
_SERVICE = "echo ready; exec nc -ll -p 5432 -e echo answer"
_ASK = "nc -w 2 db 5432"


@dataclass
class Job:
    """One job of a runner, and what it has made."""

    api: Api
    number: int
    network: str = ""
    """ID of its own network; empty: services are linked on the default bridge."""
    services: list[str] = field(default_factory=list)
    image: str = ""
    """ID of the image that everything runs."""

    @property
    def name(self) -> str:
        """What everything of this job is called, up to its role."""
        return f"runner-t1abc-project-7-concurrent-{self.number}-5f3a"

    @property
    def labels(self) -> dict[str, str]:
        """What everything of this job carries."""
        return {
            f"{_LABELS}.managed": "true",
            f"{_LABELS}.job.id": str(1000 + self.number),
            f"{_LABELS}.project.id": "7",
            f"{_LABELS}.runner.id": "t1abc",
        }

    @property
    def volumes(self) -> tuple[str, str]:
        """Names of its cache and of the folder it builds in."""
        return (f"{self.name}-cache", f"{self.name}-builds")

    def ok(self, method: str, target: str, body: object = None) -> Any:
        """The parsed answer of a call that must work; None if it has no body."""
        answer = self.api(method, target, body)
        assert answer.status < 300, f"{method} {target}: {answer.status} {answer.body!r}"
        return answer.json() if answer.body.startswith((b"{", b"[")) else None

    def prepare(self, *, own_network: bool) -> None:
        """Look at the daemon, get the image, make network and volumes."""
        info, version = self.ok("GET", "/info"), self.ok("GET", "/version")
        assert info["OSType"] == "linux"
        assert info["Architecture"] == "x86_64"
        assert float(version["ApiVersion"]) >= 1.24
        pull = "/images/create?fromImage=busybox&tag=latest"
        assert self.api("POST", pull, headers={"X-Registry-Auth": _NO_AUTH}).status == 200
        self.image = self.ok("GET", "/images/busybox:latest/json")["Id"]
        if own_network:
            body = {"Name": f"{self.name}-network", "Labels": self.labels}
            made = self.ok("POST", "/networks/create", body)
            self.network = self.ok("GET", f"/networks/{made['Id']}")["Id"]
        for volume in self.volumes:
            made = self.ok("POST", "/volumes/create", {"Name": volume, "Labels": self.labels})
            assert made["Name"] == volume

    def create(self, role: str, *command: str, **settings: Any) -> str:
        """Remove who has the name, and create a container anew; its ID."""
        name = f"{self.name}-{role}"
        assert self.api("DELETE", f"/containers/{name}?force=1&v=1").status in (204, 404)
        host: dict[str, Any] = settings.pop("HostConfig", {})
        cache, builds = self.volumes
        body = {
            "Image": self.image,
            "Cmd": list(command),
            "Labels": {**self.labels, f"{_LABELS}.type": role},
            "HostConfig": {"Binds": [f"{cache}:/cache", f"{builds}:/builds"], **host},
            **settings,
        }
        if self.network:
            body["HostConfig"]["NetworkMode"] = self.network
            ends = {"Aliases": ["db", role]} if role == "svc-0" else {"Aliases": [role]}
            body["NetworkingConfig"] = {"EndpointsConfig": {self.network: ends}}
        elif self.services and role != "svc-0":
            body["HostConfig"]["Links"] = [f"{one}:db" for one in self.services]
        made = self.ok("POST", f"/containers/create?name={name}", body)
        return str(self.ok("GET", f"/containers/{made['Id']}/json")["Id"])

    def run(self, container: str) -> int:
        """Start a container and wait for its end; its exit code."""
        self.ok("POST", f"/containers/{container}/start")
        return int(self.ok("POST", f"/containers/{container}/wait")["StatusCode"])

    def script(self, container: str, text: str) -> tuple[int, bytes, bytes]:
        """Attach, start, and only then send the script; exit code, output, errors."""
        target = f"/containers/{container}/attach?stderr=1&stdin=1&stdout=1&stream=1"
        with self.api.connect() as sock:
            sock.sendall(
                f"POST {target} HTTP/1.1\r\nHost: docker\r\nContent-Type: text/plain\r\n"
                "Content-Length: 0\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n".encode()
            )
            assert read_head(sock).startswith(b"HTTP/1.1 101 ")
            self.ok("POST", f"/containers/{container}/start")
            sock.sendall(text.encode())
            sock.shutdown(socket.SHUT_WR)
            parts = unframed(read_all(sock))
        ended = self.ok("POST", f"/containers/{container}/wait?condition=not-running")
        return ended["StatusCode"], parts[1], parts[2]

    def shell(self, role: str) -> str:
        """A container whose shell waits for a script."""
        streams = ("OpenStdin", "StdinOnce", "AttachStdin", "AttachStdout", "AttachStderr")
        return self.create(role, "sh", **dict.fromkeys(streams, True))

    def exec(self, container: str, *command: str) -> tuple[int, bytes]:
        """Run a command beside the script; exit code and output."""
        body = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True}
        made = self.ok("POST", f"/containers/{container}/exec", body)["Id"]
        answer = self.api("POST", f"/exec/{made}/start", {"Detach": False})
        return self.ok("GET", f"/exec/{made}/json")["ExitCode"], unframed(answer.body)[1]

    def found(self, what: str) -> list[dict[str, Any]]:
        """What carries the job's label, as the runner's clean-up asks for it."""
        filters = quote(json.dumps({"label": [f"{_LABELS}.job.id={1000 + self.number}"]}))
        rows = self.ok("GET", f"/{what}?all=1&filters={filters}")
        found: list[dict[str, Any]] = rows["Volumes"] if what == "volumes" else rows
        return found or []

    def clean_up(self) -> None:
        """Leave nothing of the job."""
        for network in self.found("networks"):
            inside = self.ok("GET", f"/networks/{network['Id']}")["Containers"]
            for container in inside:
                body = {"Container": container, "Force": True}
                self.ok("POST", f"/networks/{network['Id']}/disconnect", body)
        for row in self.found("containers/json"):
            self.ok("DELETE", f"/containers/{row['Id']}?force=1&v=1")
        for network in self.found("networks"):
            self.ok("DELETE", f"/networks/{network['Id']}")
        for volume in self.found("volumes"):
            self.ok("DELETE", f"/volumes/{volume['Name']}?force=1")


@pytest.fixture
def jobs(target: Api) -> Iterator[list[Job]]:
    """Two jobs of one runner; nothing of them is left."""
    both = [Job(target, number) for number in (0, 1)]
    yield both
    for job in both:
        job.clean_up()
        assert [job.found(what) for what in ("containers/json", "networks", "volumes")] == [[]] * 3


@pytest.mark.parametrize("own_network", [True, False], ids=["network-per-build", "links"])
def test_a_job_with_a_service(jobs: list[Job], own_network: bool) -> None:
    job = jobs[0]
    job.prepare(own_network=own_network)
    permission = job.create("permissions", "sh", "-c", "chmod 777 /cache /builds")
    assert job.run(permission) == 0
    job.ok("DELETE", f"/containers/{permission}?force=1&v=1")
    service = job.create("svc-0", "sh", "-c", _SERVICE)
    job.services.append(service)
    job.ok("POST", f"/containers/{service}/start")
    check = job.create("wait-0", "sh", "-c", f"until {_ASK}; do sleep 0.1; done")
    assert job.run(check) == 0
    log = job.api("GET", f"/containers/{service}/logs?stdout=1&stderr=1&timestamps=1").body
    assert unframed(log)[1].endswith(b"Z ready\n")

    helper = job.shell("predefined")
    code, out, _ = job.script(helper, "echo fetched >/builds/source; echo got sources\n")
    assert (code, out) == (0, b"got sources\n")
    build = job.shell("build")
    text = f"cat /builds/source; {_ASK}; echo made >/cache/made; echo bad >&2; exit 7\n"
    assert job.script(build, text) == (7, b"fetched\nanswer\n", b"bad\n")
    # The next stage starts the same containers again, with another script.
    assert job.script(helper, "cat /cache/made\n") == (0, b"made\n", b"")
    assert job.script(build, "hostname\n")[0] == 0
    roles = {row["Labels"][f"{_LABELS}.type"] for row in job.found("containers/json")}
    assert roles == {"svc-0", "wait-0", "predefined", "build"}


def test_a_job_is_looked_into_and_killed(jobs: list[Job]) -> None:
    job = jobs[0]
    job.prepare(own_network=True)
    build = job.shell("build")
    with job.api.connect() as sock:
        target = f"/containers/{build}/attach?stderr=1&stdin=1&stdout=1&stream=1"
        sock.sendall(
            f"POST {target} HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n"
            "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n".encode()
        )
        assert read_head(sock).startswith(b"HTTP/1.1 101 ")
        job.ok("POST", f"/containers/{build}/start")
        sock.sendall(b"echo begun; exec sleep 600\n")
        assert sock.recv(100)[8:] == b"begun\n"
        assert job.exec(build, "sh", "-c", "ls -d /cache; exit 3") == (3, b"/cache\n")
        job.ok("POST", f"/containers/{build}/kill?signal=SIGKILL")
        assert read_all(sock) == b""
    assert job.ok("POST", f"/containers/{build}/wait")["StatusCode"] == 137
    again = job.shell("build")
    assert again != build
    assert job.script(again, "echo anew\n") == (0, b"anew\n", b"")


@pytest.mark.parametrize("target", ["manager"], indirect=True)
def test_each_job_keeps_to_one_host(jobs: list[Job]) -> None:
    for job in jobs:
        job.prepare(own_network=True)
        for role in ("predefined", "build", "svc-0"):
            job.ok("POST", f"/containers/{job.create(role, 'sleep', '600')}/start")
    homes = [{job.api.node_of(row["Id"]) for row in job.found("containers/json")} for job in jobs]
    assert [len(home) for home in homes] == [1, 1]
    assert homes[0] != homes[1]
