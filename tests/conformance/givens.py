"""What cases start from: a container called ``web`` in some state, a network, a volume.

Every function takes one side, and returns what fills the gaps of the case's request, if any.
"""

from typing import Any

from integration_tools import until

from tests.conformance.sides import Side

CREATE = "/containers/create?name=web"
SLEEP: dict[str, Any] = {"Image": "busybox", "Cmd": ["sleep", "600"]}


def created(side: Side) -> None:
    """``web`` is created, never started."""
    side.must("POST", CREATE, SLEEP)


def running(side: Side) -> None:
    """``web`` sleeps."""
    created(side)
    side.must("POST", "/containers/web/start")


def sleeping(side: Side) -> None:
    """``web`` sleeps for certain: a started one is the runtime's own process for a moment."""
    running(side)
    top = "/containers/web/top?ps_args=-o%20pid,comm"
    until(lambda: side.must("GET", top).json()["Processes"][0][1] == "sleep", 5, "sleep")


def paused(side: Side) -> None:
    """``web`` sleeps, and is frozen."""
    running(side)
    side.must("POST", "/containers/web/pause")


def stopped(side: Side) -> None:
    """``web`` said ``one`` and ``two``, made /mark, and ended with 3."""
    _ended(side, Cmd=["sh", "-c", "echo one; echo two; touch /mark; exit 3"])


def terminal(side: Side) -> None:
    """``web`` had a terminal, said ``one`` and ended."""
    _ended(side, Cmd=["echo", "one"], Tty=True)


def both_streams(side: Side) -> None:
    """``web`` said ``one``, and ``two`` as an error, and ended."""
    _ended(side, Cmd=["sh", "-c", "echo one; echo two >&2"])


def _ended(side: Side, **body: Any) -> None:
    side.must("POST", CREATE, {"Image": "busybox", **body})
    side.must("POST", "/containers/web/start")
    side.must("POST", "/containers/web/wait")
    # An engine's list is a moment behind its wait.
    ended = '/containers/json?filters={"status":["exited"]}'
    until(lambda: side.must("GET", ended).json(), 5, "the container in the list of ended ones")


def two(side: Side) -> None:
    """``web`` and ``other`` are created."""
    created(side)
    side.must("POST", "/containers/create?name=other", SLEEP)


def execed(side: Side) -> dict[str, str]:
    """A command is prepared in a running ``web``: ``{exec}``."""
    running(side)
    body = {"Cmd": ["echo", "hi"], "AttachStdout": True, "AttachStderr": True}
    return {"exec": side.must("POST", "/containers/web/exec", body).json()["Id"]}


def exec_done(side: Side) -> dict[str, str]:
    """That command has run."""
    gaps = execed(side)
    side.must("POST", f"/exec/{gaps['exec']}/start", {})
    return gaps


def network(side: Side) -> None:
    """A network called ``net``."""
    side.must("POST", "/networks/create", {"Name": "net", "CheckDuplicate": True})


def member(side: Side) -> None:
    """A running ``web`` in ``net``."""
    network(side)
    side.must("POST", CREATE, {**SLEEP, "HostConfig": {"NetworkMode": "net"}})
    side.must("POST", "/containers/web/start")


def apart(side: Side) -> None:
    """``net``, and a created ``web`` outside of it."""
    network(side)
    created(side)


def volume(side: Side) -> None:
    """A volume called ``vol``."""
    side.must("POST", "/volumes/create", {"Name": "vol", "Labels": {"a": "b"}})


def mounted(side: Side) -> None:
    """``vol``, which a created ``web`` mounts."""
    volume(side)
    side.must("POST", CREATE, {**SLEEP, "HostConfig": {"Binds": ["vol:/data"]}})


def copied(side: Side) -> None:
    """A second name for busybox: ``copy:1``."""
    side.must("POST", "/images/busybox/tag?repo=copy&tag=1")


def committed(side: Side) -> None:
    """An image of its own, ``made:1``, made of a container."""
    stopped(side)
    side.must("POST", "/commit?container=web&repo=made&tag=1")
    side.must("DELETE", "/containers/web")


def nameless(side: Side) -> dict[str, str]:
    """An image that has no name, made of a container: ``{image}``."""
    stopped(side)
    made = side.must("POST", "/commit?container=web").json()["Id"]
    side.must("DELETE", "/containers/web")
    return {"image": made}


def parent(side: Side) -> dict[str, str]:
    """A nameless image that ``made:1`` was made from: ``{image}``."""
    gaps = nameless(side)
    side.must("POST", CREATE, {"Image": gaps["image"], "Cmd": ["true"]})
    side.must("POST", "/commit?container=web&repo=made&tag=1")
    side.must("DELETE", "/containers/web")
    return gaps


def in_use(side: Side) -> None:
    """``made:1``, which a running ``user`` uses."""
    committed(side)
    side.must("POST", "/containers/create?name=user", {"Image": "made:1", "Cmd": ["sleep", "600"]})
    side.must("POST", "/containers/user/start")
