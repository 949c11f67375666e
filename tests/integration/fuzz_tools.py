"""What the fuzzing is made of: cases aimed at things that exist, sent on one raw connection.

Nothing is left out of the fuzzing. What would never end, or would leave the lab, is aimed:
`Aim` says for each kind what it changes, and why.
"""

import http.client
import io
import json
import re
import socket
import tarfile
import time
import zlib
from collections.abc import Iterator
from typing import Any

import requests
import schemathesis
from integration_tools import Api
from schemathesis import Case, Response

HEAD_LIMIT_S = 10.0
"""Until an answer's head is there; an engine starts and stops containers within this."""
_BODY_PAUSE_S = 0.4
"""A body that says nothing for so long is one without end: its head is the answer."""
_BODY_LIMIT_S = 1.5
_BODY_LIMIT = 4 << 20

_LINES = {
    "GET /events",
    "GET /containers/{id}/stats",
    "POST /build",
    "POST /images/create",
    "POST /images/load",
    "POST /images/{name}/push",
    "POST /plugins/pull",
}
"""Their JSON comes one object a line."""

PULLABLE = ("127.0.0.1:1/nothing-listens", "UPPER", "a b", "", "busybox:no-such-tag", "x@sha256:1")
"""Beside the lab's own image. Other names would be asked of the Internet, if there is one."""

_PYTHON = re.compile(
    r"Traceback|NoneType|object has no attribute|object is not|positional argument|"
    r"must be str|expected str|codec can't|<class '|0x[0-9a-f]{8}|\.py\b|"
    r"\b(?:\w+Error|\w+Exception|Exception|KeyError)\b(?!\))"
)
"""What no user should ever read. Go's own errors are written otherwise."""


def _tar() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("fuzzed")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"hello"))
    return packed.getvalue()


_TAR = _tar()


@schemathesis.serializer("application/x-tar")
def _bytes(_: schemathesis.SerializationContext, value: object) -> bytes:
    """A body that is no JSON goes out as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


class Aim:
    """Points some of a fuzzer's cases at things that exist, so that they get past the 404."""

    def __init__(self, manager: Api, image: str) -> None:
        self._manager = manager
        self._image = image
        self._container = ""

    def __call__(self, case: Case) -> None:
        """Change *case* in place; the same case is always changed in the same way."""
        label = case.operation.label
        seed = zlib.crc32(repr((label, case.path_parameters, case.query, case.body)).encode())
        if case.operation.definition.raw["x-swarm-how"] == "refused":
            return
        if label.endswith(("/stop", "/restart")):
            _bound_patience(case)
        if label == "POST /images/create":
            _set(case, "query", "fromImage", [self._image, *PULLABLE][seed % (len(PULLABLE) + 1)])
        if label == "POST /volumes/create" and isinstance(case.body, dict):
            # An engine looks for an unknown driver for a quarter of a minute.
            case.body = {**case.body, "Driver": "local"}
        if label == "POST /networks/create" and isinstance(case.body, dict):
            case.body = {**case.body, "Driver": "bridge", "IPAM": {}}
        if seed % 3 == 0:
            return
        if label == "POST /containers/create" and isinstance(case.body, dict):
            case.body = {**case.body, "Image": "busybox"}
        elif label == "PUT /containers/{id}/archive" and seed % 2:
            case.body = _TAR
        if "/containers/{id}" in label:
            _set(case, "path_parameters", "id", self.container())
        elif "/exec/{id}" in label:
            _set(case, "path_parameters", "id", self._exec(starts=label.endswith("/resize")))
        elif "/images/{name}" in label:
            _set(case, "path_parameters", "name", ("busybox", "alpine:latest")[seed % 2])

    def container(self) -> str:
        """A running container; cases may stop or remove it. Stops at once when it is asked to."""
        if not self._container:
            self._container = self._manager.run(StopSignal="SIGKILL")
        return self._container

    def _exec(self, *, starts: bool) -> str:
        """A new command; a started one for resize, which waits ten seconds for others."""
        body = {"Cmd": ["sleep" if starts else "true", "9"], "AttachStdout": True, "Tty": starts}
        answer = self._manager("POST", f"/containers/{self.container()}/exec", body)
        assert answer.status == 201, answer.body
        command = str(answer.json()["Id"])
        if starts:
            answer = self._manager("POST", f"/exec/{command}/start", {"Detach": True, "Tty": True})
            assert answer.status == 200, answer.body
        return command


