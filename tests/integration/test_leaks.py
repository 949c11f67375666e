"""A thousand bad requests to one manager: afterwards it holds nothing more than before."""

import gc
from dataclasses import dataclass
from pathlib import Path

import pytest
from bad_input_mix import mixture
from integration_tools import Api, Manager, until

from lab.cluster import Lab
from tests.fakes.manager import running_manager
from tests.fakes.usage import usage

pytestmark = pytest.mark.timeout(300)

MB = 1 << 20
WARM, COUNT = 500, 1000


@pytest.fixture(autouse=True)
def _web(api: Api) -> None:
    """What many of the requests are about."""
    api.run("web", Env=["constraint:node==dockerhost01"], StopSignal="SIGKILL")


def attack(api: Api, seed: int, count: int) -> None:
    """Send them, one after the other; now and then an honest one in between is answered."""
    for number, one in enumerate(mixture(seed, count)):
        one(api)
        if number % 100 == 0:
            assert api("GET", "/_ping").status == 200


def test_a_managers_process_holds_no_more_than_before(lab: Lab, tmp_path: Path) -> None:
    with Manager(tmp_path, lab.consul.uri, nodes=3) as manager:
        pid = manager.process.pid
        attack(manager.api, 1, WARM)
        before = usage(pid)
        attack(manager.api, 2, COUNT)
        # A ping in the same moment as a request adds a connection to an engine, for good.
        most = before.files + len(lab.engines)
        until(lambda: usage(pid).files <= most, 30, "the end of its connections")
        after = usage(pid)
        assert after.memory - before.memory < 15 * MB
        assert after.threads <= before.threads + 1
        assert "Traceback" not in manager.logged()
        assert len(manager.healthy()) == 3


@dataclass(frozen=True)
class Place:
    """A real engine, for a manager in this process."""

    address: str


def test_a_manager_has_no_more_tasks_than_before(lab: Lab) -> None:
    with running_manager(*(Place(engine.plan.endpoint) for engine in lab.engines)) as manager:
        host, port = manager.address
        api = Api(f"{host}:{port}")
        attack(api, 3, WARM)
        gc.collect()
        before = manager.thread.task_count()
        attack(api, 4, COUNT)
        until(lambda: manager.thread.task_count() <= before, 30, "the end of its tasks")
        gc.collect()  # what is lost unawaited, or raised unseen, complains now
