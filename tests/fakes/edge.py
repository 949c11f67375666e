"""What an edge is tested with: backends behind it, load ahead of it, a router of one's own."""

import asyncio
import base64
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from lab.http import call
from lab.install import find
from router.haproxy_socket import Info, RuntimeApi
from services.entry import ServiceEntry, keys_of
from tests.fakes.ports import free_port

_TIMEOUT_S = 20.0


def until(condition: Callable[[], Any], what: str, timeout_s: float = _TIMEOUT_S) -> Any:
    """Wait until *condition* returns something true; return that."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in {timeout_s:.0f} s"
        time.sleep(0.05)
    return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A proxy may close a connection that it does not need any more."""


class Backend:
    """A web server that answers with its name; keeps connections open, as real ones do."""

    def __init__(self, name: str, *, address: str = "127.0.0.1", port: int = 0) -> None:
        self.name = name
        self.posts: list[str] = []
        """Bodies of all POST requests."""
        self.asked: set[str] = set()
        """Paths of all GET requests."""
        self.ill_pages: set[str] = set()
        """Paths that are answered with 500."""
        self.is_asked = threading.Event()
        self.may_answer = threading.Event()
        """Until it is set, `/slow` is not answered."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                outer.asked.add(self.path)
                if self.path == "/slow":
                    outer.is_asked.set()
                    outer.may_answer.wait(_TIMEOUT_S)
                self._answer(f"{outer.name} {self.path}")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                outer.posts.append(body)
                self._answer(f"{outer.name} {body}")

            def _answer(self, text: str) -> None:
                self.send_response(500 if self.path in outer.ill_pages else 200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = _Server((address, port), Handler)
        self.address, self.port = str(self._server.server_address[0]), self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def entry(self, service: str = "web", port: int = 80, **attributes: str) -> ServiceEntry:
        """This server as an agent would write it down."""
        return ServiceEntry(
            service, "host1", self.name, port, self.address, self.port, attributes=attributes
        )

    def stop(self) -> None:
        """Take no new connections."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Registry:
    """Writes services into Consul as agents do, but without sessions."""

    def __init__(self, endpoint: str, prefix: str = "services") -> None:
        self._endpoint = endpoint
        self._prefix = prefix

    @property
    def uri(self) -> str:
        return f"consul://{self._endpoint}/{self._prefix}"

    def put(self, *entries: ServiceEntry) -> None:
        """Write *entries* in one step, as an agent does: nobody sees a half of one."""
        self._change("set", *entries)

    def remove(self, *entries: ServiceEntry) -> None:
        self._change("delete", *entries)

    def wipe(self) -> None:
        """Remove everything in one step."""
        answer = call("DELETE", self._endpoint, f"/v1/kv/{self._prefix}/?recurse=1")
        assert answer.status == 200

    def _change(self, verb: str, *entries: ServiceEntry) -> None:
        changes = []
        for entry in entries:
            for key, value in keys_of(entry).items():
                change = {"Verb": verb, "Key": f"{self._prefix}/{key}"}
                if verb == "set":
                    change["Value"] = base64.b64encode(value).decode()
                changes.append({"KV": change})
        if changes:
            answer = call("PUT", self._endpoint, "/v1/txn", json.dumps(changes).encode())
            assert answer.status == 200, answer.body


class _UnreadError(ConnectionError):
    """The connection ended before the first byte of an answer."""


