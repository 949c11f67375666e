"""``up``, and what changes a project: each generation of Docker Compose over three hosts.

Hosts: 01 application/ssd/prod, 02 application/hdd/dev, 03 database/ssd/prod.
"""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from compose_tools import GENERATIONS, Compose, new_project, remove_projects
from integration_tools import Api, until

from lab.cluster import Lab

_PAIR = """
services:
  web:
    image: busybox
    command: sleep 600
    init: true
    depends_on: [db]
  db:
    image: busybox
    command: sleep 600
    init: true
"""
_CONDITIONS = """
services:
  web:
    image: busybox
    command: sh -c "cat /data/ready /data/made; sleep 600"
    init: true
    volumes: ["data:/data"]
    depends_on:
      db: {condition: service_healthy}
      job: {condition: service_completed_successfully}
  db:
    image: busybox
    command: sh -c "sleep 1; echo healthy >/data/ready; sleep 600"
    init: true
    volumes: ["data:/data"]
    healthcheck: {test: [CMD, test, -s, /data/ready], interval: 0.5s, retries: 20}
  job:
    image: busybox
    command: sh -c "sleep 1; echo made >/data/made"
    volumes: ["data:/data"]
volumes:
  data: {}
"""
_FAILING = """
services:
  web:
    image: busybox
    command: sleep 600
    depends_on:
      job: {condition: service_completed_successfully}
  job:
    image: busybox
    command: sh -c "exit 3"
"""
_CHOICES = """
services:
  web:
    image: busybox
    command: sh -c "echo $$WORD $$OTHER; sleep 600"
    init: true
    env_file: [words.env]
    environment: {OTHER: "${GIVEN}"}
  debug:
    image: busybox
    command: sleep 600
    init: true
    profiles: [debug]
"""
_PLACED = """
services:
  by-label:
    image: busybox
    command: sleep 600
    init: true
    network_mode: bridge
    labels: {com.docker.swarm.constraints: '["disk==hdd"]'}
  by-environment:
    image: busybox
    command: sleep 600
    init: true
    network_mode: bridge
    environment: ["constraint:zone==database"]
  follower:
    image: busybox
    command: sleep 600
    init: true
    network_mode: "service:by-environment"
"""


@pytest.fixture(autouse=True)
def _nothing_left(lab: Lab) -> Iterator[None]:
    yield
    remove_projects(lab)


