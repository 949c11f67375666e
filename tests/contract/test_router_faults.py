"""What goes wrong at an edge, with real proxies that the router runs."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from discovery_consul_server import ConsulServer

from services.entry import ServiceEntry
from tests.fakes.edge import (
    Backend,
    Load,
    Registry,
    RouterProcess,
    ask,
    no_request_lost,
    until,
)
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.contract, pytest.mark.timeout(180)]

Start = Callable[..., RouterProcess]


@pytest.fixture
def registry(consul: ConsulServer) -> Registry:
    return Registry(f"127.0.0.1:{consul.ports['http']}")


@pytest.fixture
def backends() -> Iterator[list[Backend]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Backend(f"c{number}")) for number in range(2)]


@pytest.fixture(params=["haproxy", "nginx"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def start(tmp_path: Path, registry: Registry) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(
            kind: str, *entries: ServiceEntry, options: tuple[str, ...] = ()
        ) -> RouterProcess:
            registry.put(*entries)
            router = RouterProcess(tmp_path, kind, registry.uri, *options)
            stack.enter_context(router)
            router.until_up()
            return router

        yield started


def answers(port: int) -> bool:
    try:
        return ask(port, "x")[0] == 200
    except OSError:
        return False


def test_a_reload_that_is_confirmed_late_leaves_file_and_proxy_the_same(
    registry: Registry, backends: list[Backend], kind: str, start: Start
) -> None:
    one, two = backends
    router = start(kind, one.entry())
    pid = router.status()["proxy"]["pid"]
    with Load(router.port, resends=kind == "nginx") as load:
        os.kill(pid, signal.SIGSTOP)
        try:
            registry.put(two.entry("late"))
            until(lambda: router.status()["last"]["outcome"] == "reload-failed", "the failure")
            assert "did not take the file" in router.status()["last"]["reason"]
        finally:
            os.kill(pid, signal.SIGCONT)
        until(lambda: not router.status()["last"]["reason"], "the next try")
        until(lambda: router.answers("late"), "the service")
        load.more()
    assert "late-80" in router.config.read_text()
    if kind == "haproxy":
        assert f"description {router.worker().description}\n" in router.config.read_text()
    no_request_lost(load, one)


def test_a_port_that_was_taken_while_the_proxy_was_down_costs_only_its_service(
    registry: Registry, backends: list[Backend], kind: str, start: Start
) -> None:
    one, two = backends
    port = free_port()
    router = start(kind, one.entry(), two.entry("db", mode="tcp", listen=str(port)))
    until(lambda: answers(port), "the port")
    router.stop()
    with socket.create_server(("127.0.0.1", port)):
        router.start()
        until(lambda: router.answers("web"), f"the other service: {router.text()}")
        assert "somebody else has this port" in router.status()["refusals"][0]
    # And it is looked again whether it has become free.
    until(lambda: answers(port), "the port", 60)
    assert router.status()["refusals"] == []


def test_a_proxy_whose_pid_file_is_lost_is_found_by_its_socket(
    registry: Registry, backends: list[Backend], kind: str, start: Start
) -> None:
    one, two = backends
    router = start(kind, one.entry())
    pid = router.status()["proxy"]["pid"]
    router.kill()
    router.config.with_name(f"{router.config.name}.pid").unlink()
    router.start()
    registry.put(two.entry("other"))
    until(lambda: router.answers("other"), "the next change")
    assert (router.status()["proxy"]["pid"], router.status()["proxy"]["starts"]) == (pid, 0)


def test_workers_without_router_and_master_make_room_for_a_new_proxy(
    backends: list[Backend], kind: str, start: Start
) -> None:
    router = start(kind, backends[0].entry())
    pid = router.status()["proxy"]["pid"]
    router.kill()
    os.kill(pid, signal.SIGKILL)
    router.start()
    until(lambda: router.status().get("proxy", {}).get("pid") not in {None, pid}, "a new proxy")
    until(lambda: router.answers("web"), "the edge")
    group = f" {pid} {pid} "
    until(lambda: not any(group in stat for stat in _stats()), "the end of the old workers")


def _stats() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found.append(path.read_text())
        except OSError:
            continue  # it has just ended
    return found


def test_a_haproxy_that_root_starts_serves_as_somebody_else(
    backends: list[Backend], start: Start
) -> None:
    router = start("haproxy", backends[0].entry())
    # As a test of nobody's it holds anyway: then HAProxy is whoever we are.
    assert Path(f"/proc/{router.worker().pid}").stat().st_uid != 0


def test_haproxy_asks_the_page_that_a_service_names(
    registry: Registry, backends: list[Backend], start: Start
) -> None:
    well, ill = backends
    ill.ill_pages.add("/health")
    check = {"check_http": "/health"}
    router = start("haproxy", well.entry(**check), ill.entry(**check))
    until(lambda: "/health" in well.asked and "/health" in ill.asked, "the checks")
    with Load(router.port) as load:
        load.answered_by("c0")
    # The same for a server that comes later, by the socket.
    registry.remove(ill.entry(**check))
    until(lambda: router.status()["servers"] == 1, "one server")
    ill.asked.clear()
    registry.put(ill.entry(**check))
    until(lambda: "/health" in ill.asked, "the check")
    with Load(router.port) as load:
        load.answered_by("c0")
    ill.ill_pages.clear()
    with Load(router.port) as load:
        load.answered_by("c0", "c1")
    assert router.status()["applies"]["reloaded"] == 0


BROKEN = """\
global
    description {{ revision }}
    stats socket {{ paths.socket }} mode 600 level admin expose-fd listeners
defaults
    mode http
    timeout connect 2s
    timeout client 2s
    timeout server 2s
frontend http
    bind {{ edge.http_address }}
    use_backend %[src,map_ip({{ beside("networks.map", key("map", "10.0.0.1 none\\n")) }})]
    default_backend none
backend none
    http-request return status 404
"""


def test_a_part_that_haproxy_refuses_never_takes_the_place_of_the_one_before(
    consul: ConsulServer, tmp_path: Path, start: Start
) -> None:
    template = tmp_path / "own.j2"
    template.write_text(BROKEN)
    options = ("--template", f"{template}:{tmp_path / 'haproxy.cfg'}")
    router = start("haproxy", options=options)
    before = router.config.read_text()
    folder = tmp_path / "haproxy.cfg.d" / "parts"
    (part,) = folder.iterdir()
    consul.call("PUT", "/kv/services/map", "no-address none\n")
    until(lambda: router.status()["last"]["outcome"] == "check-failed", "the check")
    assert router.config.read_text() == before
    assert list(folder.iterdir()) == [part]
    consul.call("PUT", "/kv/services/map", "10.0.0.2 none\n")
    until(lambda: not router.status()["last"]["reason"], "the next change")
    assert [path.read_text() for path in folder.iterdir()] == ["10.0.0.2 none\n"]
