"""docker-py over TLS, with certificates of our own, streams and sockets included."""

import socket
from collections.abc import Iterator
from pathlib import Path

import docker as docker_py
import pytest
from docker import DockerClient
from docker.errors import DockerException
from docker.tls import TLSConfig
from docker_py_tools import connect, run, sleeper
from integration_tools import Manager
from tls_tools import flags, make_certificates

from lab.cluster import Lab


@pytest.fixture(autouse=True)
def _only_our_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # requests prefers them to its client's
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, and a certificate for server and client alike."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def manager(
    lab: Lab, certificates: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Manager]:
    """A manager that asks its clients for certificates."""
    options = ["--tlsverify", *flags(certificates)]
    sockets = ",".join(f"unix://{engine.socket}" for engine in lab.engines)
    with Manager(tmp_path_factory.mktemp("tls"), *options, f"nodes://{sockets}", nodes=3) as one:
        yield one


@pytest.fixture
def secure(manager: Manager, certificates: Path) -> Iterator[DockerClient]:
    """The library with a certificate."""
    with connect(manager.url, tls=tls(certificates, with_client=True)) as client:
        yield client


def tls(folder: Path, *, with_client: bool) -> TLSConfig:
    """Trust in the authority, and the client's certificate if wanted."""
    pair = (str(folder / "cert.pem"), str(folder / "key.pem")) if with_client else None
    return TLSConfig(ca_cert=str(folder / "ca.pem"), client_cert=pair, verify=True)


def test_run_exec_and_logs(secure: DockerClient) -> None:
    assert secure.api.base_url.startswith("https://")
    assert run(secure, ["echo", "hi"]) == "hi\n"
    container = sleeper(secure)
    assert container.exec_run("echo hi").output == b"hi\n"
    _, pieces = container.exec_run("seq 3", stream=True)
    assert b"".join(pieces) == b"1\n2\n3\n"
    container.kill()
    assert list(container.logs(stream=True, follow=True)) == []


def test_a_terminal(secure: DockerClient) -> None:
    container = secure.containers.create("busybox", ["cat"], stdin_open=True, tty=True)
    sock = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    sock.sendall(b"typed\n")
    text = b""
    while text.count(b"typed\r\n") < 2:
        text += sock.recv(100)
    sock.shutdown(socket.SHUT_RDWR)
    sock.close()
    container.reload()
    assert container.status == "running"


def test_without_a_certificate(manager: Manager, certificates: Path) -> None:
    with pytest.raises(DockerException, match=r"certificate required|Connection.*(aborted|reset)"):
        DockerClient(base_url=manager.url, tls=tls(certificates, with_client=False))


def test_an_authority_that_nobody_knows(manager: Manager, certificates: Path) -> None:
    pair = (str(certificates / "cert.pem"), str(certificates / "key.pem"))
    with pytest.raises(DockerException, match="CERTIFICATE_VERIFY_FAILED"):
        DockerClient(base_url=manager.url, tls=TLSConfig(client_cert=pair, verify=True))


def test_the_environment_says_how(manager: Manager, certificates: Path) -> None:
    where = {
        "DOCKER_HOST": manager.url,
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(certificates),
    }
    client = docker_py.from_env(environment=where)
    assert client.ping() is True
    client.close()
