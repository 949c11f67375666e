"""TLS on both sides: half-close, bulk, strangers; certificates made here by openssl."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.tls import TlsFiles, client_context, server_context
from tests.fakes.client import Client, until
from tests.fakes.engine import Call, FakeEngine
from tests.fakes.manager import RunningManager, running_engines, running_manager

pytestmark = pytest.mark.contract

ID = "c0ffee" + "0" * 58
MB = 1 << 20
UPGRADE = ("Connection: Upgrade", "Upgrade: tcp")


@dataclass
class Lane:
    manager: RunningManager
    engine: FakeEngine
    context: ssl.SSLContext
    files: TlsFiles

    def connect(self, **options: int) -> Client:
        return self.manager.connect(tls=self.context, **options)


def openssl(folder: Path, *args: str) -> None:
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    folder = tmp_path_factory.mktemp("certificates")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        folder,
        *("req", "-x509", *new, "-keyout", "ca-key.pem", "-out", "ca.pem"),
        *("-days", "2", "-subj", "/CN=test authority"),
    )
    openssl(folder, "req", *new, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=test")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl(
        folder,
        *("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem"),
        *("-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "cert.pem"),
    )
    cert, key, ca = (str(folder / name) for name in ("cert.pem", "key.pem", "ca.pem"))
    return TlsFiles(cert=cert, key=key, ca=ca, verify=True)


@pytest.fixture(scope="module", params=["1.2", "1.3"])
def lane(files: TlsFiles, request: pytest.FixtureRequest) -> Iterator[Lane]:
    newest = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[request.param]
    served, dialled = server_context(files), client_context(files)
    served.maximum_version = dialled.maximum_version = newest
    engine = FakeEngine(tls=served)
    engine.add_container(ID, "web")
    with running_engines(engine), running_manager(engine, tls=files) as manager:
        yield Lane(manager, engine, dialled, files)


@pytest.fixture
def client(lane: Lane) -> Iterator[Client]:
    lane.engine.forget_scripts()
    with lane.connect() as client:
        yield client


def attach(client: Client) -> None:
    client.request("POST", "/containers/web/attach?stream=1", b"", *UPGRADE)
    assert client.head()[0] == 101


def test_both_lanes_answer(client: Client) -> None:
    for _ in range(3):
        assert client.ask("GET", "/_ping").body == b"OK"
        assert client.ask("GET", "/containers/web/json").json()["Id"] == ID


@pytest.mark.parametrize(
    "target", ["/_ping", "/info", "/containers/web/json", "/containers/web/top"]
)
def test_a_request_before_the_clients_close_notify_is_answered(
    client: Client, lane: Lane, target: str
) -> None:
    async def processes(call: Call) -> None:
        await asyncio.sleep(0.1)
        await call.json({"Processes": []})

    lane.engine.on("GET /containers/web/top", processes)
    client.request("GET", target)
    client.half_close()
    answer = client.answer()
    assert answer.status == 200
    assert answer.whole


def test_the_engine_hears_of_the_clients_close_notify(client: Client, lane: Lane) -> None:
    async def follow(call: Call) -> None:
        await call.chunked([b"log\n"], end=False)
        assert await call.reader.read() == b""
        await call.send(b"0\r\n\r\n")

    lane.engine.on("GET /containers/web/logs.*", follow)
    client.request("GET", "/containers/web/logs?follow=1")
    client.half_close()
    answer = client.answer()
    assert (answer.body, answer.whole) == (b"log\n", True)


def test_output_after_the_clients_close_notify_arrives(client: Client, lane: Lane) -> None:
    async def count(call: Call) -> None:
        await call.upgrade()
        total = 0
        while data := await call.reader.read(65536):
            total += len(data)
        await call.send(b"%d bytes" % total)

    lane.engine.on("POST /containers/web/attach.*", count)
    attach(client)
    client.send(b"x" * 100_000)
    client.half_close()
    assert client.rest() == b"100000 bytes"


def test_a_close_notify_in_the_middle_of_bulk_output_loses_nothing(
    client: Client, lane: Lane
) -> None:
    piece = os.urandom(MB)

    async def bulk(call: Call) -> None:
        await call.upgrade()
        for _ in range(30):
            await call.send(piece)
        assert await call.reader.read() == b"input"
        await call.send(b"end")

    lane.engine.on("POST /containers/web/attach.*", bulk)
    attach(client)
    first = client.exactly(3 * MB)
    client.send(b"input")
    client.half_close()
    assert first + client.rest() == piece * 30 + b"end"


def test_bulk_both_ways_arrives_as_it_was(client: Client) -> None:
    attach(client)
    piece = os.urandom(64 * 1024)
    rounds = 200
    sent, received = hashlib.sha256(), hashlib.sha256()
    # One thread: OpenSSL's object is not for two. A window keeps both directions busy.
    window = 8
    for number in range(rounds + window):
        if number < rounds:
            client.send(piece)
            sent.update(piece)
        if number >= window:
            received.update(client.exactly(len(piece)))
    client.half_close()
    assert client.rest() == b""
    assert received.digest() == sent.digest()


def test_uploads_and_downloads_keep_their_bytes(client: Client, lane: Lane) -> None:
    body = os.urandom(8 * MB)

    async def mirror(call: Call) -> None:
        await call.answer(200, await call.read_body(), "application/x-tar")

    lane.engine.on("PUT /containers/web/archive.*", mirror)
    assert client.ask("PUT", "/containers/web/archive?path=/", body).body == body


def test_a_slow_tls_client_holds_the_engine_back(lane: Lane) -> None:
    lane.engine.forget_scripts()
    sent = 0

    async def endless(call: Call) -> None:
        nonlocal sent
        await call.upgrade()
        while True:
            await call.send(b"x" * 65536)
            sent += 65536

    lane.engine.on("POST /containers/web/attach.*", endless)
    with lane.connect(receive_buffer=4096) as client:
        attach(client)
        time.sleep(0.5)
        assert 0 < sent < 40 * MB


def test_a_client_without_certificate_is_turned_away(lane: Lane) -> None:
    stranger = ssl.create_default_context(cafile=lane.files.ca)

    def ask() -> None:
        with lane.manager.connect(tls=stranger) as client:
            assert client.ask("GET", "/_ping").status == 200

    with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
        ask()


def test_plain_http_at_a_tls_listener_ends_and_leaves_nothing(lane: Lane) -> None:
    connections = lane.manager.runtime
    with lane.manager.connect() as client:
        client.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" not in client.rest()
    state = connections.server.server_state
    until(lambda: not lane.manager.thread.call(lambda: state.connections), "no connection left")


def test_clients_that_die_in_the_handshake_or_later_leave_nothing(lane: Lane) -> None:
    lane.engine.forget_scripts()
    manager = lane.manager
    tasks = manager.thread.task_count()
    for number in range(40):
        if number % 2:
            client = lane.connect()
            attach(client)
        else:
            client = Client(manager.address)
            client.send(b"\x16\x03\x01\x02\x00")
        client.kill()
    state = manager.runtime.server.server_state
    until(lambda: not manager.thread.call(lambda: state.connections), "no connection left")
    until(lambda: manager.thread.task_count() <= tasks, "no task left")


def test_an_engine_that_is_not_signed_is_not_used(files: TlsFiles, tmp_path: Path) -> None:
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        tmp_path,
        *("req", "-x509", *new, "-keyout", "key.pem", "-out", "cert.pem"),
        *("-days", "2", "-subj", "/CN=localhost"),
    )
    forged = TlsFiles(cert=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem"))
    engine = FakeEngine(tls=server_context(forged))
    with running_engines(engine), running_manager(engine, tls=files, healthy=False) as manager:
        state = manager.fleet.state
        until(lambda: state.engine(engine.address) is not None, "tried")
        until(lambda: "certificate" in state.engine(engine.address).error.lower(), "refused")
        assert not state.engine(engine.address).is_healthy


def test_an_engine_that_refuses_our_certificate_says_why(files: TlsFiles, tmp_path: Path) -> None:
    """By TLS 1.3 it does so when the handshake is over, on our side."""
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        tmp_path,
        *("req", "-x509", *new, "-keyout", "key.pem", "-out", "cert.pem"),
        *("-days", "2", "-subj", "/CN=somebody"),
    )
    theirs = TlsFiles(ca=str(tmp_path / "cert.pem"), cert=files.cert, key=files.key, verify=True)
    engine = FakeEngine(tls=server_context(theirs))
    with running_engines(engine), running_manager(engine, tls=files, healthy=False) as manager:
        state = manager.fleet.state
        until(lambda: state.engine(engine.address) is not None, "tried")
        until(lambda: "alert" in state.engine(engine.address).error.lower(), "its alert")


def test_a_unix_listener_stays_plain_beside_tls(files: TlsFiles, tmp_path: Path) -> None:
    engine = FakeEngine(tls=server_context(files))
    path = str(tmp_path / "swarm.sock")
    with (
        running_engines(engine),
        running_manager(engine, tls=files, unix_path=path) as manager,
        manager.connect() as client,
    ):
        assert client.sock.family == socket.AF_UNIX
        assert client.ask("GET", "/_ping").status == 200
