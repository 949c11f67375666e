"""Every verb of Docker Compose that looks at a project, or talks to it, while it runs.

One project runs for all of these tests, once for each generation of Compose.
"""

import json
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from compose_tools import GENERATIONS, Compose, new_project, remove_projects
from integration_tools import Api, Terminal, until

from lab.cluster import Lab

_FILE = """
services:
  web:
    image: busybox
    command: sh -c "echo web is up; exec httpd -f -p 80 -h /data"
    init: true
    ports: ["80"]
    depends_on: [db]
    volumes: ["data:/data"]
  db:
    image: busybox
    command: sh -c "echo db is up; echo db errs >&2; exec sleep 600"
    init: true
    networks:
      default: {aliases: [database]}
    volumes: ["data:/data"]
  job:
    image: busybox
    command: sh -c "echo 42 >/data/answer; exit 3"
    volumes: ["data:/data"]
volumes:
  data: {}
"""


@pytest.fixture(scope="module", autouse=True)
def _clean(lab: Lab) -> Iterator[None]:
    """In place of the cleaning after every test: the project outlives them."""
    yield
    remove_projects(lab)


@pytest.fixture(scope="module", params=GENERATIONS)
def shop(
    request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Compose]:
    """The project, up, its job done."""
    compose = new_project(lab, request.param, tmp_path_factory.mktemp("shop"), _FILE)
    compose("up", "-d")
    until(lambda: compose.states()[compose.name("job")] == "exited", 10, "the end of the job")
    yield compose
    compose("down", "-v", "-t", "1")


def test_ps_shows_what_runs(shop: Compose) -> None:
    shown = shop("ps").out
    assert all(shop.name(service) in shown for service in ("web", "db"))
    assert "->80/tcp" in shown
    assert {"db", "web"} <= set(shop("ps", "--services").lines)
    assert shop("ps", "-q", "web").line == shop.ids()[shop.name("web")]


def test_ps_all_shows_what_has_ended(shop: Compose) -> None:
    (row,) = (line for line in shop("ps", "-a").out.splitlines() if shop.name("job") in line)
    assert "Exit" in row
    assert "3" in row


@pytest.mark.parametrize("shop", ["v2"], indirect=True)
def test_ps_as_json(shop: Compose) -> None:
    rows = [json.loads(line) for line in shop("ps", "-a", "--format", "json").out.splitlines()]
    assert {row["Name"]: (row["State"], row["ExitCode"]) for row in rows} == {
        "shop-web-1": ("running", 0),
        "shop-db-1": ("running", 0),
        "shop-job-1": ("exited", 3),
    }


def test_logs_of_all_and_of_one(shop: Compose) -> None:
    shown = shop("logs", "--no-color").out
    words = {line.partition("|")[2].strip() for line in shown.splitlines() if "|" in line}
    assert words == {"web is up", "db is up", "db errs"}
    shown = shop("logs", "--no-color", "--no-log-prefix", "web").out
    assert "web is up" in shown
    assert "db" not in shown


def test_logs_that_are_followed(shop: Compose) -> None:
    with shop.program.start("logs", "--no-color", "-f", "--tail", "9", "db") as following:
        assert following.stdout is not None
        _read_until(following.stdout, b"db is up")
        shop("exec", "-T", "db", "sh", "-c", "echo more >/proc/1/fd/1")
        _read_until(following.stdout, b"more")
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=10)


def _read_until(stream: IO[bytes], words: bytes) -> None:
    for line in stream:
        if words in line:
            return
    raise AssertionError(f"{words!r} did not come before the end")


def test_exec_passes_input_output_and_the_exit_code(shop: Compose) -> None:
    script = "cat; echo err >&2; exit 7"
    done = shop.program("exec", "-T", "db", "sh", "-c", script, stdin=b"word", check=False)
    assert (done.out, done.code) == ("word", 7)
    assert "err" in done.err


def test_exec_on_a_terminal(shop: Compose) -> None:
    with Terminal(shop.program, "exec", "db", "sh") as terminal:
        terminal.expect("# ")
        terminal.type("echo a$((1+1))b; exit 3\n")
        terminal.expect("a2b")
        assert terminal.end() == 3


def test_run_reaches_services_by_name_and_alias(shop: Compose) -> None:
    before = shop.ids()
    script = "wget -q -O - http://web/answer && ping -c 1 -W 3 database >/dev/null; exit 5"
    done = shop("run", "--rm", "-T", "job", "sh", "-c", script, check=False)
    assert (done.out, done.code) == ("42\n", 5)
    assert shop.ids() == before


def test_run_on_a_terminal(shop: Compose) -> None:
    with Terminal(shop.program, "run", "--rm", "job", "sh") as terminal:
        terminal.expect("# ")
        terminal.type("cat /data/answer; exit 4\n")
        terminal.expect(r"\n42\r")
        assert terminal.end() == 4


def test_a_published_port_is_told_and_reached(shop: Compose) -> None:
    host, _, port = shop("port", "web", "80").line.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as sock:
        sock.sendall(b"GET /answer HTTP/1.0\r\n\r\n")
        assert sock.makefile("rb").read().endswith(b"42\n")


def test_top_shows_processes(shop: Compose) -> None:
    shown = shop("top").out
    assert "sleep 600" in shown
    assert "httpd" in shown


def test_images_of_the_project(shop: Compose) -> None:
    shown = shop("images").out
    assert shop.name("web") in shown
    image = shop.api.get("/images/busybox/json")["Id"].removeprefix("sha256:")
    assert image[:12] in shown


def test_config_needs_no_engine(shop: Compose) -> None:
    assert shop("config", "--services").lines == ["db", "job", "web"]
    assert "aliases" in shop("config").out


@pytest.mark.parametrize("shop", ["v2"], indirect=True)
def test_cp_both_ways(shop: Compose, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_text("parcel")
    shop("cp", str(there), "web:/tmp/parcel")
    shop("cp", "web:/tmp/parcel", str(back))
    assert back.read_text() == "parcel"


def test_events_of_the_project_alone(shop: Compose, api: Api) -> None:
    with shop.program.start("events", "--json") as listening:
        until(lambda: _told_of_a_pause(shop, listening), 20, "an event")
        stranger = api.run()
        api("DELETE", f"/containers/{stranger}?force=1")
        shop("pause", "db")
        shop("unpause", "db")
        listening.send_signal(signal.SIGINT)
        out, _ = listening.communicate(timeout=10)
    told = [json.loads(line) for line in out.decode().splitlines()]
    assert {event["action"] for event in told} == {"pause", "unpause"}
    assert {event["service"] for event in told} == {"db"}


def _told_of_a_pause(shop: Compose, listening: subprocess.Popen[bytes]) -> bool:
    """Pause and go on; whether the listener, which takes a while to begin, has said anything."""
    assert listening.stdout is not None
    shop("pause", "db")
    shop("unpause", "db")
    return bool(select.select([listening.stdout], [], [], 0.2)[0])
