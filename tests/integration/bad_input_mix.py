"""A thousand bad requests, always the same ones for a seed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from bad_input_tools import BROKEN, JSON, REFUSED, TAR, connect, uploads
from integration_tools import Api

End = Literal["read", "half-close", "kill"]


@dataclass(frozen=True)
class Attack:
    """One connection: what is sent on it, and how it ends."""

    sent: bytes
    end: End = "read"

    def __call__(self, api: Api) -> None:
        """Do it. An answer that is waited for has to come, if the manager still reads."""
        with connect(api) as client:
            try:
                client.send(self.sent)
                if self.end == "half-close":
                    client.half_close()
                if self.end != "kill":
                    client.recv()
            except ConnectionError:
                pass  # it may have been refused before all of it was sent
            client.kill()


def mixture(seed: int, count: int) -> Iterator[Attack]:
    """So many attacks, of every kind; ``web`` is a container that runs."""
    rng = random.Random(seed)
    for _ in range(count):
        yield rng.choice(KINDS)(rng)


def _request(method: str, target: str, body: bytes = b"", *lines: str) -> bytes:
    head = [f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def _refused(rng: random.Random) -> Attack:
    return Attack(_request(*rng.choice(REFUSED.strip().splitlines()).split(" ")))


def _tar(rng: random.Random) -> Attack:
    verb, how = (
        rng.choice(list(uploads())),
        rng.choice(["text", "gzip-of-nothing", "ends-in-a-file"]),
    )
    method, target, good = uploads()[verb]
    return Attack(_request(method, target, BROKEN[how](good), TAR), rng.choice(["read", "kill"]))


def _frame(rng: random.Random) -> Attack:
    """A body whose framing breaks, stops, or promises ten gigabytes."""
    paths = [("POST", "/containers/create", JSON), ("POST", "/containers/web/exec", JSON)]
    paths += [(*uploads()[verb][:2], TAR) for verb in uploads()]
    method, target, kind = rng.choice(paths)
    framing, part = rng.choice(
        [
            ("Content-Length: 10000000000", b"x" * rng.randrange(200_000)),
            ("Transfer-Encoding: chunked", b"%x\r\n" % 10**10 + b"x" * rng.randrange(200_000)),
            ("Transfer-Encoding: chunked", b"5\r\nhello\r\nzz\r\n"),
            ("Transfer-Encoding: chunked", b"5\r\nhe"),
            ("Content-Length: 5\r\nContent-Length: 6", b"hello"),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
        ]
    )
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\n{kind}\r\n{framing}\r\n\r\n"
    return Attack(head.encode() + part, rng.choice(["half-close", "kill"]))


def _body(rng: random.Random) -> Attack:
    path = rng.choice(["containers/create", "networks/create", "volumes/create",
                       "containers/web/exec", "containers/web/update", "auth"])  # fmt: skip
    body = rng.choice(
        [
            b"{",
            b"[]",
            b"5",
            b"\xff\xfe{\0}\0",
            b"[" * rng.choice([10, 300, 100_000]),
            b'{"Name":5,"Cmd":{},"Image":[],"Memory":"x"}',
            b'{"Image":"busybox","HostConfig":{"Memory":%s}}' % (b"9" * rng.choice([20, 4000])),
            b'{"Image":"nope:1","Env":["constraint:node==%s"]}' % (b"x" * rng.choice([1, 100_000])),
            b'{"Image":"busybox","Env":["constraint:node=="]}',
            b'{"Name":"x","Labels":[],"Driver":[]}',
        ]
    )
    return Attack(_request("POST", f"/{path}", body, JSON))


def _filters(rng: random.Random) -> Attack:
    path = rng.choice(["containers/json", "images/json", "volumes", "networks", "events"])
    filters = rng.choice(["{", "[]", '{"name":5}', '{"name":["("]}', '{"a":' * 2000,
                          '{"nonsense":["a"]}', '{"id":["%s"]}' % ("f" * 100_000)])  # fmt: skip
    return Attack(_request("GET", f"/{path}?until=1&since=1&filters={quote(filters)}"))


def _head(rng: random.Random) -> Attack:
    return Attack(
        rng.choice(
            [
                b"nonsense\r\n\r\n",
                b"GET / HTTP/9.9\r\n\r\n",
                b"GET /info HTTP/1.1\r\nBad Header: 1\r\n\r\n",
                b"GET /info HTTP/1.1\r\nX: " + b"a" * 1_200_000,
                b"GET /info HTTP/1.1\r\n" + b"X: a\r\n" * 20_000 + b"\r\n",
                b"GET /containers/%s/json HTTP/1.1\r\n\r\n" % (b"a" * 200_000),
                b"GET /networks/%s HTTP/1.1\r\n\r\n" % (b"a" * 200_000),
                rng.randbytes(2000) + b"\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            ]
        )
    )


def _gone(rng: random.Random) -> Attack:
    """A client that leaves a stream, or never waits for its answer."""
    upgrade = "Connection: Upgrade\r\nUpgrade: "
    sent = rng.choice(
        [
            _request("GET", "/events"),
            _request("GET", "/containers/web/logs?follow=1&stdout=1"),
            _request("GET", "/containers/web/stats"),
            _request("GET", "/images/busybox/get"),
            _request("GET", "/containers/web/export"),
            _request("POST", "/containers/web/wait"),
            _request("POST", "/containers/web/attach?stream=1&stdin=1", b"", upgrade + "tcp"),
            _request("POST", "/grpc", b"", upgrade + "h2c"),
            _request("POST", "/images/create?fromImage=127.0.0.1:1/nope&tag=1"),
            _request("GET", "/system/df"),
        ]
    )
    return Attack(sent, rng.choice(["read", "kill"]))


KINDS: list[Callable[[random.Random], Attack]] = [
    _refused,
    _tar,
    _frame,
    _body,
    _filters,
    _head,
    _gone,
]
