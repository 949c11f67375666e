"""The life of a container, from start to its removal, and what is refused in each state."""

from functools import partial

from tests.conformance.book import Seen, ask, case
from tests.conformance.givens import CREATE, SLEEP, created, paused, running, stopped, two
from tests.conformance.sides import Side

_ask = partial(ask, "containers")
_WEB = "/containers/web"

for _verb in (
    "start",
    "stop",
    "restart",
    "kill",
    "pause",
    "unpause",
    "wait",
    "attach",
    "resize?h=1&w=1",
    "rename?name=x",
):
    _ask(f"{_verb.partition('?')[0]} of an unknown one", f"POST /containers/nobody/{_verb}")
for _verb in ("json", "top", "logs?stdout=1", "changes", "export", "stats?stream=0", "attach/ws"):
    _ask(f"{_verb.partition('?')[0]} of an unknown one", f"GET /containers/nobody/{_verb}")
_ask("update of an unknown one", "POST /containers/nobody/update", body={})
_ask("removal of an unknown one", "DELETE /containers/nobody")
_ask("removal of one called json", "DELETE /containers/json")
_ask("a bad name in the path", "GET /containers/a%20b/json")
_ask("an empty name in the path", "GET /containers//json")

_ask("start", f"POST {_WEB}/start", given=created)
_ask("start of a running one", f"POST {_WEB}/start", given=running)
_ask("start of a paused one", f"POST {_WEB}/start", given=paused)
_ask("start of a stopped one", f"POST {_WEB}/start", given=stopped)
_ask("start with a host config", f"POST {_WEB}/start", given=created, body={"Memory": 1})
_ask("start with one by v1.23", f"POST /v1.23{_WEB}/start", given=created, body={"Memory": 1})
_ask("start with one by v1.24", f"POST /v1.24{_WEB}/start", given=created, body={"Memory": 1})
_ask("start with no JSON", f"POST {_WEB}/start", given=created, body=b"x")
_ask("start with bad detach keys", f"POST {_WEB}/start?detachKeys=nonsense", given=created)
_ask("start of an unknown checkpoint", f"POST {_WEB}/start?checkpoint=x", given=created)
_ask("stop", f"POST {_WEB}/stop?t=0", given=running)
_ask("stop of a stopped one", f"POST {_WEB}/stop", given=stopped)
_ask("stop of a created one", f"POST {_WEB}/stop", given=created)
_ask("stop of a paused one", f"POST {_WEB}/stop?t=0", given=paused)
_ask("stop with a bad time", f"POST {_WEB}/stop?t=soon", given=running)
_ask("stop with a signal", f"POST {_WEB}/stop?t=0&signal=SIGKILL", given=running)
_ask("stop with a bad signal", f"POST {_WEB}/stop?t=0&signal=SIGNONE", given=running)
_ask("restart", f"POST {_WEB}/restart?t=0", given=running)
_ask("restart of a stopped one", f"POST {_WEB}/restart?t=0", given=stopped)
_ask("restart with a bad time", f"POST {_WEB}/restart?t=soon", given=stopped)
_ask("kill", f"POST {_WEB}/kill", given=running)
_ask("kill by number", f"POST {_WEB}/kill?signal=9", given=running)
_ask("kill of a stopped one", f"POST {_WEB}/kill", given=stopped)
_ask("kill of a created one", f"POST {_WEB}/kill", given=created)
_ask("kill with a bad signal", f"POST {_WEB}/kill?signal=SIGNONE", given=running)
_ask("kill with a number above all signals", f"POST {_WEB}/kill?signal=99", given=running)
_ask("pause", f"POST {_WEB}/pause", given=running)
_ask("pause of a paused one", f"POST {_WEB}/pause", given=paused)
_ask("pause of a stopped one", f"POST {_WEB}/pause", given=stopped)
_ask("unpause", f"POST {_WEB}/unpause", given=paused)
_ask("unpause of a running one", f"POST {_WEB}/unpause", given=running)
_ask("unpause of a stopped one", f"POST {_WEB}/unpause", given=stopped)
_ask("rename", f"POST {_WEB}/rename?name=other", given=created)
_ask("rename to a taken name", f"POST {_WEB}/rename?name=other", given=two)
_ask("rename to its own name", f"POST {_WEB}/rename?name=web", given=created)
_ask("rename to nothing", f"POST {_WEB}/rename", given=created)
_ask("rename to a bad name", f"POST {_WEB}/rename?name=a%20b", given=created)
_ask("rename with a slash before it", f"POST {_WEB}/rename?name=/other", given=created)
_ask("wait for a stopped one", f"POST {_WEB}/wait", given=stopped)
_ask("wait by v1.24", f"POST /v1.24{_WEB}/wait", given=stopped)
_ask("wait for a created one", f"POST {_WEB}/wait", given=created)
_ask("wait with a bad condition", f"POST {_WEB}/wait?condition=nonsense", given=stopped)
_ask("wait, not running", f"POST {_WEB}/wait?condition=not-running", given=stopped)
_ask("update", f"POST {_WEB}/update", given=created, body={"Memory": 64 << 20, "MemorySwap": -1})
_ask("update of nothing", f"POST {_WEB}/update", given=created, body={})
_ask("update without a body", f"POST {_WEB}/update", given=created)
_ask("update with no JSON", f"POST {_WEB}/update", given=created, body=b"{x")
_ask("update with a list", f"POST {_WEB}/update", given=created, body=[])
_ask("update to too little memory", f"POST {_WEB}/update", given=created, body={"Memory": 1024})
_ask(
    "update to a bad policy",
    f"POST {_WEB}/update",
    given=created,
    body={"RestartPolicy": {"Name": "x"}},
)
_ask(
    "update to more CPUs than there are",
    f"POST {_WEB}/update",
    given=running,
    body={"NanoCpus": 10**12},
)
_ask("removal", f"DELETE {_WEB}", given=stopped)
_ask("removal of a running one", f"DELETE {_WEB}", given=running)
_ask("removal of a paused one", f"DELETE {_WEB}", given=paused)
_ask("removal by force", f"DELETE {_WEB}?force=1", given=running)
_ask("removal with volumes", f"DELETE {_WEB}?v=1", given=stopped)
_ask("removal of a link that is not there", f"DELETE {_WEB}?link=1", given=stopped)
_ask("resize of a stopped one", f"POST {_WEB}/resize?h=10&w=10", given=stopped)
_ask("resize", f"POST {_WEB}/resize?h=10&w=10", given=running)
_ask("resize without a height", f"POST {_WEB}/resize?w=10", given=running)
_ask("resize to words", f"POST {_WEB}/resize?h=a&w=b", given=running)
_ask("prune of none", "POST /containers/prune")
_ask("prune", "POST /containers/prune", given=stopped)
_ask("prune by label", 'POST /containers/prune?filters={"label":["x=y"]}', given=stopped)
_ask("prune by until", 'POST /containers/prune?filters={"until":["1h"]}', given=stopped)
_ask("prune by a bad until", 'POST /containers/prune?filters={"until":["x"]}', given=stopped)
_ask("prune by two untils", 'POST /containers/prune?filters={"until":["1h","2h"]}')
_ask("prune by an unknown filter", 'POST /containers/prune?filters={"nonsense":["x"]}')
_ask("prune by no JSON", "POST /containers/prune?filters={x")
_ask("checkpoints", f"GET {_WEB}/checkpoints", given=running)
_ask("a checkpoint", f"POST {_WEB}/checkpoints", given=running, body={"CheckpointID": "c"})
_ask("removal of a checkpoint", f"DELETE {_WEB}/checkpoints/c", given=running)


