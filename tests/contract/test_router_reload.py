"""With `--reload` somebody else runs the proxy: real ones, which the test has started."""

import http.client
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from discovery_consul_server import ConsulServer

from lab.http import call
from lab.install import find
from services.entry import ServiceEntry
from tests.fakes.edge import Backend, Load, Registry, RouterProcess, ask, no_request_lost, until

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]


class Edge:
    """A proxy of somebody else's, and a router that keeps it."""

    def __init__(self, folder: Path, kind: str, registry: Registry) -> None:
        self.registry = registry
        self.kind = kind
        self._stack = ExitStack()
        self._folder = folder
        self._failed_before = 0

    def start(self, *entries: ServiceEntry) -> None:
        """Write the first file, run the proxy with it, then the router."""
        self.registry.put(*entries)
        # It takes its ports when it is made, and tells them.
        self.router = RouterProcess(
            self._folder, self.kind, self.registry.uri, "--reload", f"sh {self._folder}/reload"
        )
        self._stack.callback(self.router.stop)
        until(self.router.config.exists, f"the first file: {self.router.text()}")
        self._stack.enter_context(self._proxy())
        # The first reload had nobody to tell.
        until(lambda: not self.router.status()["last"]["reason"], "the second one")
        self._failed_before = self.failed_reloads()

    @contextmanager
    def _proxy(self) -> Iterator[None]:
        programs = find()
        config = str(self.router.config)
        # Its pid file is not the router's to choose: a package's unit looks for it where it was.
        directives = f"daemon off; pid {self._folder}/nginx.pid;"
        argv, number = {
            "haproxy": ([str(programs.haproxy), "-W", "-db", "-f", config], "USR2"),
            "nginx": ([str(programs.nginx), "-c", config, "-g", directives], "HUP"),
        }[self.kind]
        with (self._folder / "proxy.log").open("ab") as log:
            self.proxy = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        try:
            # A signal would end a proxy that is only starting.
            self.router.until_up()
            (self._folder / "reload").write_text(f"kill -{number} {self.proxy.pid}\n")
            yield
        finally:
            os.killpg(self.proxy.pid, signal.SIGTERM)
            self.proxy.wait(10)

    def failed_reloads(self) -> int:
        """How many since everything runs."""
        return int(self.router.status()["applies"]["reload-failed"]) - self._failed_before

    def load(self) -> Load:
        return Load(self.router.port, resends=self.kind == "nginx")

    def __enter__(self) -> "Edge":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


@pytest.fixture(params=["haproxy", "nginx"])
def edge(request: pytest.FixtureRequest, consul: ConsulServer, tmp_path: Path) -> Iterator[Edge]:
    registry = Registry(f"127.0.0.1:{consul.ports['http']}")
    with Edge(tmp_path, str(request.param), registry) as found:
        yield found


@pytest.fixture
def backends() -> Iterator[list[Backend]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Backend(f"c{number}")) for number in range(3)]


def test_services_and_servers_come_and_go_and_no_request_is_lost(
    edge: Edge, backends: list[Backend]
) -> None:
    one, two, three = backends
    edge.start(one.entry())
    with edge.load() as load:
        load.answered_by("c0")
        for number in range(3):
            edge.registry.put(two.entry(), three.entry(f"other{number}"))
            load.answered_by("c0", "c1")
            until(lambda name=f"other{number}": edge.router.answers(name), "the other service")
            edge.registry.remove(two.entry())
            load.answered_by("c0")
    no_request_lost(load, one, two)
    status = edge.router.status()
    assert edge.failed_reloads() == 0
    assert status["applies"]["reloaded"] >= 3
    assert (status["proxy"]["supervised"], status["proxy"]["pid"]) == (False, None)


def test_servers_that_end_without_a_word_cost_no_request(edge: Edge) -> None:
    with ExitStack() as stack:
        backends = [Backend(f"c{number}") for number in range(6)]
        stack.enter_context(backends[5])
        edge.start(*(backend.entry() for backend in backends))
        for backend in backends[:5]:
            backend.stop()
        place = f"127.0.0.1:{edge.router.port}"
        answers = [call("POST", place, "/", b"%d" % n, {"Host": "web"}) for n in range(12)]
    assert [answer.body for answer in answers] == [b"c5 %d" % n for n in range(12)]


