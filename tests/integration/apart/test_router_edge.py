"""The router with a real HAProxy and a real Nginx over simple backends, and a real Consul."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from services.entry import ServiceEntry
from tests.contract.discovery_consul_server import ConsulServer
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

pytestmark = pytest.mark.timeout(120)

KINDS = ["haproxy", "nginx"]


@pytest.fixture(scope="module")
def consul(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulServer]:
    server = ConsulServer(tmp_path_factory.mktemp("consul"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def registry(consul: ConsulServer) -> Registry:
    consul.call("DELETE", "/kv/services/?recurse=1")
    return Registry(f"127.0.0.1:{consul.ports['http']}")


@pytest.fixture
def backends() -> Iterator[list[Backend]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Backend(f"c{number}")) for number in range(3)]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def started(
    folder: Path,
    kind: str,
    registry: Registry,
    *entries: ServiceEntry,
    options: tuple[str, ...] = (),
) -> RouterProcess:
    registry.put(*entries)
    router = RouterProcess(folder, kind, registry.uri, *options)
    router.until_up()
    return router


def load_of(router: RouterProcess) -> Load:
    # Nginx 1.22 closes idle client connections at a reload, HAProxy tells them to close.
    return Load(router.port, resends=router.kind == "nginx")


def test_a_service_is_reached_by_its_name(
    tmp_path: Path, kind: str, registry: Registry, backends: list[Backend]
) -> None:
    entries = [backend.entry("deepthought") for backend in backends]
    with started(tmp_path, kind, registry, *entries, options=("--domain", "example.org")) as router:
        names = ("deepthought", "DeepThought:80", "deepthought-80", "deepthought.example.org")
        for name in names:
            assert ask(router.port, name)[0] == 200
        answers = {ask(router.port, "deepthought")[1] for _ in range(30)}
        assert {answer.split()[0] for answer in answers} == {"c0", "c1", "c2"}
        assert ask(router.port, "deep") == (404, "no such service\n")
        assert ask(router.port, "deepthought.elsewhere.org")[0] == 404


def test_paths_are_told_apart_by_whole_segments(
    tmp_path: Path, kind: str, registry: Registry, backends: list[Backend]
) -> None:
    api, web, only = backends
    entries = (
        api.entry("api", vhost="x.org", path="/api"),
        web.entry("web", vhost="x.org"),
        only.entry("only", vhost="y.org", path="/a/b/"),
    )
    with started(tmp_path, kind, registry, *entries) as router:
        assert ask(router.port, "x.org", "/api") == (200, "c0 /api")
        assert ask(router.port, "x.org", "/api/v1?q=1") == (200, "c0 /api/v1?q=1")
        assert ask(router.port, "x.org", "/apis") == (200, "c1 /apis")
        assert ask(router.port, "x.org", "/") == (200, "c1 /")
        assert ask(router.port, "y.org", "/a/b/c") == (200, "c2 /a/b/c")
        assert ask(router.port, "y.org", "/a") == (404, "no such service\n")


def test_a_tcp_service_has_a_port_of_the_edge(
    tmp_path: Path, kind: str, registry: Registry, backends: list[Backend]
) -> None:
    port = free_port()
    entry = backends[0].entry("db", mode="tcp", listen=str(port))
    with started(tmp_path, kind, registry, entry):
        until(lambda: _answers(port), "the port")
        assert ask(port, "whatever") == (200, "c0 /")


def _answers(port: int) -> bool:
    try:
        return ask(port, "x")[0] == 200
    except OSError:
        return False


def test_no_request_is_lost_while_servers_come_and_go(
    tmp_path: Path, kind: str, registry: Registry, backends: list[Backend]
) -> None:
    one, two, three = backends
    with (
        started(tmp_path, kind, registry, one.entry()) as router,
        load_of(router) as load,
        Backend("c3") as four,
    ):
        load.answered_by("c0")
        for _ in range(3):
            registry.put(two.entry(), three.entry())
            load.answered_by("c0", "c1", "c2")
            registry.remove(one.entry())
            load.answered_by("c1", "c2")
            registry.put(one.entry(), four.entry())
            load.answered_by("c0", "c1", "c2", "c3")
            registry.remove(two.entry())
            registry.remove(three.entry())
            registry.remove(four.entry())
            load.answered_by("c0")
    no_request_lost(load, one, two, three, four)


def test_no_request_is_lost_while_other_services_come_and_go(
    tmp_path: Path, kind: str, registry: Registry, backends: list[Backend]
) -> None:
    one, two, _ = backends
    with started(tmp_path, kind, registry, one.entry()) as router, load_of(router) as load:
        for number in range(4):
            registry.put(two.entry(f"other{number}"))
            until(lambda name=f"other{number}": router.answers(name), "the service")
            load.more()
        # It counts a reload when the proxy has confirmed it: a moment after the first answer.
        until(lambda: router.status()["applies"]["reloaded"] >= 4, "the count of reloads")
    no_request_lost(load, one, two)


def test_a_server_that_is_gone_before_the_router_knows_costs_no_request(
    tmp_path: Path, kind: str, registry: Registry, backends: list[Backend]
) -> None:
    one, two, _ = backends
    gone = Backend("gone")
    entries = (one.entry(), two.entry(), gone.entry())
    with started(tmp_path, kind, registry, *entries) as router:
        # Each request on a connection of its own: none is on its way when the server stops.
        with Load(router.port, keeps_alive=False, methods=["GET"]) as load:
            load.answered_by("c0", "c1", "gone")
        gone.stop()
        with load_of(router) as load:
            load.answered_by("c0", "c1")
            load.more(100)
    no_request_lost(load, one, two, gone)


def test_changed_servers_cost_haproxy_no_reload(
    tmp_path: Path, registry: Registry, backends: list[Backend]
) -> None:
    one, two, three = backends
    with started(tmp_path, "haproxy", registry, one.entry()) as router:
        before = router.worker()
        registry.put(two.entry(weight="5"), three.entry(backup="true"))
        until(lambda: router.status()["servers"] == 3, "the servers")
        with Load(router.port) as load:
            load.answered_by("c0", "c1")
        registry.remove(one.entry())
        until(lambda: router.status()["servers"] == 2, "the end of one")
        registry.put(two.entry(weight="7"))
        until(lambda: "weight 7" in router.config.read_text(), "the weight")
        with Load(router.port) as load:
            load.answered_by("c1")
        moved = ServiceEntry("web", "host1", "c1", 80, "127.0.0.1", one.port)
        registry.put(moved)
        # Who was there before keeps its connection to the server of before, as long as that lives.
        until(lambda: router.status()["applies"]["adjusted"] == 4, "the change")
        with Load(router.port) as load:
            load.answered_by("c0")
        assert router.worker() == before
        status = router.status()
        assert status["applies"]["reloaded"] == 0
        assert status["applies"]["adjusted"] == 4
        assert moved.address in router.config.read_text()


def test_what_the_runtime_api_made_is_what_a_restart_makes(
    tmp_path: Path, registry: Registry, backends: list[Backend]
) -> None:
    with started(tmp_path, "haproxy", registry, backends[0].entry()) as router:
        registry.put(backends[1].entry())
        until(lambda: router.status()["applies"]["adjusted"] == 1, "the change")
        pid = router.status()["proxy"]["pid"]
        os.kill(pid, signal.SIGKILL)
        until(lambda: router.status()["proxy"]["pid"] not in {None, pid}, "the restart")
        router.until_up()
        with Load(router.port) as load:
            load.answered_by("c0", "c1")
        assert router.status()["proxy"]["starts"] == 2


def test_a_proxy_that_dies_is_started_again(
    tmp_path: Path, kind: str, registry: Registry, backends: list[Backend]
) -> None:
    with started(tmp_path, kind, registry, backends[0].entry()) as router:
        pid = router.status()["proxy"]["pid"]
        os.kill(pid, signal.SIGKILL)
        until(lambda: router.status()["proxy"]["pid"] not in {None, pid}, "the restart")
        until(lambda: router.answers("web"), "the edge")
        registry.put(backends[1].entry("other"))
        until(lambda: router.answers("other"), "the next change")
        assert "The proxy ended (exit code -9)" in router.text()


def test_a_service_whose_last_server_goes_answers_503_and_comes_back_by_itself(
    tmp_path: Path, kind: str, registry: Registry, backends: list[Backend]
) -> None:
    with started(tmp_path, kind, registry, backends[0].entry()) as router:
        assert router.answers("web")
        registry.remove(backends[0].entry())
        until(lambda: router.answers("web", 503), "503")
        until(lambda: router.status()["empty"] == ["web-80"], "its place in the status")
        registry.put(backends[1].entry())
        until(lambda: router.answers("web"), "the way back")
        assert kind == "nginx" or router.status()["applies"]["reloaded"] == 0


def test_a_wiped_catalogue_loses_no_request(
    tmp_path: Path, kind: str, registry: Registry, backends: list[Backend]
) -> None:
    entries = [backend.entry() for backend in backends]
    with started(tmp_path, kind, registry, *entries) as router, load_of(router) as load:
        load.answered_by("c0", "c1", "c2")
        registry.wipe()
        until(lambda: router.status()["held"] == ["web-80"], "the hold")
        load.answered_by("c0", "c1", "c2")
        registry.put(*entries)
        until(lambda: router.status()["held"] == [], "the end of the hold")
        load.more()
    no_request_lost(load, *backends)


def test_a_port_that_somebody_has_costs_only_the_service_that_wants_it(
    tmp_path: Path, kind: str, registry: Registry, backends: list[Backend]
) -> None:
    one, two, three = backends
    with started(tmp_path, kind, registry, one.entry()) as router:
        registry.put(two.entry("thief", mode="tcp", listen=str(three.port)))
        until(lambda: router.status()["refusals"], "the refusal")
        assert "somebody else has this port" in router.status()["refusals"][0]
        registry.put(two.entry("other"))
        until(lambda: router.answers("other"), "other services")
        assert router.answers("web")


def test_a_killed_router_leaves_its_proxy_and_the_next_one_adopts_it(
    tmp_path: Path, kind: str, registry: Registry, backends: list[Backend]
) -> None:
    one, two, three = backends
    with started(tmp_path, kind, registry, one.entry(), two.entry()) as router:
        pid = router.status()["proxy"]["pid"]
        with load_of(router) as load:
            load.answered_by("c0", "c1")
            router.kill()
            load.more()
            registry.put(three.entry())
            router.start()
            load.answered_by("c0", "c1", "c2")
            status = until(router.status, "the status")
            assert (status["proxy"]["pid"], status["proxy"]["starts"]) == (pid, 0)
        no_request_lost(load, one, two, three)


def test_a_router_that_cannot_reach_consul_serves_the_file_of_before(
    tmp_path: Path, kind: str, backends: list[Backend]
) -> None:
    server = ConsulServer(tmp_path / "consul")
    server.start()
    registry = Registry(f"127.0.0.1:{server.ports['http']}")
    try:
        with started(tmp_path, kind, registry, backends[0].entry()) as router:
            until(lambda: router.answers("web"), "the edge")
            server.stop()
            until(lambda: not router.status()["consul"]["answers"], "the failure")
            assert router.answers("web")
            router.stop()
            router.start()
            until(lambda: router.answers("web"), "the edge, again")
            assert not router.status()["consul"]["answers"]
            server.start()
            registry.put(backends[1].entry("other"))
            until(lambda: router.answers("other"), "later changes")
    finally:
        server.stop()


def test_a_router_that_is_stopped_just_after_its_start_ends_soon(
    tmp_path: Path, kind: str, registry: Registry, backends: list[Backend]
) -> None:
    """HAProxy hears nothing for a moment: without a second signal it ran on for all of --drain."""
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        with started(folder, kind, registry, backends[0].entry()) as router:
            before = time.monotonic()
            router.tell_to_stop()
            assert router.stop() == 0
            assert time.monotonic() - before < 10


def test_a_stopped_router_lets_requests_in_progress_end(
    tmp_path: Path, kind: str, registry: Registry, backends: list[Backend]
) -> None:
    with started(tmp_path, kind, registry, backends[0].entry()) as router:
        pid = router.status()["proxy"]["pid"]
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(ask, router.port, "web", "/slow")
            assert backends[0].is_asked.wait(10)
            router.tell_to_stop()
            until(lambda: not router.answers("nobody", 404), "the end of new requests")
            backends[0].may_answer.set()
            assert slow.result() == (200, "c0 /slow")
        assert router.stop() == 0
        assert not Path(f"/proc/{pid}").exists()
        assert not router.config.with_name(f"{router.config.name}.pid").exists()