@case("containers", "wait until it is removed")
def _removed(side: Side) -> Seen:
    body = {**SLEEP, "Cmd": ["sh", "-c", "exit 4"], "HostConfig": {"AutoRemove": True}}
    side.must("POST", CREATE, body)
    side.must("POST", f"{_WEB}/start")
    return side.ask("POST", f"{_WEB}/wait?condition=removed")["status"] in (200, 404)


@case("containers", "its states, as inspect tells them")
def _states(side: Side) -> Seen:
    steps = ("start", "pause", "unpause", "kill", "start", "stop?t=0", "restart?t=0")
    created(side)
    seen = []
    for step in steps:
        side.must("POST", f"{_WEB}/{step}")
        if step == "kill":
            side.must("POST", f"{_WEB}/wait")
        seen.append(side.ask("GET", f"{_WEB}/json")["body"]["State"])
    return seen


@case("containers", "a command that is not there")
def _no_command(side: Side) -> Seen:
    side.must("POST", CREATE, {"Image": "busybox", "Cmd": ["/no/such"]})
    return [side.ask("POST", f"{_WEB}/start"), side.ask("GET", f"{_WEB}/json")["body"]["State"]]


@case("containers", "a directory as the command")
def _directory(side: Side) -> Seen:
    side.must("POST", CREATE, {"Image": "busybox", "Cmd": ["/tmp"]})
    return side.ask("POST", f"{_WEB}/start")


@case("containers", "a working directory that is a file")
def _file_as_directory(side: Side) -> Seen:
    return side.ask("POST", CREATE, {**SLEEP, "WorkingDir": "/etc/passwd"})


@case("containers", "a port of the host")
def _port(side: Side) -> Seen:
    binding = {"PortBindings": {"80/tcp": [{"HostPort": "8088"}]}}
    side.must("POST", CREATE, {**SLEEP, "HostConfig": binding})
    side.must("POST", f"{_WEB}/start")
    return side.ask("GET", f"{_WEB}/json")["body"]["HostConfig"]["PortBindings"]
