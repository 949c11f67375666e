"""A registry that wants a password: Debian's own, beside the lab's open one."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integration_tools import until

from lab.cluster import Lab
from lab.http import call
from lab.install import find

USER, PASSWORD = "me", "secret"
_HASHED = "me:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"
_UNAUTHORIZED = 401


@contextmanager
def private_registry(lab: Lab, folder: Path) -> Iterator[str]:
    """Host and port of a registry that knows `USER` only; what it keeps is kept in *folder*."""
    host = lab.registry.endpoint.partition(":")[0]
    with socket.create_server((host, 0)) as probe:
        endpoint = f"{host}:{probe.getsockname()[1]}"
    with subprocess.Popen(
        [str(find().registry), "serve", str(_settings(folder, endpoint))],
        env={"OTEL_TRACES_EXPORTER": "none"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until(lambda: _asks_for_a_password(endpoint), 10, "the registry")
            yield endpoint
        finally:
            process.kill()


def _settings(folder: Path, endpoint: str) -> Path:
    (folder / "users").write_text(_HASHED)
    config = folder / "registry.yml"
    config.write_text(
        json.dumps(
            {
                "version": "0.1",
                "storage": {"filesystem": {"rootdirectory": str(folder)}},
                "http": {"addr": endpoint, "secret": "of a test"},
                "auth": {"htpasswd": {"realm": "test", "path": str(folder / "users")}},
            }
        )
    )
    return config


def _asks_for_a_password(endpoint: str) -> bool:
    try:
        return call("GET", endpoint, "/v2/", timeout_s=2).status == _UNAUTHORIZED
    except OSError:
        return False
