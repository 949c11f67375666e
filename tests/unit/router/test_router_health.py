import json
from typing import Any

import pytest

from router.figures import Figures
from router.rules.health import troubles
from router.status import StatusApp


async def ask(figures: Figures, path: str) -> tuple[int, str]:
    """Status and body of one answer."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {}

    await StatusApp(lambda: figures)({"method": "GET", "path": path}, receive, send)
    return sent[0]["status"], sent[1]["body"].decode()


def test_an_edge_is_well_whose_proxy_runs_what_was_last_asked_for() -> None:
    assert troubles(is_supervised=True, is_proxy_up=True, failure="") == ()


def test_a_dead_proxy_is_none_of_a_router_that_does_not_run_it() -> None:
    assert troubles(is_supervised=False, is_proxy_up=False, failure="") == ()
    assert troubles(is_supervised=True, is_proxy_up=False, failure="") == (
        "the proxy does not run",
    )


@pytest.mark.parametrize("outcome", ["render-failed", "check-failed", "reload-failed"])
async def test_a_change_that_is_not_in_force_shows_until_one_is(outcome: str) -> None:
    figures = Figures(is_supervised=True, proxy_pid=7)
    figures.note(outcome, "line 3:\nno such directive")
    said = "the last change is not in force: line 3: no such directive\n"
    assert await ask(figures, "/health") == (503, said)
    figures.note("reloaded")
    assert await ask(figures, "/health") == (200, "ok\n")


async def test_the_edge_is_well_while_consul_is_away() -> None:
    figures = Figures(is_supervised=True, proxy_pid=7, consul_failure="no answer")
    assert (await ask(figures, "/health"))[0] == 200
    status, body = await ask(figures, "/status")
    assert (status, json.loads(body)["consul"]["answers"]) == (200, False)
