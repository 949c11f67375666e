"""A Docker daemon made of a socket, a small state and scripts.

Out of the box it answers what a manager asks to accept it, and a few calls about its containers.
`on` replaces the answer to a request by a script, which may do anything to the connection: answer
in pieces, hang, cut it, switch protocols. It parses HTTP by its own few lines on purpose: it must
not share mistakes with what it tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from common.tlslayer import TlsLayer

NEWEST = "1.43"
WEB_ID = "c0ffee" + "0" * 58
"""The container called ``web``, where a test needs one."""


@dataclass
class Asked:
    """One request that came, for tests to look at."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


class Call:
    """One request to be answered: what scripts are given."""

    def __init__(
        self,
        engine: FakeEngine,
        asked: Asked,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.engine = engine
        self.asked = asked
        self.reader = reader
        self.writer = writer
        self.taken_over = False
        self.body_read = False

    async def read_body(self) -> bytes:
        """The whole body, its framing taken off."""
        self.body_read = True
        body = b""
        if "chunked" in self.asked.header("transfer-encoding"):
            while size := int((await self.reader.readline()).partition(b";")[0], 16):
                body += await self.reader.readexactly(size)
                assert await self.reader.readexactly(2) == b"\r\n"
            while (await self.reader.readline()).strip():
                pass
        elif length := int(self.asked.header("content-length") or 0):
            body = await self.reader.readexactly(length)
        self.asked.body = body
        return body

    async def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: int, *headers: str, reason: str = "OK") -> None:
        """An answer's head."""
        lines = [f"HTTP/1.1 {status} {reason}", "Server: Docker/fake", *headers]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def answer(
        self, status: int, body: bytes = b"", kind: str = "application/json", *headers: str
    ) -> None:
        """A whole answer with its length."""
        if not self.body_read:
            await self.read_body()
        close = ("Connection: close",) if self.wants_close else ()
        await self.head(
            status, f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, *close
        )
        if self.asked.method != "HEAD":
            await self.send(body)

    async def json(self, body: Any, status: int = 200) -> None:
        """A JSON answer."""
        await self.answer(status, json.dumps(body).encode() + b"\n")

    async def chunked(self, pieces: Iterable[bytes], *, end: bool = True) -> None:
        """An answer in chunks; without *end* its last one is missing."""
        close = ("Connection: close",) if self.wants_close else ()
        await self.head(200, "Transfer-Encoding: chunked", "Content-Type: application/json", *close)
        for piece in pieces:
            await self.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        if end:
            await self.send(b"0\r\n\r\n")

    async def upgrade(self, status: int = 101) -> None:
        """Switch to a raw stream: reader and writer are the script's from now on."""
        self.taken_over = True
        if not self.body_read:
            await self.read_body()
        kind = "Content-Type: application/vnd.docker.raw-stream"
        if status == 101:
            upgrade = self.asked.header("upgrade") or "tcp"
            await self.head(
                101, kind, "Connection: Upgrade", f"Upgrade: {upgrade}", reason="UPGRADED"
            )
        else:
            await self.head(status, kind)

    async def echo(self) -> None:
        """What comes goes back, until the other side has nothing more to say."""
        while data := await self.reader.read(65536):
            await self.send(data)

    def cut(self, *, reset: bool = False) -> None:
        """Drop the connection, now."""
        if reset:
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.writer.transport.abort()

    @property
    def wants_close(self) -> bool:
        return "close" in self.asked.header("connection") or self.asked.version == "HTTP/1.0"


Script = Callable[[Call], Awaitable[None]]


