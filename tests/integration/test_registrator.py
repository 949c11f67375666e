"""Registrators beside real engines: `docker run` is seen in Consul, and so is the end."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration_tools import Api, Cli, until
from registrator_hosts import Registrar, entries, keys, published, registrars, serve

from lab.cluster import Lab


def index(lab: Lab, prefix: str) -> str:
    """Consul's index of everything below *prefix*: the same means that nothing was written."""
    return Api(lab.consul.endpoint)("GET", f"/v1/kv/{prefix}/?recurse=1").headers["x-consul-index"]


@pytest.fixture
def folder(lab: Lab, tmp_path: Path) -> Iterator[str]:
    """A prefix of the test's own."""
    yield tmp_path.name
    Api(lab.consul.endpoint)("DELETE", f"/v1/kv/{tmp_path.name}/?recurse=1")


@pytest.fixture
def all_three(lab: Lab, tmp_path: Path, folder: str) -> Iterator[list[Registrar]]:
    with registrars(lab, lab.engines, tmp_path) as found:
        yield found


@pytest.fixture
def first(lab: Lab, tmp_path: Path, folder: str) -> Iterator[Registrar]:
    """The first engine's, which compares everything each second."""
    with registrars(lab, lab.engines[:1], tmp_path, "--resync", "1s") as (one,):
        yield one


def test_what_runs_on_three_hosts_is_found_there(
    lab: Lab, docker: Cli, folder: str, all_three: list[Registrar]
) -> None:
    for number, engine in enumerate(lab.engines, 1):
        place = ("-e", f"constraint:node=={engine.name}")
        serve(docker, f"web-{number}", *place)
    expected = {
        f"busybox-80/{engine.name}:web-{number}:80": published(engine, f"web-{number}")
        for number, engine in enumerate(lab.engines, 1)
    }
    until(lambda: entries(lab, folder) == expected, 5, "three entries")
    for address in expected.values():
        assert Api(address)("GET", "/").status == 404  # httpd answers, and has no page
    docker("rm", "-f", "web-2")
    del expected["busybox-80/dockerhost02:web-2:80"]
    until(lambda: entries(lab, folder) == expected, 5, "two entries")


def test_a_container_is_withdrawn_before_it_ends(
    lab: Lab, docker_direct: Cli, folder: str, first: Registrar
) -> None:
    # As first process without a handler it does not hear SIGTERM.
    docker_direct("run", "-d", "--name", "slow", "-p", "80", "busybox", "sleep", "600")
    until(lambda: len(entries(lab, folder)) == 1, 5, "the entry")
    with docker_direct.start("stop", "-t", "4", "slow") as stopping:
        until(lambda: entries(lab, folder) == {}, 3, "the withdrawal")
        assert docker_direct("inspect", "-f", "{{.State.Running}}", "slow").line == "true"
        assert stopping.wait(20) == 0
    docker_direct("start", "slow")
    expected = {"busybox-80/dockerhost01:slow:80": published(lab.engines[0], "slow")}
    until(lambda: entries(lab, folder) == expected, 5, "the entry with its new port")


def test_a_signal_that_is_only_a_word_withdraws_nothing(
    lab: Lab, docker_direct: Cli, folder: str, first: Registrar
) -> None:
    web, later = (f"busybox-80/dockerhost01:{name}:80" for name in ("web", "later"))
    serve(docker_direct, "web")
    until(lambda: web in entries(lab, folder), 5, "the entry")
    before = keys(lab, folder)
    docker_direct("kill", "-s", "WINCH", "web")
    serve(docker_direct, "later")
    # What is written for the later event stands there after whatever the signal may have caused.
    until(lambda: later in entries(lab, folder), 5, "the next entry")
    assert keys(lab, folder)[web] == before[web]


def test_health_decides(lab: Lab, docker_direct: Cli, folder: str, first: Registrar) -> None:
    check = ("--health-cmd", "test -f /ok", "--health-interval", "500ms", "--health-retries", "1")
    serve(docker_direct, "web", *check)
    serve(docker_direct, "early", *check, "-l", "SERVICE_REGISTER=start")
    early = {"busybox-80/dockerhost01:early:80"}
    both = early | {"busybox-80/dockerhost01:web:80"}
    until(lambda: set(entries(lab, folder)) == early, 5, "the early entry alone")
    docker_direct("exec", "web", "touch", "/ok")
    until(lambda: set(entries(lab, folder)) == both, 10, "the healthy one")
    docker_direct("exec", "web", "rm", "/ok")
    until(lambda: set(entries(lab, folder)) == early, 10, "the unhealthy one's withdrawal")


