"""Engines that die, hang and come back: noticed soon, and no trouble for the others."""

import time
from collections.abc import Iterator

import pytest
from integration_tools import Api, Cli, is_whole, message, nodes_of, until

from lab.cluster import Lab
from lab.host import Engine

pytestmark = pytest.mark.fault


@pytest.fixture
def victim(lab: Lab, api: Api) -> Iterator[Engine]:
    """The second engine, with a container on it; mended afterwards."""
    engine = lab.engines[1]
    # A process that ends when it is told to: an engine that starts again waits for it.
    script = "trap 'exit 0' TERM; while :; do sleep 0.2; done"
    api.run("lost", Env=["constraint:node==dockerhost02"], Cmd=["sh", "-c", script])
    yield engine
    if engine.first_process is None or engine.status() == "engine down":
        engine.restart()
    else:
        engine.unpause()
        engine.heal()
    until(lambda: is_whole(lab), 40, "a whole cluster")


def status(api: Api, node: str = "dockerhost02") -> str:
    """What the manager calls *node*."""
    # A host that is cut off for long can't renew its place in Consul either, and leaves.
    return nodes_of(api.get("/info")).get(node, {}).get("Status", "gone")


def seen_unhealthy_within(api: Api, seconds: float) -> float:
    """Wait until it is noticed; the seconds it took."""
    started = time.monotonic()
    while (told := status(api)) != "Unhealthy":
        assert time.monotonic() - started < seconds, f"still {told} after {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - started


def test_a_stopped_daemon_is_noticed_and_comes_back(victim: Engine, api: Api, docker: Cli) -> None:
    with docker.start("events", "--filter", "type=swarm", "--format", "{{.Action}}") as events:
        time.sleep(0.5)
        victim.crash()
        assert seen_unhealthy_within(api, 5) < 5
        assert docker("ps", "-q").out == ""
        assert docker("ps", "-a", "--format", "{{.Status}}").line == "Host Down"
        assert "refused" in nodes_of(api.get("/info"))["dockerhost02"]["Error"].lower()
        answer = api("GET", "/containers/lost/json")
        assert answer.status == 500
        assert message(answer) == "Container lost running on unhealthy node dockerhost02"
        started = time.monotonic()
        assert {api.node_of(api.run()) for _ in range(4)} == {"dockerhost01", "dockerhost03"}
        assert time.monotonic() - started < 8
        victim.restart()
        until(lambda: status(api) == "Healthy", 12, "the return")
        assert events.stdout is not None
        assert events.stdout.readline() == b"engine_disconnect\n"
        assert events.stdout.readline() == b"engine_reconnect\n"
    assert api.get("/containers/lost/json")["Name"] == "/lost"


def test_a_power_cut(victim: Engine, api: Api, docker: Cli, lab: Lab) -> None:
    """Nothing says farewell: no packet comes back any more."""
    victim.kill()
    started = time.monotonic()
    while status(api) != "Unhealthy":
        # Nobody ever waits for the dead one, from the first moment on.
        before = time.monotonic()
        node = api.node_of(api.create())
        assert node != "dockerhost02"
        assert time.monotonic() - before < 5
        assert time.monotonic() - started < 15
        api.get("/containers/json?all=1")
    assert (
        docker("ps", "-a", "--filter", "name=lost", "--format", "{{.Status}}").line == "Host Down"
    )


def test_a_hung_daemon_is_noticed(victim: Engine, api: Api, docker: Cli) -> None:
    victim.pause()
    started = time.monotonic()
    while status(api) != "Unhealthy":
        before = time.monotonic()
        assert api("GET", "/containers/json").status == 200
        assert time.monotonic() - before < 2  # a list never waits for a hung engine
        assert time.monotonic() - started < 15
        time.sleep(0.2)
    assert docker("ps", "-aq", "--filter", "name=lost").out
    victim.unpause()
    until(lambda: status(api) == "Healthy", 15, "the return")
    assert "lost" in docker("ps", "--format", "{{.Names}}").out


def test_a_create_does_not_wait_for_a_hung_daemon(victim: Engine, api: Api) -> None:
    victim.pause()
    started = time.monotonic()
    nodes = {api.node_of(api.create()) for _ in range(6)}
    assert nodes == {"dockerhost01", "dockerhost03"}
    assert time.monotonic() - started < 12
    victim.unpause()
    until(lambda: status(api) == "Healthy", 20, "the return")
    time.sleep(1)
    # What the hung daemon made late, of creates that went elsewhere, is removed again.
    direct = Api(victim.plan.endpoint)
    until(lambda: len(direct.get("/containers/json?all=1")) == 1, 5, "only the first container")


def test_a_partition_heals(victim: Engine, api: Api, docker: Cli) -> None:
    victim.partition()
    assert seen_unhealthy_within(api, 20) < 20  # TCP by itself would take 25 s
    victim.heal()
    until(lambda: status(api) == "Healthy", 15, "the return")
    assert "lost" in docker("ps", "--format", "{{.Names}}").out


def test_a_slow_network_is_no_fault(victim: Engine, api: Api, docker: Cli) -> None:
    victim.slow(0.2)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        assert status(api) == "Healthy"
        before = time.monotonic()
        docker("ps")
        time.sleep(0.3)
        assert time.monotonic() - before < 4


def test_streams_of_a_dead_engine_end(victim: Engine, docker: Cli) -> None:
    with docker.start("logs", "-f", "lost") as logs, docker.start("wait", "lost") as wait:
        time.sleep(0.5)
        victim.crash()
        logs.wait(10)
        said, _ = wait.communicate(timeout=10)
        assert said == b"137\n"  # what is known of it: see docs/DEVIATIONS.md


def test_attach_to_a_hung_engine_is_refused_once_it_is_known(
    victim: Engine, api: Api, docker: Cli
) -> None:
    victim.pause()
    started = time.monotonic()
    done = docker.fails("exec", "lost", "true", timeout_s=20)
    assert time.monotonic() - started < 16
    assert "dockerhost02" in done.err or victim.plan.address in done.err or "answer" in done.err


def test_events_during_an_absence_are_told_later(victim: Engine, api: Api, lab: Lab) -> None:
    """The stream resumes where it broke off, so a short absence loses nothing."""
    with api.connect() as sock:
        sock.sendall(b'GET /events?filters={"type":["container"]} HTTP/1.0\r\n\r\n')
        victim.partition()
        time.sleep(0.5)
        container = Api(victim.socket).create("meanwhile")
        time.sleep(0.5)
        victim.heal()
        got = b""
        sock.settimeout(20)
        while container.encode() not in got:
            got += sock.recv(65536)


def test_restarted_engine_keeps_its_containers(victim: Engine, api: Api) -> None:
    victim.restart()
    until(lambda: status(api) == "Healthy", 20, "the return")
    assert api.get("/containers/lost/json")["State"]["Status"] == "exited"
    assert api("POST", "/containers/lost/start").status == 204