@dataclass
class FakeEngine:
    """One daemon; its methods belong to the loop that it was started in."""

    name: str = "dockerhost01"
    newest: str = NEWEST
    oldest: str = "1.24"
    tls: ssl.SSLContext | None = None
    unix_path: str = ""
    containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By ID: what inspect answers."""
    images: list[dict[str, Any]] = field(default_factory=list)
    volumes: list[dict[str, Any]] = field(default_factory=list)
    networks: list[dict[str, Any]] = field(default_factory=list)
    execs: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.address = ""
        self._server: asyncio.Server | None = None
        self._scripts: list[tuple[re.Pattern[str], Script]] = []
        self._listeners: set[Call] = set()
        self._connections: set[asyncio.StreamWriter] = set()
        self._awake = asyncio.Event()
        self._awake.set()
        self.connection_count = 0
        """Connections accepted in all."""

    # Life

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; `address` says where."""
        loop = asyncio.get_running_loop()
        if self.unix_path:
            self._server = await loop.create_unix_server(self._protocol, self.unix_path)
            self.address = f"unix://{self.unix_path}"
            return
        self._server = await loop.create_server(self._protocol, "127.0.0.1", port)
        found = self._server.sockets[0].getsockname()[1]
        host = "localhost" if self.tls is not None else "127.0.0.1"
        self.address = f"{host}:{found}"

    async def stop(self) -> None:
        """As if its process was killed: the port closes, every connection ends."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._connections):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def restart(self) -> None:
        """Stopped, and there again at the same address."""
        await self.stop()
        self._awake.set()
        await self.start(int(self.address.rpartition(":")[2]))

    def hang(self) -> None:
        """Accept, read, and answer nothing from now on."""
        self._awake.clear()

    def wake(self) -> None:
        """Go on."""
        self._awake.set()

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    def on(self, request: str, script: Script) -> None:
        """Answer each ``METHOD /path?query`` (no version) that matches *request* by *script*."""
        self._scripts.insert(0, (re.compile(request), script))

    def forget_scripts(self) -> None:
        """Answer everything as at first."""
        self._scripts.clear()
        self.asked.clear()

    # State

    def add_container(self, container_id: str, name: str, **inspect: Any) -> None:
        """A running container; nobody is told."""
        self.containers[container_id] = {
            "Id": container_id,
            "Name": f"/{name}",
            "Created": "2026-01-02T03:04:05.678Z",
            "State": {"Status": "running", "Running": True, "StartedAt": "2026-01-02T03:04:06Z"},
            "Image": "sha256:" + "a" * 64,
            "Config": {"Image": "busybox", "Labels": {}},
            "HostConfig": {},
            "NetworkSettings": {"Ports": {}},
            **inspect,
        }

    async def emit(self, event: dict[str, Any]) -> None:
        """Tell everybody who listens to events."""
        data = json.dumps(event).encode() + b"\n"
        for call in list(self._listeners):
            await call.send(b"%x\r\n%s\r\n" % (len(data), data))

    # Connections

    def _protocol(self) -> asyncio.Protocol:
        reader = asyncio.StreamReader(limit=4 << 20)
        protocol = asyncio.StreamReaderProtocol(reader, self._serve)
        return protocol if self.tls is None else TlsLayer(protocol, self.tls, server_side=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        self.connection_count += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        block = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        start, *lines = block.split("\r\n")[:-2]
        method, target, version = start.split(" ")
        headers = [(key, value.strip()) for key, _, value in (x.partition(":") for x in lines)]
        call = Call(self, Asked(method, target, version, headers), reader, writer)
        self.asked.append(call.asked)
        await self._awake.wait()
        try:
            await self._script_for(call)(call)
        except (ConnectionError, asyncio.IncompleteReadError):
            return False
        return not (call.taken_over or call.wants_close or writer.is_closing())

    def _script_for(self, call: Call) -> Script:
        asked = f"{call.asked.method} " + re.sub(r"^/v[0-9.]+", "", call.asked.target)
        for pattern, script in self._scripts:
            if pattern.fullmatch(asked):
                return script
        return self._usual

    async def _usual(self, call: Call) -> None:
        path = re.sub(r"^/v[0-9.]+", "", call.asked.path)
        parts = path.strip("/").split("/")
        if path == "/_ping":
            await call.answer(200, b"OK", "text/plain")
        elif path == "/info":
            await call.json(self._info())
        elif path == "/version":
            await call.json({"ApiVersion": self.newest, "MinAPIVersion": self.oldest})
        elif path == "/events":
            await self._events(call)
        elif path == "/containers/json":
            await call.json([self._row(found) for found in self.containers.values()])
        elif path == "/images/json":
            await call.json(self.images)
        elif path == "/networks":
            await call.json(self.networks)
        elif path == "/volumes":
            await call.json({"Volumes": self.volumes, "Warnings": None})
        elif parts[0] == "exec" and parts[1] in self.execs and parts[2] == "json":
            await call.json(self.execs[parts[1]])
        elif parts[0] == "containers" and (found := self._find(parts[1])) is not None:
            await self._container(call, found, "/".join(parts[2:]))
        else:
            await call.read_body()
            await call.json({"message": f"{path}: unknown to the fake"}, 404)

    async def _container(self, call: Call, found: dict[str, Any], verb: str) -> None:
        if verb == "json":
            await call.json(found)
        elif verb == "attach":
            await call.upgrade()
            await call.echo()
        elif verb == "exec":
            exec_id = f"{len(self.execs):064x}"
            self.execs[exec_id] = {"ID": exec_id, "ContainerID": found["Id"]}
            await call.json({"Id": exec_id}, 201)
        else:
            await call.read_body()
            await call.answer(204)

    def _find(self, reference: str) -> dict[str, Any] | None:
        for found in self.containers.values():
            if found["Id"].startswith(reference) or found["Name"] == f"/{reference}":
                return found
        return None

    async def _events(self, call: Call) -> None:
        await call.chunked([], end=False)
        self._listeners.add(call)
        try:
            await call.reader.read()
        finally:
            self._listeners.discard(call)

    def _row(self, found: dict[str, Any]) -> dict[str, Any]:
        return {
            "Id": found["Id"],
            "Names": [found["Name"]],
            "Image": found["Config"]["Image"],
            "ImageID": found["Image"],
            "Created": 1767323045,
            "State": found["State"]["Status"],
            "Status": "Up 3 minutes",
            "Labels": found["Config"]["Labels"],
            "Ports": [
                {
                    "IP": place["HostIp"],
                    "PrivatePort": int(key.partition("/")[0]),
                    "PublicPort": int(place["HostPort"]),
                    "Type": key.partition("/")[2],
                }
                for key, places in found["NetworkSettings"]["Ports"].items()
                for place in places or ()
            ],
        }

    def _info(self) -> dict[str, Any]:
        return {
            "ID": f"ID-of-{self.name}",
            "Name": self.name,
            "NCPU": 4,
            "MemTotal": 8 << 30,
            "Labels": ["zone=application"],
            "OSType": "linux",
            "Driver": "overlay2",
            "ServerVersion": "24.0.7",
        }