class Load:
    """Clients that ask without a break, each by GET or by POST; whatever goes wrong is lost.

    A server may close a connection that is idle at any time, so a request can meet a connection
    that is just being closed. It fails there before the first byte of an answer, on a connection
    that has served before, and the server has not read it. Clients send it again (RFC 9110, 9.2.2;
    by itself for GET, and for POST where they know as much as we do). With *resends* this client
    does so, once, on a new connection; each sending has a body of its own, so that the servers can
    tell whether the first one ever reached them: see `closed`.
    """

    def __init__(
        self,
        port: int,
        host: str = "web",
        *,
        methods: Sequence[str] = ("GET", "POST", "GET", "POST"),
        keeps_alive: bool = True,
        resends: bool = False,
        path: str = "/x",
    ) -> None:
        self.answers: Counter[str] = Counter()
        """Good answers, by their first word: who gave them."""
        self.lost: list[str] = []
        """What went wrong, in words."""
        self.posted: list[str] = []
        """Bodies of the POST requests that have a good answer."""
        self.closed: list[str] = []
        """Bodies of the POST requests that met a connection being closed."""
        self._ends = threading.Event()
        self._target = (port, host, path)
        self._keeps_alive = keeps_alive
        self._resends = resends
        self._threads = [
            threading.Thread(target=self._ask, args=(number, method))
            for number, method in enumerate(methods)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def more(self, count: int = 40) -> None:
        """Wait until so many more answers came in."""
        goal = self._sum() + count
        until(lambda: self._sum() >= goal, f"more answers; lost {self.lost[:5]}")

    def answered_by(self, *names: str) -> None:
        """Wait until the last answers came from exactly these."""

        def _is_so() -> bool:
            before = self.answers.copy()
            self.more(20 * len(names))
            return {name for name in self.answers if self.answers[name] > before[name]} == set(
                names
            )

        until(_is_so, f"answers from {', '.join(names)}")

    def _sum(self) -> int:
        return sum(self.answers.copy().values())

    def _ask(self, number: int, method: str) -> None:
        port, host, _ = self._target
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        count = 0
        while not self._ends.is_set():
            count += 1
            body = f"{host}/{number}/{count}" if method == "POST" else None
            is_reused = client.sock is not None
            try:
                self._once(client, method, body)
            except (OSError, http.client.HTTPException) as exc:
                client.close()
                if not (self._resends and is_reused and isinstance(exc, _UnreadError)):
                    self.lost.append(f"{method} {body}: {exc!r}")
                    continue
                if body is not None:
                    self.closed.append(body)
                    body += "/again"
                try:
                    self._once(client, method, body)
                except (OSError, http.client.HTTPException) as again:
                    self.lost.append(f"{method} {body}: {again!r} after {exc!r}")
                    client.close()
            if not self._keeps_alive:
                client.close()
        client.close()

    def _once(self, client: http.client.HTTPConnection, method: str, body: str | None) -> None:
        _, host, path = self._target
        try:
            client.request(method, path, body, {"Host": host})
            has_begun = client.sock.recv(1, socket.MSG_PEEK)
        except ConnectionError as exc:
            raise _UnreadError(repr(exc)) from exc
        if not has_begun:
            raise _UnreadError("closed")
        answer = client.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            self.lost.append(f"{method} {body}: {answer.status} {text}")
            return
        self.answers[text.split()[0]] += 1
        if body is not None:
            self.posted.append(body)


def no_request_lost(load: Load, *backends: Backend) -> None:
    """Each request had one good answer, and no POST was carried out twice, or for nothing."""
    assert load.lost == []
    carried_out = [body for backend in backends for body in backend.posts]
    assert Counter(carried_out) == Counter(load.posted)
    assert not set(carried_out) & set(load.closed), "a server had read what it did not answer"


def ask(port: int, host: str, path: str = "/") -> tuple[int, str]:
    """One request through the edge: status and body."""
    answer = call("GET", f"127.0.0.1:{port}", path, None, {"Host": host}, _TIMEOUT_S)
    return answer.status, answer.body.decode()


class RouterProcess:
    """A `swarm router` with a proxy of its own, on free ports."""

    def __init__(self, folder: Path, kind: str, uri: str, *options: str) -> None:
        self.kind = kind
        self.folder = folder
        self.port = free_port()
        self.status_port = free_port()
        self.config = folder / f"{kind}.cfg"
        self.socket = folder / f"{kind}.cfg.sock"
        self.log = folder / "router.log"
        self._options = ("--exec", "auto", *options) if "--reload" not in options else options
        self._uri = uri
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def argv(self) -> list[str]:
        programs = find()
        return [
            *(sys.executable, "-m", "swarm", "router", "--proxy", self.kind),
            *("--haproxy", str(programs.haproxy), "--nginx", str(programs.nginx)),
            *("--http", f"127.0.0.1:{self.port}", "--config", str(self.config)),
            *("--status", f"127.0.0.1:{self.status_port}", "--wait", "50ms:500ms"),
            *("--drain", "20s", *self._options, self._uri),
        ]

    def start(self) -> None:
        self._is_told = False
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.argv, stdout=log, stderr=log)

    def status(self) -> dict[str, Any]:
        """What the router says of itself; empty while it is not up."""
        try:
            answer = call("GET", f"127.0.0.1:{self.status_port}", "/status")
        except (OSError, http.client.HTTPException):
            return {}
        status = json.loads(answer.body)
        assert isinstance(status, dict)
        return status

    def metrics(self) -> str:
        return call("GET", f"127.0.0.1:{self.status_port}", "/metrics").body.decode()

    def until_up(self) -> None:
        """Wait until the proxy answers at the edge."""
        until(lambda: self.answers("nobody", 404), f"the edge: {self.text()}")

    def answers(self, host: str, status: int = 200, path: str = "/") -> bool:
        try:
            return ask(self.port, host, path)[0] == status
        except (OSError, http.client.HTTPException):
            return False

    def worker(self) -> Info:
        """HAProxy's worker."""
        return asyncio.run(RuntimeApi(str(self.socket)).info())

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def tell_to_stop(self) -> None:
        """Stop it as a service manager does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._is_told = True

    def stop(self) -> int:
        """Stop it unless that was done, and wait for its end; its exit code."""
        assert self._process is not None
        if self._process.poll() is None and not self._is_told:
            self.tell_to_stop()
        return self._process.wait(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pid = self.status().get("proxy", {}).get("pid")
        self.stop()
        if pid:
            until(lambda: not Path(f"/proc/{pid}").exists(), "the proxy's end")
