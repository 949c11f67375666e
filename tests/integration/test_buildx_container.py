"""buildx's driver ``docker-container``: BuildKit in a container that buildx makes and execs into.

Debian ships no ``buildkitd``. The image has a stand-in that hands ``buildctl dial-stdio`` to the
BuildKit inside the host's engine: all that passes the manager is the driver's own.
"""

import json
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from compose_tools import client_with_plugins
from image_tools import reset_images
from integration_tools import Cli, Manager

from lab.cluster import NEWER, Lab

IMAGE = "moby/buildkit:buildx-stable-1"
"""What the driver asks for."""
_BUILDKITD = """\
#!/bin/sh
exec sleep 100000
"""
_BUILDCTL = """\
#!/bin/sh
test "$1" = dial-stdio || exit 0
# The container has the host's network (an option of the driver), and so its engine's port.
host=$(netstat -ltn | sed -n 's/.* \\([0-9.]*\\):2375 .*/\\1/p')
head='POST /grpc HTTP/1.1\\r\\nHost: x\\r\\nConnection: Upgrade\\r\\nUpgrade: h2c\\r\\n\\r\\n'
exec 4<&0
mkfifo /tmp/$$
nc "$host" 2375 </tmp/$$ | {
  exec 3>/tmp/$$
  printf "$head" >&3
  # An engine loses what comes before it has switched.
  while read -r line && test "$line" != "$(printf '\\r')"; do :; done
  cat <&4 >&3 &
  exec 3>&- cat
}
"""


@pytest.fixture
def newer(lab: Lab) -> Iterator[Lab]:
    """Two engines of 26.1: a 20.10 can't run ``--privileged`` where root lacks a capability."""
    name = f"test-{os.getpid()}-bx"
    with Lab(name, [NEWER, NEWER], agents=False, manager=False) as other:
        yield other


@pytest.fixture
def manager(tmp_path: Path, newer: Lab) -> Iterator[Manager]:
    """A manager over them."""
    hosts = ",".join(engine.plan.endpoint for engine in newer.engines)
    with Manager(tmp_path, f"nodes://{hosts}", nodes=2) as manager:
        yield manager


@pytest.fixture
def buildx(newer: Lab, manager: Manager, tmp_path: Path) -> Cli:
    """The client; the driver's image is in the registry, and on no engine."""
    client = client_with_plugins(manager.url, tmp_path / "config")
    _push_image(newer, client, tmp_path)
    reset_images(newer, manager.api)
    return replace(client, options=("buildx",))


def _push_image(lab: Lab, client: Cli, tmp_path: Path) -> None:
    """Build the image, and put it where engines look for what is on Docker Hub."""
    folder = tmp_path / "buildkit"
    folder.mkdir()
    for name, text in (("buildkitd", _BUILDKITD), ("buildctl", _BUILDCTL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder / "Dockerfile").write_text(
        'FROM busybox\nCOPY buildkitd buildctl /usr/bin/\nENTRYPOINT ["buildkitd"]\n'
    )
    pushed = f"{lab.registry.endpoint}/{IMAGE}"
    classic = replace(client, environment={**client.environment, "DOCKER_BUILDKIT": "0"})
    classic("build", "-t", pushed, str(folder), timeout_s=60)
    classic("push", pushed, timeout_s=40)


def test_a_builder_in_a_container(buildx: Cli, manager: Manager, tmp_path: Path) -> None:
    api = manager.api
    word = uuid.uuid4().hex
    context = tmp_path / "context"
    context.mkdir()
    (context / "word").write_text(word)
    (context / "Dockerfile").write_text(
        "FROM busybox AS base\nCOPY word /word\nRUN cat /word >/copy\n"
        "FROM scratch\nCOPY --from=base /copy /copy\n"
    )
    options = ("--driver", "docker-container", "--driver-opt", "network=host")
    name = buildx("create", "--name", f"b{word[:8]}", "--use", *options).line
    container = f"buildx_buildkit_{name}0"

    shown = buildx("inspect", "--bootstrap", timeout_s=60)
    assert "pulling image" in shown.err
    assert re.search(r"^Status: +running$", shown.out, re.MULTILINE)
    facts = api.get(f"/containers/{container}/json")
    assert facts["HostConfig"]["Privileged"]
    assert facts["Config"]["Image"] == IMAGE
    assert [mount["Name"] for mount in facts["Mounts"]] == [f"{container}_state"]

    out = tmp_path / "out"
    buildx("build", "-o", f"type=local,dest={out}", str(context), timeout_s=60)
    assert (out / "copy").read_text() == word
    again = buildx("build", "-o", f"type=local,dest={out}", str(context), timeout_s=60)
    assert "CACHED" in again.err
    (context / "Dockerfile").write_text("FROM busybox\nRUN echo no >&2; exit 7\n")
    assert "exit code: 7" in buildx.fails("build", str(context), timeout_s=60).err
    assert "Total:" in buildx("du").out

    buildx("stop", name)
    assert api.get(f"/containers/{container}/json")["State"]["Status"] == "exited"
    buildx("inspect", "--bootstrap", name, timeout_s=60)
    assert api.get(f"/containers/{container}/json")["State"]["Status"] == "running"
    buildx("rm", name)
    assert api("GET", f"/containers/{container}/json").status == 404
    assert json.loads(api("GET", "/volumes").body)["Volumes"] in ([], None)
