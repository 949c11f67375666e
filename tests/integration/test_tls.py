"""TLS: to the clients and to the engines, with certificates of our own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration_tools import Api, Cli, Manager, Terminal
from tls_tools import flags, make_certificates

from lab.cluster import Lab


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, and cert.pem and key.pem for server and client alike."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def manager(
    lab: Lab, certificates: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Manager]:
    """A manager that asks its clients for certificates; engines by their unix sockets."""
    sockets = ",".join(f"unix://{engine.socket}" for engine in lab.engines)
    options = ["--tlsverify", *flags(certificates)]
    with Manager(tmp_path_factory.mktemp("tls"), *options, f"nodes://{sockets}", nodes=3) as one:
        yield one


@pytest.fixture
def client(any_docker: Cli, manager: Manager, certificates: Path) -> Cli:
    """Each docker client, with a certificate."""
    return Cli(any_docker.program, manager.url, ("--tlsverify", *flags(certificates)))


def test_run(client: Cli) -> None:
    done = client("run", "--rm", "busybox", "sh", "-c", "echo out; exit 3", check=False)
    assert (done.out, done.code) == ("out\n", 3)


def test_half_close(client: Cli) -> None:
    script = "cat; sleep 0.5; echo late"
    done = client("run", "-i", "--rm", "busybox", "sh", "-c", script, stdin=b"in\n")
    assert done.out == "in\nlate\n"


def test_20_megabytes(client: Cli) -> None:
    data = bytes(range(256)) * 4096 * 20
    assert client("run", "-i", "--rm", "busybox", "cat", stdin=data, timeout_s=40).raw == data


def test_terminal_and_detach(client: Cli) -> None:
    with Terminal(client, "run", "-it", "--name", "web", "busybox", "sh") as terminal:
        terminal.expect("# ")
        terminal.type("echo a$((40+2))b\n")
        terminal.expect("a42b")
        terminal.type("\x10\x11")
        terminal.end(10)
    assert client("inspect", "-f", "{{.State.Running}}", "web").line == "true"


def test_without_certificate(any_docker: Cli, manager: Manager, certificates: Path) -> None:
    only_the_ca = ("--tlsverify", f"--tlscacert={certificates / 'ca.pem'}")
    stranger = Cli(any_docker.program, manager.url, only_the_ca)
    assert "certificate" in stranger.fails("ps").err.lower()
    assert Cli(any_docker.program, manager.url).fails("ps").out == ""


def test_unix_socket_stays_plain(manager: Manager) -> None:
    assert manager.unix.get("/info")["Name"]


def test_a_plain_client_takes_nobody_down(manager: Manager, client: Cli) -> None:
    with Api(manager.endpoint).connect() as sock:
        sock.sendall(b"GET /info HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(100)
    assert client("ps", "-q").out == ""
