"""``swarm health`` against real sockets, as a container's health check calls it."""

import http.server
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from swarm.main import main

pytestmark = pytest.mark.contract


class Part(http.server.BaseHTTPRequestHandler):
    """Answers /well with 200, and the rest with 503."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        is_well = self.path in {"/well", "/_ping"}
        body = b"ok\n" if is_well else b"the proxy does not run\n"
        self.send_response(200 if is_well else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "somebody"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@pytest.fixture
def serving() -> Iterator[Callable[[socketserver.BaseServer], None]]:
    """Starts servers and ends them."""
    servers: list[socketserver.BaseServer] = []

    def start(server: socketserver.BaseServer) -> None:
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def place(serving: Callable[[socketserver.BaseServer], None]) -> str:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Part)
    serving(server)
    return f"http://127.0.0.1:{server.server_port}"


def test_the_exit_code_is_what_the_part_says(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("health", f"{place}/well"), {}) == 0
    assert main(("health",), {"SWARM_HEALTH": f"{place}/ill"}) == 1
    assert capsys.readouterr().out == "ok\nthe proxy does not run\n"


def test_a_managers_unix_socket_is_asked_for_its_ping(
    serving: Callable[[socketserver.BaseServer], None], tmp_path: Path
) -> None:
    serving(UnixServer(str(tmp_path / "manager.sock"), Part))
    Part.asked.clear()
    assert main(("health", f"unix://{tmp_path}/manager.sock"), {}) == 0
    assert Part.asked == ["/_ping"]


def test_proxies_of_the_environment_are_not_asked(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert main(("health", f"{place}/well"), {}) == 0


def test_silence_is_no_health(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        where = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        assert main(("health", "--timeout", "200ms", where), {}) == 1
    assert main(("health", where), {}) == 1
    silent, closed = capsys.readouterr().out.splitlines()
    assert silent == f"{where} does not answer: timed out"
    assert closed.startswith(f"{where} does not answer: ")