def test_renamed_paused_and_restarted(
    lab: Lab, docker_direct: Cli, folder: str, first: Registrar
) -> None:
    serve(docker_direct, "web", "--init")
    until(lambda: set(entries(lab, folder)) == {"busybox-80/dockerhost01:web:80"}, 5)
    docker_direct("rename", "web", "blue")
    until(lambda: set(entries(lab, folder)) == {"busybox-80/dockerhost01:blue:80"}, 5)
    docker_direct("pause", "blue")
    until(lambda: entries(lab, folder) == {}, 5, "the withdrawal of the paused one")
    docker_direct("unpause", "blue")
    until(lambda: len(entries(lab, folder)) == 1, 5, "its return")
    docker_direct("restart", "-t", "2", "blue")
    expected = {"busybox-80/dockerhost01:blue:80": published(lab.engines[0], "blue")}
    until(lambda: entries(lab, folder) == expected, 5, "the new port")


def test_names_protocols_networks_and_the_hosts_own_network(
    lab: Lab, docker_direct: Cli, folder: str, first: Registrar
) -> None:
    docker_direct("network", "create", "back")
    try:
        ports = ("-p", "53:53/udp", "-p", f"{lab.engines[0].plan.address}:8053:53/tcp", "-p", "80")
        labels = ("-l", "SERVICE_53_NAME=dns", "-l", "SERVICE_NAME=web", "-e", "SERVICE_TAGS=a")
        serve(docker_direct, "one", *labels, port=ports)
        back = ("--network", "back", "-l", "SERVICE_NETWORK=back")
        serve(docker_direct, "two", *back, port=("--expose", "80"))
        serve(docker_direct, "three", "--network", "host", port=("--expose", "8099"))
        host = lab.engines[0].plan.address
        ip = "{{.NetworkSettings.Networks.back.IPAddress}}"
        expected = {
            "dns-53/dockerhost01:one:53": f"{host}:8053",
            "dns-53/dockerhost01:one:53:udp": f"{host}:53",
            "web-80/dockerhost01:one:80": published(lab.engines[0], "one"),
            "busybox-80/dockerhost01:two:80": docker_direct("inspect", "-f", ip, "two").line
            + ":80",
            "busybox-8099/dockerhost01:three:8099": f"{host}:8099",
        }
        until(lambda: entries(lab, folder) == expected, 5, "all five")
        docker_direct("network", "disconnect", "back", "two")
        del expected["busybox-80/dockerhost01:two:80"]
        until(lambda: "busybox-80/dockerhost01:two:80" not in entries(lab, folder), 5)
    finally:
        docker_direct("rm", "-f", "two")
        docker_direct("network", "rm", "back")


def test_comparisons_without_difference_write_nothing(
    lab: Lab, docker_direct: Cli, folder: str, first: Registrar
) -> None:
    for number in range(3):
        serve(docker_direct, f"web-{number}")
    until(lambda: len(entries(lab, folder)) == 3, 5, "three entries")
    name = 'reconciles_total{backend="kv"}'
    before, done = index(lab, folder), first.figure(name)
    until(lambda: first.figure(name) >= done + 3, 10, "three comparisons")
    assert index(lab, folder) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_of_a_registrator_changes_no_key(
    lab: Lab, docker_direct: Cli, folder: str, tmp_path: Path, number: signal.Signals
) -> None:
    with registrars(lab, lab.engines[:1], tmp_path) as (former,):
        serve(docker_direct, "web", "-l", "SERVICE_TAGS=a")
        until(lambda: len(keys(lab, folder)) == 2, 5, "the entry")
        before = keys(lab, folder)
        former.process.send_signal(number)
        assert former.process.wait(15) == (0 if number == signal.SIGTERM else -number)
    serve(docker_direct, "new")
    with registrars(lab, lab.engines[:1], tmp_path):
        new = "busybox-80/dockerhost01:new:80"
        until(lambda: new in entries(lab, folder), 5, "the new entry")
        found = keys(lab, folder)
        del found[new]
        assert found == before


