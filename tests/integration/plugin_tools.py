"""A real plugin for the tests, made on an engine and pushed, as its author would do it.

An engine wants of a plugin that it listens on a socket in ``/run/docker/plugins``. Debian's
registry can, and the lab has it at hand; nobody asks this one for an image.
"""

import io
import json
import tarfile

from base_images import Tree
from integration_tools import Api, Cli

from lab.cluster import Lab
from lab.host import Engine
from lab.install import find

_CONFIG = {
    "description": "listens, and does no more",
    "documentation": "",
    "entrypoint": ["/registry", "serve", "/config.yml"],
    "interface": {"types": ["lab.listener/1.0"], "socket": "listener.sock"},
    "env": [
        {"name": "OTEL_TRACES_EXPORTER", "value": "none"},
        {"name": "COLOUR", "value": "red", "settable": ["value"]},
    ],
    "linux": {"capabilities": ["CAP_SYS_ADMIN"]},
    "network": {"type": "none"},
    "workdir": "/",
}
_SETTINGS = {
    "version": "0.1",
    "storage": {"filesystem": {"rootdirectory": "/tmp"}},
    "http": {"net": "unix", "addr": "/run/docker/plugins/listener.sock"},
}


def push_plugin(engine: Engine, cli: Cli, name: str) -> None:
    """Make the plugin on *engine*, push it as *name* by a client of that engine, remove it."""
    headers = {"Content-Type": "application/x-tar"}
    made = Api(engine.socket)(
        "POST", f"/plugins/create?name={name}", _archive(), headers=headers, timeout_s=60
    )
    assert made.status == 204, made.body
    cli("plugin", "push", name, timeout_s=60)
    cli("plugin", "rm", name)


def plugins_on(lab: Lab) -> list[dict[str, bool]]:
    """What each engine has itself: name to whether it is enabled."""
    return [
        {row["Name"]: row["Enabled"] for row in Api(engine.socket).get("/plugins")}
        for engine in lab.engines
    ]


def remove_plugins(lab: Lab) -> None:
    """Take every plugin from every engine."""
    for engine in lab.engines:
        api = Api(engine.socket)
        for row in api.get("/plugins"):
            api("DELETE", f"/plugins/{row['Name']}?force=1")


def _archive() -> bytes:
    """The tar that ``docker plugin create`` sends: a configuration, and a root folder."""
    program = find().registry
    tree = Tree()
    tree.add(program, "/registry")
    tree.add_libraries([program])
    tree.write("/config.yml", json.dumps(_SETTINGS))
    made = io.BytesIO()
    with (
        tarfile.open(fileobj=made, mode="w") as out,
        tarfile.open(fileobj=io.BytesIO(tree.layer().tar)) as root,
    ):
        text = json.dumps(_CONFIG).encode()
        entry = tarfile.TarInfo("config.json")
        entry.size = len(text)
        out.addfile(entry, io.BytesIO(text))
        for entry in root:
            content = root.extractfile(entry) if entry.isreg() else None
            entry.name = f"rootfs/{entry.name}"
            out.addfile(entry, content)
    return made.getvalue()