def _set(case: Case, place: str, name: str, value: str) -> None:
    setattr(case, place, {**(getattr(case, place) or {}), name: value})


def _bound_patience(case: Case) -> None:
    """A stop may wait for the container as long as it is told to: a second, here."""
    asked = (case.query or {}).get("t")
    if asked is not None and re.fullmatch(r"[-+]?\d+", str(asked)) and str(asked) not in ("0", "1"):
        _set(case, "query", "t", "1")


class Wire:
    """Sends cases one after the other on a kept-alive connection.

    An answer that is too long or too short spoils the next one: that is noticed too.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._connection = http.client.HTTPConnection(endpoint, timeout=HEAD_LIMIT_S)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def send(self, case: Case) -> Response:
        """Send *case*, and read its answer to the end, or until nothing comes any more."""
        request = requests.Request(
            **case.as_transport_kwargs(base_url=f"http://{self._endpoint}")
        ).prepare()
        begun = time.monotonic()
        try:
            self._connection.request(
                str(request.method), request.path_url, request.body, dict(request.headers)
            )
            # http.client lets go of it with the head, if the connection is to close.
            sock = self._connection.sock
            answer = self._connection.getresponse()
        except BaseException:
            self._connection.close()
            raise
        body, is_whole = self._read(answer, sock)
        answer.close()  # else http.client holds it for unfinished
        if not is_whole or answer.status == 101:
            self._connection.close()
        headers: dict[str, list[str]] = {}
        for name, value in answer.getheaders():
            headers.setdefault(name, []).append(value)
        return Response(
            status_code=answer.status,
            headers=headers,
            content=body,
            request=request,
            elapsed=time.monotonic() - begun,
            verify=False,
            message=answer.reason,
            stream_cut_short=not is_whole,
        )

    def _read(self, answer: http.client.HTTPResponse, sock: socket.socket) -> tuple[bytes, bool]:
        sock.settimeout(_BODY_PAUSE_S)
        deadline = time.monotonic() + _BODY_LIMIT_S
        body = b""
        try:
            while piece := answer.read1(1 << 16):
                body += piece
                if time.monotonic() > deadline or len(body) > _BODY_LIMIT:
                    return body, False
        except TimeoutError:
            return body, False
        finally:
            if self._connection.sock is sock:
                sock.settimeout(HEAD_LIMIT_S)
        return body, True


def judge(label: str, how: str, answer: Response) -> None:
    """What must be true of every answer, whatever was asked."""
    told = f"{label}: {answer.status_code} {answer.content[:500]!r}"
    if answer.status_code < 400:
        return
    assert answer.status_code in (501, 503) or answer.status_code <= 500, told
    if answer.status_code in (501, 503):
        is_told = "/checkpoints" in label or label == "POST /images/create"
        assert how == "refused" or is_told, f"not in the table: {told}"
    if label.startswith("HEAD"):
        assert answer.content == b"", told
        return
    kind = answer.headers.get("content-type", [])
    if how == "hijack" and kind in ([], ["application/vnd.docker.raw-stream"]):
        return  # the engine has taken its connection over, and writes words without a form
    assert kind == ["application/json"], f"{answer.headers}: {told}"
    error = json.loads(answer.content)
    assert error.keys() == {"message"}, told
    message = error["message"]
    assert isinstance(message, str), told
    assert message.strip(), told
    assert "the manager failed to answer" not in message, told


def speaks_python(text: str, sent: str) -> str | None:
    """A word of Python in *text* that did not stand in what was *sent*; None if there is none."""
    return next((m[0] for m in _PYTHON.finditer(text) if m[0] not in sent), None)


def is_lines(label: str) -> bool:
    """Whether an answer is one JSON object a line."""
    return label in _LINES


def lines(body: bytes, *, is_whole: bool) -> Iterator[dict[str, Any]]:
    """The objects of a stream of JSON lines; a last one that was cut is left out."""
    *whole, last = body.split(b"\n")
    for line in [*whole, last] if is_whole else whole:
        if line.strip():
            yield json.loads(line)
