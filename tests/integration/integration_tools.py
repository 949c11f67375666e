"""What the integration tests are written with: a docker command line, plain HTTP, a manager.

No pytest fixture stands here; those are in conftest.py.
"""

import atexit
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from lab.cluster import Lab
from lab.http import Answer, call
from lab.install import cache_folder
from lab.parcels import CURRENT_DOCKER, OLDER_DOCKER
from tests.fakes.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
PREPARE = "run `make setup`"
TIMEOUT_S = 20.0


# Docker's command line


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str
    raw: bytes = b""
    """Standard output as it came."""

    @property
    def line(self) -> str:
        """Standard output without white space around it."""
        return self.out.strip()

    @property
    def lines(self) -> list[str]:
        """The lines of standard output, sorted: clusters promise no order among hosts."""
        return sorted(self.out.split("\n")[:-1])


@dataclass(frozen=True)
class Cli:
    """One docker client, pointed at one address."""

    program: Path
    host: str
    """``tcp://…`` or ``unix://…``."""
    options: tuple[str, ...] = ()
    """Global flags, such as ``--tlsverify``."""
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        """The whole command line."""
        return [str(self.program), "-H", self.host, *self.options, *arguments]

    def env(self) -> dict[str, str]:
        """An environment in which nothing but the command line points the client somewhere."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DOCKER_", "BUILDKIT_"))}
        return {**kept, "DOCKER_CONFIG": docker_config(), "TERM": "xterm", **self.environment}

    def __call__(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        timeout_s: float = TIMEOUT_S,
        check: bool = True,
    ) -> Done:
        """Run a command to its end; a failure or a time-out fails the test with what it said."""
        done = self._run(arguments, stdin, timeout_s)
        shown = " ".join(arguments)
        assert not check or done.code == 0, f"docker {shown} ended with {done.code}: {done.err}"
        return done

    def fails(self, *arguments: str, code: int | None = None, timeout_s: float = TIMEOUT_S) -> Done:
        """Run a command that is expected to fail (with *code*)."""
        done = self._run(arguments, None, timeout_s)
        shown = " ".join(arguments)
        assert done.code != 0, f"docker {shown} should have failed and said: {done.out}"
        assert code in (None, done.code), f"docker {shown} ended with {done.code}: {done.err}"
        return done

    def _run(self, arguments: Sequence[str], stdin: bytes | None, timeout_s: float) -> Done:
        with self.start(*arguments, stdin=subprocess.DEVNULL if stdin is None else None) as one:
            try:
                out, err = one.communicate(stdin, timeout=timeout_s)
            except subprocess.TimeoutExpired:
                # KILL, because the client passes other signals on to what it runs.
                one.kill()
                out, err = one.communicate()
                text = f"{out[-2000:]!r} {err[-2000:]!r}"
                raise AssertionError(
                    f"docker {' '.join(arguments)} did not end in {timeout_s:.0f} s; it said {text}"
                ) from None
        return Done(one.returncode, out.decode(errors="replace"), err.decode(errors="replace"), out)

    @contextmanager
    def start(
        self, *arguments: str, stdin: int | None = subprocess.DEVNULL
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command in the background; whatever is left of it is killed at the end.

        Standard input is empty unless *stdin* is None, which means a pipe.
        """
        process = subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.PIPE if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env(),
        )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()


def at_an_engine(cli: Cli, lab: Lab) -> Cli:
    """The same client at an engine, without the manager between: the referee.

    It is the second engine, as the first one of a mixed lab refuses older clients.
    """
    return replace(cli, host=lab.engines[1].url)


