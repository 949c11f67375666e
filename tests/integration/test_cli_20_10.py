"""The docker command of 20.10, over engines of two generations.

dockerhost01 is a 20.10, which is as old as the client; dockerhost02 a 26.1 that takes API 1.44 and
up, which this client could not speak to by itself.
"""

import json
import os
import signal
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from image_tools import reset_images
from integration_tools import Api, Cli, Manager, Terminal

from lab.cluster import NEWER, Lab
from lab.install import find
from lab.state import EngineState

NODES = ("dockerhost01", "dockerhost02")
ECHO = ("sh", "-c", "while read line; do echo got $line; done; echo end; exit 5")


@pytest.fixture(scope="module")
def old_and_new(lab: Lab) -> Iterator[Lab]:
    """A lab of both generations, without a manager."""
    name = f"test-{os.getpid()}-cli"
    with Lab(name, [EngineState(), NEWER], agents=False, manager=False) as other:
        yield other


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory, old_and_new: Lab) -> Iterator[Manager]:
    """A manager over it."""
    hosts = ",".join(engine.plan.endpoint for engine in old_and_new.engines)
    with Manager(tmp_path_factory.mktemp("cli"), f"nodes://{hosts}", nodes=2) as manager:
        yield manager


@pytest.fixture
def old(manager: Manager, old_and_new: Lab) -> Iterator[Cli]:
    """The client; nothing of a test is left."""
    yield Cli(find().older_docker, manager.url)
    for engine in old_and_new.engines:
        engine_api = Api(engine.socket)
        for row in engine_api.get("/containers/json?all=1"):
            engine_api("DELETE", f"/containers/{row['Id']}?force=1&v=1")


@pytest.fixture
def no_images(old_and_new: Lab, manager: Manager) -> Iterator[None]:
    """Images go, too."""
    yield
    reset_images(old_and_new, manager.api)