@pytest.mark.parametrize("whose", ["somebody's", "a backend's"])
def test_a_port_that_somebody_has_costs_only_the_service_that_wants_it(
    edge: Edge, backends: list[Backend], whose: str
) -> None:
    one, two, three = backends
    edge.start(one.entry())
    # A backend's address stands in the proxy's file, too.
    wanted = one.port if whose == "a backend's" else three.port
    edge.registry.put(two.entry("thief", mode="tcp", listen=str(wanted)))
    until(lambda: edge.router.status()["refusals"], "the refusal")
    assert "somebody else has this port of the edge" in edge.router.status()["refusals"][0]
    assert "SERVICE_LISTEN" in edge.router.text()
    assert 'refused_values{attribute="SERVICE_LISTEN"} 1' in edge.router.metrics()
    edge.registry.put(two.entry("other"))
    until(lambda: edge.router.answers("other"), "other services")
    assert edge.router.answers("web")
    assert edge.failed_reloads() == 0


def test_a_tcp_service_that_is_served_is_not_taken_for_somebody_else(
    edge: Edge, backends: list[Backend]
) -> None:
    one, two, _ = backends
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    edge.start(one.entry())
    edge.registry.put(two.entry("db", mode="tcp", listen=str(port)))
    until(lambda: _answers(port), "the port")
    edge.registry.put(two.entry("other"))
    until(lambda: edge.router.answers("other"), "the next change")
    assert edge.router.status()["refusals"] == []
    assert ask(port, "whatever") == (200, "c1 /")


def _answers(port: int) -> bool:
    try:
        return ask(port, "x")[0] == 200
    except OSError:
        return False


def test_a_connection_that_a_client_keeps_over_a_reload_costs_no_request(
    edge: Edge, backends: list[Backend]
) -> None:
    one, two, _ = backends
    edge.start(one.entry())
    client = http.client.HTTPConnection("127.0.0.1", edge.router.port, timeout=10)
    assert _posted(client, "first") == "keep"
    edge.registry.put(two.entry("other"))
    until(lambda: edge.router.answers("other"), "the reload")
    if edge.kind == "haproxy":
        # It is served once more, and told that this was the last time.
        assert _posted(client, "second") == "close"
    else:
        # Nginx has closed it: nothing that is sent now is read, let alone passed on.
        until(lambda: _is_closed(client), "the end of the old worker")
        with pytest.raises(ConnectionError):
            _posted(client, "second")
        assert one.posts == ["first"]
        client.close()
        assert _posted(client, "second") == "keep"
    assert one.posts == ["first", "second"]
    client.close()


def _posted(client: http.client.HTTPConnection, body: str) -> str:
    """POST *body*; what the answer says of the connection."""
    client.request("POST", "/x", body, {"Host": "web"})
    answer = client.getresponse()
    assert (answer.status, answer.read()) == (200, f"c0 {body}".encode())
    return "close" if answer.will_close else "keep"


def _is_closed(client: http.client.HTTPConnection) -> bool:
    try:
        return client.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False


def test_a_reload_that_told_nobody_is_a_failure_as_haproxy_s_socket_says(
    consul: ConsulServer, tmp_path: Path, backends: list[Backend]
) -> None:
    one, two, _ = backends
    with Edge(tmp_path, "haproxy", Registry(f"127.0.0.1:{consul.ports['http']}")) as edge:
        edge.start(one.entry())
        before = edge.router.config.read_text()
        script = tmp_path / "reload"
        good = script.read_text()
        script.write_text("true\n")
        edge.registry.put(two.entry("other"))
        until(edge.failed_reloads, "the failure")
        assert edge.router.config.read_text() == before
        script.write_text(good)
        until(lambda: edge.router.answers("other"), "the next try")
        assert "backend other-80" in edge.router.config.read_text()
