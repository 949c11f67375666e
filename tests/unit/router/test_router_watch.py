"""The services' watch against scripted answers; a real Consul is in tests/contract."""

import asyncio
import base64
import json

import httpx
import pytest

from common.backoff import Backoff
from discovery.consul_http import ConsulHTTP
from discovery.uri import ConsulTarget
from services.watch import ServiceWatch, Snapshot

Answer = httpx.Response | Exception
WEB = ("services/web-80/h:c:80", "10.0.0.1:1")
API = ("services/api-80/h:d:80", "10.0.0.1:2")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discovery.blocking._MIN_INTERVAL_S", 0.0)
    monkeypatch.setattr("discovery.blocking._BACKOFF", Backoff(0.0, 0.0))


def listing(index: int, *pairs: tuple[str, str]) -> httpx.Response:
    items = [
        {"Key": key, "Value": base64.b64encode(value.encode()).decode()} for key, value in pairs
    ]
    return httpx.Response(
        200 if items else 404, content=json.dumps(items), headers={"X-Consul-Index": str(index)}
    )


def watch_of(answers: list[Answer], asked: list[httpx.Request]) -> ServiceWatch:
    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if not answers:
            await asyncio.Event().wait()
        given = answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    http = ConsulHTTP(
        ConsulTarget("c", 8500, "services", ""), transport=httpx.MockTransport(answer)
    )
    return ServiceWatch(http, "services")


async def take(count: int, *answers: Answer) -> tuple[list[Snapshot], list[httpx.Request]]:
    asked: list[httpx.Request] = []
    snapshots = watch_of(list(answers), asked).snapshots()
    async with asyncio.timeout(5):
        return [await anext(snapshots) for _ in range(count)], asked


async def test_one_recursive_query_waits_for_each_next_change() -> None:
    (first, second), asked = await take(2, listing(5, WEB), listing(7, WEB, API))
    assert [one.folder for one in first.entries] == ["web-80"]
    assert [one.folder for one in second.entries] == ["api-80", "web-80"]
    assert second.keys["web-80/h:c:80"] == b"10.0.0.1:1"
    assert asked[1].url.path == "/v1/kv/services/"
    assert asked[1].url.params["index"] == "5"
    assert "recurse" in asked[1].url.params


async def test_an_answer_that_says_the_same_is_no_news() -> None:
    mark = ("services/.drain/x", "3s")
    (first, second), _ = await take(
        2, listing(5, WEB), listing(6, WEB), listing(7, WEB, mark), listing(8)
    )
    assert (first.index, second.index) == (5, 8)


async def test_foreign_keys_are_no_entries() -> None:
    (first,), _ = await take(1, listing(5, ("services/", ""), ("services/note", "hi"), WEB))
    assert len(first.entries) == 1
    assert sorted(first.keys) == ["note", "web-80/h:c:80"]


async def test_an_answer_after_a_failure_is_in_doubt() -> None:
    found, _ = await take(
        3, listing(5, WEB, API), httpx.ConnectError("down"), listing(6), listing(7, WEB)
    )
    assert [one.is_doubtful for one in found] == [False, True, False]


async def test_an_index_that_goes_back_puts_the_answer_in_doubt_and_starts_anew() -> None:
    found, asked = await take(3, listing(50, WEB, API), listing(3, API), listing(4, WEB))
    assert [one.is_doubtful for one in found] == [False, True, False]
    assert "index" not in asked[2].url.params


async def test_the_watch_tells_why_consul_does_not_answer() -> None:
    asked: list[httpx.Request] = []
    watch = watch_of([listing(5, WEB), *[httpx.ConnectError("refused")] * 3], asked)
    snapshots = watch.snapshots()
    await anext(snapshots)
    assert watch.failure == ""
    waiting = asyncio.ensure_future(anext(snapshots))
    async with asyncio.timeout(5):
        while len(asked) < 4:  # noqa: ASYNC110 (the scripted Consul tells nobody)
            await asyncio.sleep(0)
    assert watch.failure == "Consul at c:8500: refused"
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_an_entry_knows_when_its_key_came() -> None:
    answer = listing(9, WEB)
    items = json.loads(answer.content)
    items[0]["CreateIndex"] = 7
    (first,), _ = await take(1, httpx.Response(200, json=items, headers=answer.headers))
    assert [one.created for one in first.entries] == [7]
