"""testcontainers-python in the integration tests: pointed at a manager, leaving nothing open."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import docker
import pytest
from docker_py_tools import closing_all
from integration_tools import docker_config
from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.waiting_utils import WaitStrategy


def waiting_for(container: DockerContainer, strategy: WaitStrategy) -> DockerContainer:
    """Wait at once if the container has been started.

    The library means to wait for its reaper's first line, but says so only after the start, when
    nobody looks any more. What it then sends is lost if Docker's own proxy, which stands before
    the hosts of a lab, accepts it before the reaper listens: on one engine just so.
    """
    if container._container is None:
        container._wait_strategy = strategy
    else:
        strategy.wait_until_ready(container)
    return container


@contextmanager
def environment(monkeypatch: pytest.MonkeyPatch, url: str) -> Iterator[None]:
    """What a user sets for the manager at *url*, but as if the tests ran outside of a container.

    The reaper is off.
    """
    monkeypatch.setenv("DOCKER_HOST", url)
    monkeypatch.setenv("DOCKER_CONFIG", docker_config())
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
    monkeypatch.setattr(testcontainers_config, "tc_host_override", None)
    monkeypatch.setattr(
        testcontainers_config, "connection_mode_override", ConnectionMode.docker_host
    )
    monkeypatch.setattr(DockerContainer, "waiting_for", waiting_for)
    from_env = docker.from_env
    with ExitStack() as clients:
        monkeypatch.setattr(
            docker, "from_env", lambda **kw: clients.enter_context(closing_all(from_env(**kw)))
        )
        yield