@cache
def docker_config() -> str:
    """A folder for the client's settings, so that a developer's own ones change nothing."""
    folder = tempfile.mkdtemp(prefix="swarm-test-docker-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def docker_clients() -> dict[str, Path]:
    """Every docker client of this machine, by version; today's generation comes first."""
    cache = cache_folder()
    on_path = shutil.which("docker")
    places = [
        # Fetched only where the one on PATH is of another generation.
        CURRENT_DOCKER.find(cache),
        on_path and Path(on_path),
        Path("/usr/bin/docker"),
        Path("/usr/local/bin/docker"),
        OLDER_DOCKER.find(cache),
        cache / "trixie" / "usr" / "bin" / "docker",
    ]
    found: dict[str, Path] = {}
    for place in places:
        if place and place.exists():
            found.setdefault(_version_of(place), place)
    return found


def _version_of(program: Path) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    match = re.search(r"version (\d+\.\d+)", done.stdout)
    assert match is not None, f"{program} --version said {done.stdout!r}"
    return match[1]


class Terminal:
    """A docker client on a terminal of its own."""

    def __init__(self, cli: Cli, *arguments: str, rows: int = 33, columns: int = 99) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.text = ""
        self._process = subprocess.Popen(
            cli.command(*arguments),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=cli.env(),
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def expect(self, pattern: str, timeout_s: float = TIMEOUT_S) -> re.Match[str]:
        """Wait until *pattern* stands on the screen after what was last expected."""
        deadline = time.monotonic() + timeout_s
        while True:
            if (match := re.search(pattern, self.text)) is not None:
                self.text = self.text[match.end() :]
                return match
            left = deadline - time.monotonic()
            assert left > 0, f"{pattern!r} did not come; the terminal shows {self.text!r}"
            if not self._read(left):
                raise AssertionError(f"{pattern!r} did not come before the end: {self.text!r}")

    def shows(self, pattern: str, timeout_s: float = 0.3) -> bool:
        """Whether *pattern* stands on the screen by then."""
        deadline = time.monotonic() + timeout_s
        while not (found := re.search(pattern, self.text)):
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(left):
                break
        return bool(found)

    def end(self, timeout_s: float = TIMEOUT_S) -> int:
        """Read on until the client ends; its exit code."""
        deadline = time.monotonic() + timeout_s
        while self._read(max(0.0, deadline - time.monotonic())):
            assert time.monotonic() < deadline, f"the client goes on; it shows {self.text!r}"
        return self._process.wait(max(0.1, deadline - time.monotonic()))

    def resize(self, rows: int, columns: int) -> None:
        """Change the terminal's size, and tell the client."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._process.send_signal(signal.SIGWINCH)

    def _read(self, timeout_s: float) -> bool:
        """Read what is there; False at the end."""
        ready, _, _ = select.select([self._master], [], [], timeout_s)
        if not ready:
            return True
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # EIO is how Linux says that nobody has the other side open
            return False
        self.text += piece.decode(errors="replace")
        return bool(piece)


# Plain HTTP


@dataclass(frozen=True)
class Api:
    """The Docker API at one address, spoken by hand."""

    place: str | Path
    """``host:port`` or a socket's path."""

    def __call__(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """Send one request. A body that is no bytes is sent as JSON."""
        sent = dict(headers or {})
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        return call(method, self.place, target, data, sent, timeout_s)

    def get(self, target: str) -> Any:
        """The parsed answer of a GET that must work."""
        answer = self("GET", target)
        assert answer.status == 200, f"GET {target}: {answer.status} {answer.body!r}"
        return answer.json()

    def create(self, name: str = "", **body: Any) -> str:
        """Create a container of busybox; its ID."""
        body = {"Image": "busybox", "Cmd": ["sleep", "600"], **body}
        target = "/containers/create" + (f"?name={quote(name)}" if name else "")
        answer = self("POST", target, body)
        assert answer.status == 201, f"create: {answer.status} {answer.body!r}"
        return str(answer.json()["Id"])

    def run(self, name: str = "", **body: Any) -> str:
        """Create and start a container of busybox; its ID."""
        container = self.create(name, **body)
        answer = self("POST", f"/containers/{container}/start")
        assert answer.status == 204, f"start: {answer.status} {answer.body!r}"
        return container

    def node_of(self, container: str) -> str:
        """Name of the node that a container is on, as the manager's inspect tells."""
        return str(self.get(f"/containers/{container}/json")["Node"]["Name"])

    def connect(self, timeout_s: float = TIMEOUT_S) -> socket.socket:
        """A bare connection."""
        if isinstance(self.place, Path):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(timeout_s)
            sock.connect(str(self.place))
            return sock
        host, _, port = self.place.rpartition(":")
        return socket.create_connection((host, int(port)), timeout=timeout_s)

    def raw(self, request: bytes, timeout_s: float = TIMEOUT_S) -> bytes:
        """Send bytes, and return everything that comes until the other side closes."""
        with self.connect(timeout_s) as sock:
            sock.sendall(request)
            return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    """Read until the other side closes."""
    pieces = []
    while piece := sock.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def read_head(sock: socket.socket) -> bytes:
    """Read an answer's head, and not a byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = sock.recv(1)
        assert piece, f"the connection ended in the head: {head!r}"
        head += piece
    return head


def unframed(stream: bytes) -> dict[int, bytes]:
    """Take a multiplexed stream apart: 1 is standard output, 2 standard error."""
    parts = {1: b"", 2: b""}
    while stream:
        kind, size = struct.unpack(">BxxxL", stream[:8])
        parts[kind] += stream[8 : 8 + size]
        stream = stream[8 + size :]
    return parts


def message(answer: Answer) -> str:
    """The text of an error; it must be told as Docker tells errors, to the letter."""
    kind = answer.headers.get("content-type")
    assert kind == "application/json", f"{kind!r} on {answer.status} {answer.body[:200]!r}"
    text = answer.json()["message"]
    assert isinstance(text, str)
    return text


# Waiting


def until(condition: Callable[[], Any], timeout_s: float = 10.0, what: str = "it") -> Any:
    """Wait until *condition* returns something true; return that."""
    deadline = time.monotonic() + timeout_s
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline, f"{what} did not happen in {timeout_s:.0f} s"
        time.sleep(0.05)


def remove_containers(engine: Api) -> None:
    """Remove every container of *engine*, with its anonymous volumes."""
    for container in engine.get("/containers/json?all=1"):
        engine("DELETE", f"/containers/{container['Id']}?force=1&v=1")


def remove_volumes(engine: Api) -> None:
    """Remove every volume of *engine*; no container may be left."""
    for volume in engine.get("/volumes")["Volumes"] or []:
        answer = engine("DELETE", f"/volumes/{volume['Name']}?force=1")
        assert answer.status == 204, f"{volume['Name']}: {answer.body!r}"


# Images

APP = "mbajor/deepthought"
"""An image that only the lab's registry has when the lab comes up."""


def remove_app(lab: Lab, api: Api) -> None:
    """Take `APP` from every engine, and wait until the manager knows."""
    for engine in lab.engines:
        if found := engine.docker("images", "-q", APP):
            engine.docker("rmi", "-f", *found.split())
    until(lambda: not knows_app(api), 5, "the image's end")


def knows_app(api: Api) -> bool:
    """Whether the manager knows of any engine that has `APP`."""
    images = api.get("/images/json")
    names = [name for row in images for name in (*row["RepoTags"], *row["RepoDigests"])]
    return any(name.startswith(APP) for name in names)


# Managers beside the lab's own


class Manager:
    """A `swarm manage` of the test's own."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        nodes: int | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        """Start it.

        Args:
            folder: for its log and its unix socket.
            arguments: everything behind ``swarm manage -H tcp://… -H unix://…``.
            nodes: wait until so many are healthy; None: only until it answers on its socket.
            prefix: a command that runs it, such as ``nsenter …``.
        """
        self.endpoint = f"127.0.0.1:{free_port()}"
        self.socket = folder / "swarm.sock"
        self.log = folder / "manager.log"
        hosts = ["-H", f"tcp://{self.endpoint}", "-H", f"unix://{self.socket}"]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SWARM_", "DOCKER_"))}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "swarm", "manage", *hosts, *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=REPOSITORY,
                env=kept,
            )
        self.unix = Api(self.socket)
        self.api = Api(self.endpoint)
        try:
            until(self._answers, 30, "the manager's first answer")
            if nodes is not None:
                until(lambda: len(self.healthy()) == nodes, 30, f"{nodes} healthy nodes")
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Address for ``docker -H``."""
        return f"tcp://{self.endpoint}"

    def healthy(self) -> list[str]:
        """Names of its healthy nodes."""
        nodes = nodes_of(self.unix.get("/info"))
        return [name for name, facts in nodes.items() if facts["Status"] == "Healthy"]

    def stop(self) -> int:
        """End it as an operator does; its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the manager does not end: {self.logged()[-2000:]}") from None

    def logged(self) -> str:
        """What it has logged."""
        return self.log.read_text(errors="replace")

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the manager ended: {self.logged()}"
        try:
            return self.unix("GET", "/_ping").status == 200
        except OSError:
            return False


def nodes_of(info: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The nodes in an answer of ``/info``: name to facts (``Status``, ``Labels`` …).

    A node without a name yet goes by its address; ``Address`` is a fact of each.
    """
    rows = info.get("SystemStatus") or info.get("DriverStatus") or []
    nodes: dict[str, dict[str, str]] = {}
    current: dict[str, str] | None = None
    for key, value in rows:
        if key.startswith("  └ ") and current is not None:
            current[key.removeprefix("  └ ")] = value
        elif key.startswith(" "):
            name = key.strip()
            current = nodes.setdefault(value if name == "(unknown)" else name, {"Address": value})
    return nodes


def is_whole(lab: Lab) -> bool:
    """Whether the manager calls every engine of the lab healthy, and knows no other."""
    nodes = nodes_of(Api(lab.manager.endpoint).get("/info"))
    return len(nodes) == len(lab.engines) and all(
        facts["Status"] == "Healthy" for facts in nodes.values()
    )
