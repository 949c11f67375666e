"""Drain marks in a real Consul: how long they hold a stop back, and that none is left behind."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from discovery_consul_server import ConsulServer
from registrator_tools import container_id, items, until

from discovery.consul_http import ConsulHTTP
from discovery.uri import ConsulTarget
from services.marks import DrainMarks

pytestmark = pytest.mark.contract

WEB = container_id(1)
MARK = f".drain/{WEB}"


def target(port: int) -> ConsulTarget:
    return ConsulTarget("127.0.0.1", port, "services", "")


@pytest.fixture
async def http(consul: ConsulServer) -> AsyncIterator[ConsulHTTP]:
    one = ConsulHTTP(target(consul.ports["http"]))
    yield one
    await one.aclose()


class Stop:
    """A stop that is held back, and takes *lasts_s* once it is passed on."""

    def __init__(self, marks: DrainMarks, seconds: float, lasts_s: float = 0) -> None:
        self.asked_at = time.monotonic()
        self.passed_at = 0.0
        self.task = asyncio.create_task(self._run(marks, seconds, lasts_s))

    async def _run(self, marks: DrainMarks, seconds: float, lasts_s: float) -> None:
        async with marks.drained(WEB, seconds):
            self.passed_at = time.monotonic()
            await asyncio.sleep(lasts_s)

    @property
    def waited_s(self) -> float:
        return self.passed_at - self.asked_at


def sessions(consul: ConsulServer) -> list[str]:
    return [one["Name"] for one in consul.call("GET", "/session/list").json()]


async def test_the_mark_stands_before_the_stop_and_until_it_is_answered(
    consul: ConsulServer, http: ConsulHTTP
) -> None:
    stop = Stop(DrainMarks(http, "services"), 2.0, lasts_s=2.0)
    await until(lambda: MARK in items(consul))
    assert not stop.passed_at
    await until(lambda: stop.passed_at > 0)
    assert stop.waited_s >= 2.0
    assert MARK in items(consul)
    await stop.task
    assert (items(consul), sessions(consul)) == ({}, [])


async def test_a_second_stop_waits_for_the_first(consul: ConsulServer, http: ConsulHTTP) -> None:
    first = Stop(DrainMarks(http, "services"), 1.5)
    await until(lambda: MARK in items(consul))
    second = Stop(DrainMarks(http, "services"), 5)
    await asyncio.gather(first.task, second.task)
    assert second.passed_at >= first.passed_at
    assert second.waited_s < 4  # not longer than there is a reason to
    assert (items(consul), sessions(consul)) == ({}, [])


async def test_a_second_stop_waits_no_longer_than_it_would_alone(
    consul: ConsulServer, http: ConsulHTTP
) -> None:
    first = Stop(DrainMarks(http, "services"), 0.1, lasts_s=30)
    await until(lambda: first.passed_at > 0)
    second = Stop(DrainMarks(http, "services"), 0.5)
    await asyncio.wait_for(second.task, 10)
    assert second.waited_s >= 0.5
    assert MARK in items(consul)  # the first one's
    first.task.cancel()
    await asyncio.wait([first.task])
    assert items(consul) == {}


class Breathless(ConsulHTTP):
    """A Consul whose answer to a mark is never read."""

    async def acquire(self, key: str, value: str, *, flags: int, session: str) -> bool:
        await super().acquire(key, value, flags=flags, session=session)
        await asyncio.Event().wait()
        return True


async def test_a_stop_that_is_given_up_leaves_no_mark(consul: ConsulServer) -> None:
    http = Breathless(target(consul.ports["http"]))
    stop = Stop(DrainMarks(http, "services"), 60)
    await until(lambda: MARK in items(consul))
    stop.task.cancel()
    await asyncio.wait([stop.task])
    assert stop.task.cancelled()
    assert (items(consul), sessions(consul)) == ({}, [])
    await http.aclose()


async def test_without_consul_a_stop_is_passed_on(unused_tcp_port: int) -> None:
    http = ConsulHTTP(target(unused_tcp_port))
    stop = Stop(DrainMarks(http, "services"), 60)
    await asyncio.wait_for(stop.task, 5)
    await http.aclose()
