"""``SERVICE_DRAIN``: agents hear of a stop before the container's process does."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from integration_tools import Api, Cli, Manager, until

from lab.cluster import Lab

MARKS = "/v1/kv/services/.drain/?keys"


@pytest.fixture
def consul(lab: Lab) -> Api:
    return Api(lab.consul.endpoint)


@pytest.fixture
def draining(docker: Cli) -> str:
    """A running container that asks for 2 s of draining; its full ID."""
    run = ("run", "-d", "--name", "web", "-e", "SERVICE_DRAIN=2s", "--init")
    return docker(*run, "busybox", "sleep", "600").line


@pytest.fixture(scope="module")
def drainer(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """A second manager, which drains for 2 s what does not say for how long."""
    uri = f"consul://{lab.consul.endpoint}/swarm"
    folder = tmp_path_factory.mktemp("drainer")
    with Manager(folder, "--drain", "2s", uri, nodes=len(lab.engines)) as manager:
        yield manager


@pytest.mark.parametrize("verb", [("stop",), ("rm", "-f"), ("restart",), ("kill",)])
def test_the_mark_stands_while_the_container_still_runs(
    docker: Cli, api: Api, consul: Api, draining: str, verb: tuple[str, ...]
) -> None:
    started = api.get(f"/containers/{draining}/json")["State"]["StartedAt"]
    with docker.start(*verb, "web") as ending:
        until(lambda: consul("GET", MARKS).status == 200, 2, "a drain mark")
        assert consul.get(MARKS) == [f"services/.drain/{draining}"]
        state = api.get(f"/containers/{draining}/json")["State"]
        assert (state["Running"], state["StartedAt"]) == (True, started)
        assert ending.wait(20) == 0
    until(lambda: consul("GET", MARKS).status == 404, 5, "no mark")


def test_a_second_stop_does_not_cut_the_first_ones_time_short(
    docker: Cli, api: Api, consul: Api, draining: str
) -> None:
    with docker.start("stop", "web") as first:
        until(lambda: consul("GET", MARKS).status == 200, 2, "a drain mark")
        with docker.start("rm", "-f", "web") as second:
            time.sleep(0.5)
            assert api.get(f"/containers/{draining}/json")["State"]["Running"]
            assert (first.wait(20), second.wait(20)) == (0, 0)
    until(lambda: consul("GET", MARKS).status == 404, 5, "no mark")


@pytest.mark.parametrize("signal", ["USR1", "10"])
def test_signals_that_end_nothing_are_passed_on_at_once(
    docker: Cli, consul: Api, draining: str, signal: str
) -> None:
    before = time.monotonic()
    docker("kill", "-s", signal, draining)
    assert time.monotonic() - before < 2
    assert consul("GET", MARKS).status == 404


def test_an_images_own_stop_signal_ends_its_container(docker: Cli, consul: Api) -> None:
    how = ("--stop-signal", "WINCH", "-e", "SERVICE_DRAIN=2s", "--init")
    container = docker("run", "-d", "--name", "web", *how, "busybox", "sleep", "600").line
    with docker.start("kill", "-s", "28", "web") as ending:
        until(lambda: consul("GET", MARKS).status == 200, 2, "a drain mark")
        assert consul.get(MARKS) == [f"services/.drain/{container}"]
        assert ending.wait(20) == 0


@pytest.mark.parametrize(
    ("options", "is_drained"),
    [
        pytest.param(("-p", "80"), True, id="published"),
        pytest.param((), False, id="not-published"),
        pytest.param(("-p", "80", "-e", "SERVICE_DRAIN=0s"), False, id="does-not-want-it"),
    ],
)
def test_a_manager_may_drain_all_that_is_published(
    docker: Cli, consul: Api, drainer: Manager, options: tuple[str, ...], is_drained: bool
) -> None:
    container = docker("run", "-d", "--init", *options, "busybox", "sleep", "600").line
    until(lambda: drainer.api("GET", f"/containers/{container}/json").status == 200, 5, "its news")
    marks: set[str] = set()
    with replace(docker, host=f"tcp://{drainer.endpoint}").start("stop", container) as ending:
        while ending.poll() is None:
            answer = consul("GET", MARKS)
            marks.update(answer.json() if answer.status == 200 else ())
            time.sleep(0.05)
        assert ending.returncode == 0
    assert marks == ({f"services/.drain/{container}"} if is_drained else set())


@pytest.mark.fault
def test_without_consul_a_stop_goes_on(docker: Cli, lab: Lab, draining: str) -> None:
    lab.consul.stop()
    try:
        docker("stop", "-t", "1", draining)
        assert docker("inspect", "-f", "{{.State.Running}}", draining).line == "false"
    finally:
        lab.consul.restart()
