"""One call to many engines: what comes of it does not depend on who came first."""

from __future__ import annotations

from itertools import permutations
from typing import cast

import pytest

from engine.client import EngineClient
from engine.errors import EngineStatusError
from master.cluster.model import Engine
from master.operations.fanout import ask_all
from master.supervisor.fleet import Fleet

NODES = [Engine(address=f"10.0.0.{number}:2375", name=f"node-{number}") for number in (1, 2, 3)]


class _Fleet:
    def client(self, address: str) -> str:
        return address


async def _refuses(engine: Engine, client: EngineClient) -> None:
    raise EngineStatusError(str(client), 400 + int(engine.name[-1]), f"I am {engine.name}")


@pytest.mark.parametrize("engines", list(permutations(NODES)))
async def test_the_first_by_name_says_why_it_failed(engines: tuple[Engine, ...]) -> None:
    fanned = await ask_all(cast("Fleet", _Fleet()), _refuses, deadline_s=None, engines=engines)
    assert [engine.name for engine, _ in fanned.failures] == ["node-1", "node-2", "node-3"]
    with pytest.raises(EngineStatusError, match=r"^node-1: I am node-1$") as caught:
        fanned.raise_failure()
    assert caught.value.status == 401