def test_leave_withdraws_at_once(lab: Lab, docker_direct: Cli, folder: str, tmp_path: Path) -> None:
    with registrars(lab, lab.engines[:1], tmp_path, "--leave") as (one,):
        serve(docker_direct, "web")
        until(lambda: len(entries(lab, folder)) == 1, 5, "the entry")
        assert one.stop() == 0
    assert entries(lab, folder) == {}


def test_services_are_in_the_catalog_too(
    lab: Lab, docker_direct: Cli, folder: str, tmp_path: Path
) -> None:
    consul = Api(lab.consul.endpoint)
    with registrars(lab, lab.engines[:1], tmp_path, "--backend", "both", "--leave"):
        check = ("-l", "SERVICE_CHECK_TCP=true", "-l", "SERVICE_CHECK_INTERVAL=1s")
        serve(docker_direct, "web", *check)

        def healthy() -> list[str]:
            rows = consul.get("/v1/health/service/busybox-80?passing=1")
            return [f"{row['Service']['Address']}:{row['Service']['Port']}" for row in rows]

        until(lambda: healthy() == [published(lab.engines[0], "web")], 15, "a passing service")
        assert len(entries(lab, folder)) == 1
    assert consul.get("/v1/health/service/busybox-80") == []


def test_absurd_values_harm_no_neighbour(
    lab: Lab, docker_direct: Cli, folder: str, first: Registrar
) -> None:
    serve(docker_direct, "good")
    absurd = ["a\nserver evil 6.6.6.6:80", "../../swarm/leader", "{{ 7*7 }}", 'x"y', "n" * 100_000]
    for number, value in enumerate(absurd):
        serve(docker_direct, f"bad-{number}", "-l", f"SERVICE_NAME={value}")
    until(lambda: first.figure('refused_total{reason="name"}') == len(absurd), 10)
    assert set(entries(lab, folder)) == {"busybox-80/dockerhost01:good:80"}
    lines = [line for line in first.log.read_text().splitlines() if "level=warning" in line]
    assert sorted(line.partition("Container ")[2][:5] for line in lines) == [
        f"bad-{number}" for number in range(len(absurd))
    ]


@pytest.mark.fault
def test_a_daemon_that_hangs_for_a_while_keeps_its_entries(
    lab: Lab, docker_direct: Cli, folder: str, first: Registrar
) -> None:
    serve(docker_direct, "web")
    until(lambda: len(entries(lab, folder)) == 1, 5, "the entry")
    before = keys(lab, folder)
    engine = lab.engines[0]
    engine.pause()
    try:
        until(lambda: first.figure("engine_up") == 0, 20, "somebody to notice")
        assert keys(lab, folder) == before
    finally:
        engine.unpause()
    until(lambda: first.figure("engine_up") == 1, 15, "the engine's return")
    name = 'reconciles_total{backend="kv"}'
    done = first.figure(name)
    until(lambda: first.figure(name) >= done + 2, 10, "two comparisons")
    assert keys(lab, folder) == before


@pytest.mark.fault
def test_a_daemon_that_ends_takes_its_entries_along(
    lab: Lab, docker_direct: Cli, folder: str, first: Registrar
) -> None:
    serve(docker_direct, "web", "--restart", "always")
    until(lambda: len(entries(lab, folder)) == 1, 5, "the entry")
    engine = lab.engines[0]
    engine.stop()
    try:
        until(lambda: entries(lab, folder) == {}, 25, "the withdrawal")
        until(lambda: first.figure("engine_up") == 0, 10, "somebody to notice")
    finally:
        engine.start()
    expected = {"busybox-80/dockerhost01:web:80": published(engine, "web")}
    until(lambda: entries(lab, folder) == expected, 15, "the entry with its new port")


@pytest.mark.fault
def test_a_daemon_that_stays_away_has_no_entries(
    lab: Lab, docker_direct: Cli, folder: str, first: Registrar
) -> None:
    serve(docker_direct, "web")
    until(lambda: len(entries(lab, folder)) == 1, 5, "the entry")
    engine = lab.engines[0]
    engine.crash()
    try:
        until(lambda: first.figure("engine_up") == 0, 10, "the loss")
        assert len(entries(lab, folder)) == 1
        until(lambda: entries(lab, folder) == {}, 40, "the withdrawal")
    finally:
        engine.start()
