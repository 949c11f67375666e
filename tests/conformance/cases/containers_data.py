"""What comes out of a container and goes into it: logs, attach, exec, files, figures, lists."""

from functools import partial

from image_tools import tar

from tests.conformance.book import Seen, ask, case
from tests.conformance.givens import (
    both_streams,
    created,
    exec_done,
    execed,
    paused,
    running,
    sleeping,
    stopped,
    terminal,
    two,
)
from tests.conformance.sides import Side

_ask = partial(ask, "data")
_WEB = "/containers/web"
_TAR = {"Content-Type": "application/x-tar"}
_FILES = tar({"a": b"1"})

_ask("inspect", f"GET {_WEB}/json", given=created)
_ask("inspect with sizes", f"GET {_WEB}/json?size=1", given=created)
_ask("inspect of a running one", f"GET {_WEB}/json", given=running)
_ask("inspect of a stopped one", f"GET {_WEB}/json", given=stopped)
for _version in ("v1.24", "v1.41"):
    _ask(f"inspect by {_version}", f"GET /{_version}{_WEB}/json", given=created)
    _ask(f"list by {_version}", f"GET /{_version}/containers/json?all=1", given=created)
_ask("list", "GET /containers/json", given=running)
_ask("list of none", "GET /containers/json")
_ask("list of all", "GET /containers/json?all=1", given=stopped)
_ask("list with sizes", "GET /containers/json?size=1", given=running)
_ask("list, limit", "GET /containers/json?limit=1", given=two)
_ask("list, a bad limit", "GET /containers/json?limit=x", given=two)
_ask("list, a bad bool", "GET /containers/json?all=maybe", given=created)
_ask("list by name", 'GET /containers/json?all=1&filters={"name":["we"]}', given=two)
_ask("list by status", 'GET /containers/json?filters={"status":["created"]}', given=two)
_ask("list by a bad status", 'GET /containers/json?filters={"status":["x"]}', given=created)
_ask("list by exit code", 'GET /containers/json?all=1&filters={"exited":["3"]}', given=stopped)
_ask("list by a bad exit code", 'GET /containers/json?filters={"exited":["x"]}', given=created)
_ask("list by an unknown filter", 'GET /containers/json?filters={"x":["y"]}')
_ask("list by filters that are no JSON", "GET /containers/json?filters={x")
_ask("list by filters that are a list", "GET /containers/json?filters=[]")
_ask(
    "list by filters in the old form",
    'GET /containers/json?all=1&filters={"name":{"we":true}}',
    given=two,
)
_ask("list before an unknown one", 'GET /containers/json?filters={"before":["nobody"]}')
_ask("list by a bad volume", 'GET /containers/json?all=1&filters={"volume":["x"]}', given=two)
_ask("list by a bad port", 'GET /containers/json?all=1&filters={"publish":["x/y/z"]}', given=two)
_ask("list by is-task", 'GET /containers/json?all=1&filters={"is-task":["maybe"]}', given=two)

_ask("logs of a terminal", f"GET {_WEB}/logs?stdout=1", given=terminal)
_ask("logs of no stream", f"GET {_WEB}/logs", given=stopped)
_ask("logs with a bad tail", f"GET {_WEB}/logs?stdout=1&tail=x", given=stopped)
_ask("logs with a bad since", f"GET {_WEB}/logs?stdout=1&since=x", given=stopped)
_ask("logs with a bad until", f"GET {_WEB}/logs?stdout=1&until=x", given=stopped)
_ask("logs by v1.24", f"GET /v1.24{_WEB}/logs?stdout=1", given=terminal)
_ask("logs of a created one", f"GET {_WEB}/logs?stdout=1", given=created)
_ask("attach to a stopped one", f"POST {_WEB}/attach?logs=1&stdout=1", given=terminal)
_ask("attach with bad detach keys", f"POST {_WEB}/attach?stdout=1&detachKeys=x-y", given=running)
_ask("attach to a paused one", f"POST {_WEB}/attach?stream=1&stdout=1", given=paused)
_ask("websocket without an upgrade", f"GET {_WEB}/attach/ws", given=running)
_ask("top of a stopped one", f"GET {_WEB}/top", given=stopped)
_ask("top without pids", f"GET {_WEB}/top?ps_args=-o%20comm", given=running)
_ask("top with bad arguments", f"GET {_WEB}/top?ps_args=--nonsense", given=running)
_ask("changes", f"GET {_WEB}/changes", given=stopped)
_ask("changes of none", f"GET {_WEB}/changes", given=created)
_ask("stats of a stopped one", f"GET {_WEB}/stats?stream=0", given=stopped)
_ask("stats, one shot with a stream", f"GET {_WEB}/stats?one-shot=1", given=running)