@pytest.fixture(params=NODES)
def on(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Flags that choose a node, each in turn."""
    return ("-e", f"constraint:node=={request.param}")


@pytest.fixture
def web(old: Cli, on: tuple[str, ...]) -> str:
    """A container that runs on that node; its name."""
    script = "echo out; echo err >&2; exec sleep 600"
    old("run", "-d", "--init", "--name", "web", "-p", "80", *on, "busybox", "sh", "-c", script)
    return "web"


# Containers


def test_input_reaches_a_container_to_its_end(old: Cli, on: tuple[str, ...]) -> None:
    assert old("run", "-i", "--rm", *on, "busybox", "wc", "-c", stdin=b"12345").line == "5"
    old("create", "-i", "--name", "web", *on, "busybox", *ECHO)
    with old.start("start", "-ai", "web", stdin=None) as starting:
        out, _ = starting.communicate(b"a\nb\n", timeout=20)
    assert (out, starting.returncode) == (b"got a\ngot b\nend\n", 5)
    old("create", "-i", "--name", "db", *on, "busybox", *ECHO)
    old("start", "db")
    with old.start("attach", "db", stdin=None) as attached:
        out, _ = attached.communicate(b"c\n", timeout=20)
    assert (out, attached.returncode) == (b"got c\nend\n", 5)


def test_terminals(old: Cli, on: tuple[str, ...]) -> None:
    with Terminal(old, "run", "-it", "--name", "web", *on, "busybox", "sh") as terminal:
        terminal.expect("# ")
        # The client tells the size only when the container has started.
        terminal.type("until stty size | grep '33 99'; do sleep 0.1; done\n")
        terminal.expect("\n33 99")
        with Terminal(old, "exec", "-it", "web", "sh") as beside:
            beside.type("echo b$((1+1)); exit 4\n")
            beside.expect("b2")
            assert beside.end() == 4
        terminal.type("exit 3\n")
        assert terminal.end() == 3


def test_what_is_known_of_a_container(old: Cli, web: str, on: tuple[str, ...]) -> None:
    node = on[1].rpartition("=")[2]
    assert old("ps", "--format", "{{.Names}}").line == f"{node}/web"
    assert json.loads(old("inspect", web).out)[0]["Node"]["Name"] == node
    done = old("logs", web)
    assert (done.out, done.err) == ("out\n", "err\n")
    assert "sleep 600" in old("top", web).out
    assert old("port", web, "80").lines
    assert old("stats", "--no-stream", "--format", "{{.Name}}", web, timeout_s=30).line
    old("exec", web, "touch", "/new")
    assert "A /new" in old("diff", web).lines


def test_logs_are_followed(old: Cli, web: str) -> None:
    with old.start("logs", "-f", web) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == b"out\n"
        old("exec", web, "sh", "-c", "echo more >/proc/1/fd/1")
        assert following.stdout.readline() == b"more\n"
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=10)


def test_exec_and_its_exit_code(old: Cli, web: str) -> None:
    done = old("exec", "-i", web, "sh", "-c", "cat; echo err >&2; exit 6", stdin=b"x", check=False)
    assert (done.out, done.code) == ("x", 6)
    assert done.err.startswith("err\n")


def test_cp_both_ways(old: Cli, web: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("parcel")
    old("cp", str(tmp_path / "there"), f"{web}:/tmp/parcel")
    old("cp", f"{web}:/tmp/parcel", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "parcel"


def test_the_life_of_a_container(old: Cli, web: str) -> None:
    state = ("inspect", "-f", "{{.State.Status}}", "db")
    old("rename", web, "db")
    old("update", "--cpu-shares", "512", "db")
    for verb, then in (("pause", "paused"), ("unpause", "running"), ("restart", "running"),
                       ("stop", "exited"), ("start", "running"), ("kill", "exited")):  # fmt: skip
        old(verb, *(("-t", "1") if verb in ("restart", "stop") else ()), "db")
        assert old(*state).line == then, verb
    assert old("wait", "db").line == "137"
    old("rm", "db")
    assert old("ps", "-aq").lines == []


def test_events(old: Cli, web: str) -> None:
    old("kill", web)
    # The client cuts relative times down to whole seconds.
    window = ("--since", "60s", "--until", str(int(time.time()) + 1))
    shown = old("events", *window, "--filter", "event=die").out
    assert "name=web" in shown.splitlines()[-1]


# Images


@pytest.fixture
def tag(no_images: None, old_and_new: Lab) -> str:
    """A new name in the lab's registry."""
    return f"{old_and_new.registry.endpoint}/old/{uuid.uuid4().hex[:12]}:1"


@pytest.mark.parametrize("buildkit", ["0", "1"], ids=["classic", "buildkit"])
def test_builds(old: Cli, on: tuple[str, ...], tag: str, tmp_path: Path, buildkit: str) -> None:
    (tmp_path / "word").write_text(tag)
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY word /\nRUN cat /word >/copy\n")
    client = replace(old, environment={"DOCKER_BUILDKIT": buildkit})
    client("build", "-t", tag, "--build-arg", on[1], str(tmp_path), timeout_s=60)
    assert old("run", "--rm", tag, "cat", "/copy", timeout_s=40).out == tag
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN exit 7\n")
    assert "7" in client.fails("build", "--build-arg", on[1], str(tmp_path), timeout_s=60).err


def test_nameless_images_are_shown_and_removed(
    old: Cli, on: tuple[str, ...], tag: str, tmp_path: Path
) -> None:
    """This client knows them by names of ``<none>`` only, as engines of its age call them."""
    classic = replace(old, environment={"DOCKER_BUILDKIT": "0"})
    for word in ("first", "second"):
        (tmp_path / "Dockerfile").write_text(f"FROM busybox\nLABEL word={word}\n")
        build = ("build", "-q", "-t", tag, "--build-arg", on[1])
        image = classic(*build, str(tmp_path), timeout_s=60).line
        if word == "first":
            replaced = image.removeprefix("sha256:")[:12]
    assert f"<none>:<none> {replaced}" in old(
        "images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"
    ).lines  # fmt: skip
    dangling = old("images", "-qf", "dangling=true").lines
    assert dangling == [replaced]
    assert "Deleted: sha256:" in old("rmi", *dangling).out
    assert old("images", "-qf", "dangling=true").lines == []


def test_push_pull_save_load(
    old: Cli, web: str, tag: str, old_and_new: Lab, manager: Manager, tmp_path: Path
) -> None:
    old("exec", web, "sh", "-c", "echo kept >/kept")
    old("commit", web, tag)
    old("push", tag, timeout_s=40)
    exported = old("export", web).raw
    file = tmp_path / "image.tar"
    old("save", "-o", str(file), tag)
    reset_images(old_and_new, manager.api)
    assert "No such image" in old.fails("image", "inspect", tag).err
    old("pull", tag, timeout_s=40)
    assert old("run", "--rm", tag, "cat", "/kept").out == "kept\n"
    old("tag", tag, "other:1")
    old("rmi", tag)
    reset_images(old_and_new, manager.api)
    assert f"Loaded image: {tag}" in old("load", "-i", str(file)).out
    assert tag.rpartition(":")[0] in old("images", "--format", "{{.Repository}}").lines
    assert "sleep 600" in old("history", "--no-trunc", tag).out
    assert old("import", "-", "other:2", stdin=exported).line.startswith("sha256:")


# Networks, volumes, the system


def test_networks_and_volumes(old: Cli, on: tuple[str, ...]) -> None:
    old("network", "create", "net")
    assert old("volume", "create", "other").line == "other"
    try:
        old("run", "-d", "--init", "--name", "db", "--network", "net", "-v", "data:/data", *on,
            "busybox", "sleep", "600")  # fmt: skip
        old("run", "--rm", "--network", "net", "busybox", "ping", "-c", "1", "-W", "3", "db")
        old("exec", "db", "sh", "-c", "echo kept >/data/word")
        assert old("run", "--rm", "-v", "data:/d", "busybox", "cat", "/d/word").out == "kept\n"
        old("run", "-d", "--init", "--name", "web", *on, "busybox", "sleep", "600")
        old("network", "connect", "--alias", "www", "net", "web")
        old("exec", "db", "ping", "-c", "1", "-W", "3", "www")
        old("network", "disconnect", "net", "web")
        inside = json.loads(old("network", "inspect", "net").out)[0]["Containers"]
        assert [end["Name"] for end in inside.values()] == ["db"]
        assert "net" in old("network", "ls", "--format", "{{.Name}}").lines
        assert old("volume", "ls", "-q").lines == ["data", "other"]
        assert json.loads(old("volume", "inspect", "data").out)[0]["Name"] == "data"
    finally:
        old("rm", "-f", "db", "web", check=False)
        assert old("network", "rm", "net").line == "net"
        assert old("volume", "rm", "data", "other").lines == ["data", "other"]


def test_the_system(old: Cli) -> None:
    assert "swarm/2.0.0" in old("version").out
    shown = old("info").out
    assert all(f"{node}: " in shown for node in NODES)
    assert old("system", "df", "--format", "{{.Type}}").lines == [
        "Build Cache", "Containers", "Images", "Local Volumes",
    ]  # fmt: skip
    assert "Images space usage" in old("system", "df", "-v").out
    old("run", "--name", "gone", "busybox", "true")
    assert "Total reclaimed space" in old("system", "prune", "-f", timeout_s=40).out
    assert old("ps", "-aq").lines == []


def test_errors_are_told(old: Cli, web: str) -> None:
    assert "No such container: nope" in old.fails("logs", "nope", code=1).err
    assert "Conflict" in old.fails("run", "--name", "web", "busybox", code=125).err
    assert old.fails("run", "--rm", "busybox", "/no/such").code == 127
    old("kill", web)
    assert "is not running" in old.fails("exec", web, "true", code=1).err
