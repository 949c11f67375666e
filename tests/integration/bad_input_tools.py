"""What bad input is sent with, byte by byte, and how the answers of engine and manager compare."""

import gzip
import json
import re
from collections.abc import Callable
from functools import cache

from image_tools import archive, tar
from integration_tools import Api

from lab.cluster import Lab
from tests.fakes.client import Answer, Client
from tests.fakes.usage import unnamed_files

TAR = "Content-Type: application/x-tar"
JSON = "Content-Type: application/json"
_TEMPORARY = re.compile(r"(?<=open )/\S+/docker-import-\d+(?=/)")
_NODE = re.compile(r"(?m)^dockerhost\d+: ")

REFUSED = """
GET /containers/nobody/json
GET /containers/%C3%A9/json
GET /containers/nobody/stats
GET /containers/nobody/export
GET /containers/nobody/changes
GET /containers/web/logs
GET /containers/web/logs?stdout=1&since=x
GET /containers/web/logs?stdout=1&until=x
GET /containers/web/top?ps_args=;rm
GET /containers/web/top?ps_args=-o%20nope
GET /containers/web/archive
GET /containers/web/archive?path=
GET /containers/web/archive?path=/nope
PUT /containers/web/archive
PUT /containers/web/archive?path=/nope
PUT /containers/nobody/archive?path=/
POST /containers/nobody/start
POST /containers/nobody/rename?name=x
POST /containers/web/rename
POST /containers/web/rename?name=web
POST /containers/web/kill?signal=NOPE
POST /containers/web/kill?signal=99
POST /containers/web/resize
POST /containers/web/resize?h=x&w=y
POST /containers/web/stop?t=x
DELETE /containers/nobody
DELETE /containers/nobody?force=1
GET /exec/nope/json
POST /exec/nope/resize?h=1&w=1
POST /commit?container=nobody
POST /commit?container=web&repo=UPPER
POST /commit?container=web&repo=a&tag=b:c
POST /commit?container=web&changes=NOPE
GET /images/nope/history
GET /images/get?names=
GET /images/get?names=nope
GET /images/get?names=UPPER
GET /images/get?names=busybox&names=nope
GET /images/search?term=a&limit=x
GET /images/search?term=a&limit=1000
GET /distribution/UPPER/json
GET /distribution/a@b/json
DELETE /images/nope
DELETE /images/a@b
DELETE /images/sha256:
POST /images/nope/tag?repo=a
POST /images/busybox/tag
POST /images/busybox/tag?repo=UPPER
POST /images/busybox/tag?repo=a%20b
POST /images/busybox/tag?repo=a@b
POST /images/busybox/tag?repo=a&tag=a:b
POST /images/busybox/tag?repo=..&tag=..
POST /images/busybox/tag?repo=sha256:abc
POST /images/busybox/push
POST /images/UPPER/push
POST /images/create?fromImage=UPPER
POST /images/create?fromImage=..
POST /images/create?fromImage=%00
POST /images/create?fromImage=a&tag=b%20c
POST /images/create?fromImage=a@sha256:1
POST /images/create?fromImage=busybox&platform=zzz
POST /images/create?fromSrc=nope://x
POST /images/create?fromSrc=http://127.0.0.1:1/x
POST /images/create?fromSrc=-&repo=UPPER
POST /images/create?fromSrc=-&changes=NOPE
POST /build?t=UPPER
POST /build?t=a:b:c
POST /build?buildargs=x
POST /build?buildargs=[]
POST /build?buildargs={"a":5}
POST /build?labels=x
POST /build?ulimits=x
POST /build?cachefrom=x
POST /build?remote=nope://x
POST /build?version=9
POST /build?dockerfile=../x
POST /build/cancel
GET /volumes/nope
GET /volumes/a%20b
GET /volumes/%00
GET /volumes/a/b
DELETE /volumes/nope
GET /networks/nope
DELETE /networks/nope
DELETE /networks/bridge
POST /networks/prune?filters={"nonsense":["a"]}
POST /plugins/nope/enable
POST /plugins/pull?remote=UPPER
DELETE /plugins/nope
"""
"""Requests that an engine refuses; ``web`` is a container."""

BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "text": lambda _: b"hello, this is no tar" * 100,
    "gzip-of-nothing": lambda _: b"\x1f\x8b\x08\x00" + b"junk" * 500,
    "bzip2-of-nothing": lambda _: b"BZh9" + b"x" * 500,
    "xz-of-nothing": lambda _: b"\xfd7zXZ\x00" + b"y" * 500,
    "ends-in-its-gzip": lambda good: gzip.compress(good)[:-300],
    "ends-in-a-header": lambda good: good[:100],
    "ends-in-a-file": lambda good: good[:1200],
    "ends-between-files": lambda good: good[:1024],
}
"""What can be wrong with a tar: a good one to a broken one."""


@cache
def uploads() -> dict[str, tuple[str, str, bytes]]:
    """Each verb that takes a tar: method, target and a tar that it likes.

    They are about a container called ``web``, and make images called ``junk``.
    """
    context = tar({"Dockerfile": b"FROM busybox\nLABEL a=b\n", "a": b"x" * 5000})
    return {
        "load": ("POST", "/v1.41/images/load", archive("junk:loaded", 50_000)),
        "build": ("POST", "/v1.41/build?t=junk:built", context),
        "archive": ("PUT", "/v1.41/containers/web/archive?path=/tmp", context),
        "import": ("POST", "/v1.41/images/create?fromSrc=-&repo=junk&tag=imported", context),
    }


def connect(api: Api) -> Client:
    """A connection on which anything can be sent."""
    host, _, port = str(api.place).rpartition(":")
    return Client((host, int(port)))


def ask(api: Api, method: str, target: str, body: bytes | None = None, *headers: str) -> Answer:
    """One request on a connection of its own."""
    with connect(api) as client:
        return client.ask(method, target, body, *headers)


def told(answer: Answer) -> tuple[int, frozenset[str]]:
    """Status and complaints of an answer, of whatever form; successes complain of nothing.

    A complaint that several nodes have is said for each of them; folders are each node's own.
    """
    lines = [json.loads(line) for line in answer.body.splitlines() if line.startswith(b"{")]
    said = [line.get("message") or line.get("error") or "" for line in lines]
    texts = "\n".join(_TEMPORARY.sub("(folder)", text) for text in said if text)
    shared = {_NODE.sub("", text) for text in texts.split("\n")}
    return answer.status, frozenset(shared - {""})


def half_made(lab: Lab) -> list[str]:
    """What loads that broke off have left: on the engines' disks, and in the manager."""
    folders = [engine.folder / "data" / "tmp" for engine in lab.engines]
    left = [str(path) for folder in folders for path in folder.glob("docker-import-*")]
    assert lab.manager.process is not None
    return left + unnamed_files(lab.manager.process.pid)


def images(lab: Lab) -> list[frozenset[str]]:
    """Every image of each engine, also those without a name."""
    return [
        frozenset(row["Id"] for row in Api(engine.socket).get("/images/json?all=1"))
        for engine in lab.engines
    ]
