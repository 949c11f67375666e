"""The refresher: what an engine's list doesn't show yet is not taken for the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from engine.client import EngineClient
from master.cluster.model import Engine
from master.cluster.state import ClusterState
from master.supervisor.refresher import Refresher

ADDRESS = "10.0.0.1:2375"
ID = "a" * 64


class LaggingEngine:
    """A daemon with one container that has just died: its list shows that after an inspect."""

    def __init__(self) -> None:
        self.shown = "running"
        self.asked: list[str] = []

    async def list_containers(self, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
        self.asked.append("list")
        await asyncio.sleep(0)
        return [{"Id": ID, "Names": ["/web"], "State": self.shown, "Status": self.shown}]

    async def inspect_container(self, container_id: str) -> dict[str, Any]:
        self.asked.append("inspect")
        await asyncio.sleep(0)
        self.shown = "exited"
        return {"Id": container_id, "Config": {}, "HostConfig": {}}

    async def list_images(self) -> list[dict[str, Any]]:
        return []

    list_volumes = list_networks = list_images


@pytest.mark.parametrize("everything", [False, True], ids=["one-mark", "all-marked"])
async def test_what_has_changed_is_inspected_before_it_is_listed(everything: bool) -> None:
    engine, state = LaggingEngine(), ClusterState()
    state.put_engine(Engine(address=ADDRESS))
    refresher = Refresher(ADDRESS, cast("EngineClient", engine), state)
    refresher.mark(ID)
    if everything:
        refresher.mark_all()
    working = asyncio.create_task(refresher.run())
    await refresher.flush()
    working.cancel()
    container = state.container(ADDRESS, ID)
    assert container is not None
    assert container.state == "exited"
    assert engine.asked == ["inspect", "list"]