@pytest.fixture(params=GENERATIONS)
def shop(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Compose:
    """A project of two services, not up yet."""
    return new_project(lab, request.param, tmp_path, _PAIR)


def test_a_projects_whole_life(shop: Compose, api: Api) -> None:
    shop("up", "-d")
    first = shop.ids()
    web, db = shop.name("web"), shop.name("db")
    assert set(first) == {web, db}
    for verb, then in (("pause", "paused"), ("unpause", "running"), ("restart", "running"),
                       ("stop", "exited"), ("start", "running"), ("kill", "exited")):  # fmt: skip
        shop(verb, *(("-t", "1") if verb in ("restart", "stop") else ()))
        assert shop.states() == {web: then, db: then}, verb
    assert shop.ids() == first
    shop("rm", "-f", "db")
    assert shop.states() == {web: "exited"}
    shop("up", "-d")
    assert shop.states() == {web: "running", db: "running"}
    shop("down", "-t", "1")
    assert shop.rows() == []
    assert [row["Name"] for row in api.get("/networks")] == ["bridge", "host", "none"]


def test_services_grow_and_shrink(shop: Compose) -> None:
    shop("up", "-d", "--scale", "web=3")
    first = shop.ids()
    assert set(first) == {shop.name("db"), *(shop.name("web", number) for number in (1, 2, 3))}
    assert len(shop.nodes()) == 1
    shop("up", "-d", "--scale", "web=1", "-t", "1")
    assert shop.ids() == {name: first[name] for name in (shop.name("db"), shop.name("web"))}
    shop("scale", "web=2")
    assert len(shop.rows("web")) == 2
    shop("down", "-t", "1")
    assert shop.rows() == []


def test_dependencies_are_waited_for(shop: Compose) -> None:
    shop.write(_CONDITIONS)
    shop("up", "-d")
    assert shop.states()[shop.name("job")] == "exited"
    until(lambda: "made" in shop("logs", "--no-color", "web").out, 10, "what both have written")
    assert "healthy" in shop("logs", "--no-color", "web").out
    shop("down", "-v", "-t", "1")


def test_a_dependency_that_fails_ends_up(shop: Compose) -> None:
    shop.write(_FAILING)
    done = shop("up", "-d", check=False)
    assert done.code != 0
    assert "job" in done.err
    assert "running" not in shop.states().values()
    shop("down", "-t", "1")


def test_run_starts_what_it_depends_on(shop: Compose) -> None:
    done = shop("run", "--rm", "-T", "web", "ping", "-c", "1", "-W", "3", "db")
    assert "1 packets received" in done.out
    assert shop.states() == {shop.name("db"): "running"}
    shop("down", "-t", "1")


def test_up_attached_shows_logs_until_it_is_interrupted(shop: Compose) -> None:
    shop.write(_PAIR.replace("command: sleep 600", 'command: sh -c "echo says hi; sleep 600"'))
    with shop.program.start("up", "-t", "1") as attached:
        assert attached.stdout is not None
        seen = _read_until(attached.stdout, b"says hi", times=2)
        assert b"web" in seen
        assert b"db" in seen
        attached.send_signal(signal.SIGINT)
        attached.communicate(timeout=20)
    assert shop.states() == {shop.name("web"): "exited", shop.name("db"): "exited"}
    shop("down")


def _read_until(stream: IO[bytes], words: bytes, times: int) -> bytes:
    seen = b""
    for line in stream:
        seen += line
        if seen.count(words) == times:
            return seen
    raise AssertionError(f"the end came after {seen!r}")


def test_up_ends_with_the_code_of_one_service(shop: Compose) -> None:
    shop.write(_PAIR.replace("command: sleep 600", 'command: sh -c "sleep 1; exit 6"', 1))
    done = shop("up", "--exit-code-from", "web", "-t", "1", check=False)
    assert done.code == 6
    assert shop.states() == {shop.name("web"): "exited", shop.name("db"): "exited"}
    shop("down")


def test_env_files_and_profiles(shop: Compose) -> None:
    shop.write(_CHOICES)
    (shop.folder / "words.env").write_text("WORD=from-file\n")
    with_env = shop.with_env(GIVEN="from-outside")
    with_env("up", "-d")
    assert set(shop.ids()) == {shop.name("web")}
    until(lambda: "from-file from-outside" in with_env("logs", "web").out, 5, "both words")
    with_env("--profile", "debug", "up", "-d")
    assert set(shop.ids()) == {shop.name("web"), shop.name("debug")}
    with_env("--profile", "debug", "down", "-t", "1")
    assert shop.rows() == []


def test_orphans_are_removed_when_asked(shop: Compose) -> None:
    shop("up", "-d")
    web, db = shop.name("web"), shop.name("db")
    shop.write(_PAIR.partition("  db:")[0].replace("depends_on: [db]", ""))
    done = shop("up", "-d")
    assert "orphan" in done.err
    assert set(shop.ids()) == {web, db}
    shop("up", "-d", "--remove-orphans", "-t", "1")
    assert set(shop.ids()) == {web}
    shop.write(_PAIR)
    shop("up", "-d")
    shop.write(_PAIR.partition("  db:")[0].replace("depends_on: [db]", ""))
    shop("down", "--remove-orphans", "-t", "1")
    assert shop.rows() == []


def test_projects_side_by_side_keep_to_themselves(shop: Compose) -> None:
    others = [shop.named(name) for name in ("bakery", "cellar")]
    running = [one.program.start("up", "-d") for one in (shop, *others)]
    _all_end_well([one.__enter__() for one in running])
    for one in (shop, *others):
        assert set(one.ids()) == {one.name("web"), one.name("db")}
        assert len(one.nodes()) == 1
    assert len({node for one in (shop, *others) for node in one.nodes()}) == 3
    for one in others:
        one("down", "-t", "1")
        assert one.rows() == []
    assert set(shop.states().values()) == {"running"}


def _all_end_well(clients: list[subprocess.Popen[bytes]]) -> None:
    for client in clients:
        _, err = client.communicate(timeout=60)
        assert client.returncode == 0, err.decode()


def test_services_choose_their_hosts(shop: Compose, api: Api) -> None:
    shop.write(_PLACED)
    shop("up", "-d")
    homes = {service: api.node_of(shop.name(service)) for service in
             ("by-label", "by-environment", "follower")}  # fmt: skip
    assert homes == {
        "by-label": "dockerhost02",
        "by-environment": "dockerhost03",
        "follower": "dockerhost03",
    }
    first = shop.ids()
    done = shop("up", "-d")
    assert "Recreat" not in done.err
    assert shop.ids() == first