_ask("a file's status", f"HEAD {_WEB}/archive?path=/etc/passwd", given=created)
_ask("status of a missing file", f"HEAD {_WEB}/archive?path=/no/such", given=created)
_ask("status without a path", f"HEAD {_WEB}/archive", given=created)
_ask("status in an unknown container", "HEAD /containers/nobody/archive?path=/")
_ask("a missing file", f"GET {_WEB}/archive?path=/no/such", given=created)
_ask("a file without a path", f"GET {_WEB}/archive", given=created)
_ask("a file of an unknown container", "GET /containers/nobody/archive?path=/")
_ask(
    "a tar to a missing path",
    f"PUT {_WEB}/archive?path=/no/such",
    given=created,
    body=_FILES,
    headers=_TAR,
)
_ask(
    "a tar to a file",
    f"PUT {_WEB}/archive?path=/etc/passwd",
    given=created,
    body=_FILES,
    headers=_TAR,
)
_ask("a tar without a path", f"PUT {_WEB}/archive", given=created, body=_FILES, headers=_TAR)
_ask(
    "a tar to an unknown container",
    "PUT /containers/nobody/archive?path=/",
    body=_FILES,
    headers=_TAR,
)
_ask("no tar", f"PUT {_WEB}/archive?path=/tmp", given=created, body=b"nonsense", headers=_TAR)
_ask(
    "half a tar",
    f"PUT {_WEB}/archive?path=/tmp",
    given=created,
    body=tar({"a": b"1" * 2000})[:1000],
    headers=_TAR,
)
_ask(
    "a directory over a file",
    f"PUT {_WEB}/archive?path=/etc&noOverwriteDirNonDir=1",
    given=created,
    body=tar({"passwd/x": b"1"}),
    headers=_TAR,
)

_EXEC = {"Cmd": ["echo", "hi"], "AttachStdout": True}
_ask("exec", f"POST {_WEB}/exec", given=running, body=_EXEC)
_ask("exec in an unknown container", "POST /containers/nobody/exec", body=_EXEC)
_ask("exec in a stopped one", f"POST {_WEB}/exec", given=stopped, body=_EXEC)
_ask("exec in a paused one", f"POST {_WEB}/exec", given=paused, body=_EXEC)
_ask("exec of nothing", f"POST {_WEB}/exec", given=running, body={"Cmd": []})
_ask("exec without a body", f"POST {_WEB}/exec", given=running)
_ask("exec with no JSON", f"POST {_WEB}/exec", given=running, body=b"{x")
_ask("exec with a list", f"POST {_WEB}/exec", given=running, body=[])
_ask(
    "exec with bad detach keys",
    f"POST {_WEB}/exec",
    given=running,
    body={**_EXEC, "DetachKeys": "x-y"},
)
_ask(
    "exec not as JSON",
    f"POST {_WEB}/exec",
    given=running,
    body=b"{}",
    headers={"Content-Type": "text/plain"},
)
_ask("start of a command", "POST /exec/{exec}/start", given=execed, body={})
_ask("start of a command, detached", "POST /exec/{exec}/start", given=execed, body={"Detach": True})
_ask("start of a command twice", "POST /exec/{exec}/start", given=exec_done, body={})
_ask("start of an unknown command", "POST /exec/nothing/start", body={})
_ask("start of an unknown ID", f"POST /exec/{'0' * 64}/start", body={})
_ask("start of a command with no JSON", "POST /exec/{exec}/start", given=execed, body=b"{x")
_ask("start of a command without a body", "POST /exec/{exec}/start", given=execed)
_ask("resize of an unknown command", "POST /exec/nothing/resize?h=1&w=1")
_ask("resize of a command to words", "POST /exec/{exec}/resize?h=a&w=1", given=execed)
_ask("inspect of a command", "GET /exec/{exec}/json", given=execed)
_ask("inspect of a command that is done", "GET /exec/{exec}/json", given=exec_done)
_ask("inspect of an unknown command", "GET /exec/nothing/json")


@case("data", "top")
def _top(side: Side) -> Seen:
    sleeping(side)
    seen = side.ask("GET", f"{_WEB}/top?ps_args=-o%20comm,pid")["body"]
    return seen["Titles"], [row[0] for row in seen["Processes"]]


@case("data", "logs of both streams")
def _both_streams(side: Side) -> Seen:
    both_streams(side)
    answer = side.api("GET", f"{_WEB}/logs?stdout=1&stderr=1")
    return answer.headers.get("content-type"), sorted(answer.body.split(b"\n"))
