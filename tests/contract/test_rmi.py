"""``docker rmi`` over engines that use the image, and such as can't be asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.client import Client, until
from tests.fakes.engine import Call, FakeEngine
from tests.fakes.loop import LoopThread
from tests.fakes.manager import RunningManager

pytestmark = pytest.mark.contract

ID = "sha256:" + "a" * 64
IMAGE = {"Id": ID, "RepoTags": ["app:1"], "RepoDigests": []}
ENDED = {"Status": "exited", "Running": False, "StartedAt": "2026-01-02T03:04:06Z"}


@pytest.fixture(scope="module")
def fleet() -> list[FakeEngine]:
    """The first has a stopped container of the image, the second a running one, the third none."""
    fleet = [FakeEngine(f"dockerhost0{number}", images=[IMAGE]) for number in (1, 2, 3)]
    fleet[0].add_container("1" * 64, "ended", Image=ID, State=ENDED)
    fleet[1].add_container("2" * 64, "web", Image=ID)
    return fleet


@pytest.fixture
def client(manager: RunningManager, fleet: list[FakeEngine]) -> Iterator[Client]:
    for engine in fleet:
        engine.forget_scripts()
        engine.on("DELETE /images/.*", removed)
    fleet[1].on(r"DELETE /images/sha256:.*", refused)
    with manager.connect() as client:
        yield client


async def removed(call: Call) -> None:
    await call.json([{"Untagged": "app:1"}, {"Deleted": ID}])


async def refused(call: Call) -> None:
    await call.json({"message": "conflict: image is being used by running container 222"}, 409)


def asked(engine: FakeEngine) -> int:
    return sum(a.method == "DELETE" for a in engine.asked)


def test_what_runs_anywhere_is_removed_nowhere(client: Client, fleet: list[FakeEngine]) -> None:
    """Force removes a stopped container's image, and not a running one's."""
    answer = client.ask("DELETE", f"/images/{ID}?force=1")
    assert (answer.status, answer.message) == (
        409,
        "conflict: image is being used by running container 222",
    )
    assert [asked(engine) for engine in fleet] == [0, 1, 0]


def test_who_can_not_be_asked_is_named(
    client: Client, manager: RunningManager, engines: LoopThread, fleet: list[FakeEngine]
) -> None:
    engines.run(fleet[2].stop())
    try:
        until(lambda: "dockerhost03" not in healthy(manager), "the loss of an engine")
        answer = client.ask("DELETE", "/images/app:1?force=1")
        assert (answer.status, len(answer.json())) == (200, 2)
        assert answer.header("x-cluster-partial") == "dockerhost03"
    finally:
        engines.run(fleet[2].restart())
        manager.wait_healthy(*fleet)
    assert client.ask("DELETE", "/images/app:1?force=1").header("x-cluster-partial") == ""


def healthy(manager: RunningManager) -> list[str]:
    return [engine.name for engine in manager.thread.call(manager.fleet.healthy_engines)]
