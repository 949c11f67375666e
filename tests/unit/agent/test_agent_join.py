import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator

import pytest

from agent.join import JoinTimes, join, join_until_signalled
from discovery.base import Address
from discovery.errors import DiscoveryUnavailableError, NotSupportedError

ADDRESS = Address.parse("a:1")
QUICK = JoinTimes(heartbeat_s=0.01, ttl_s=20)


class FakeDiscovery:
    """Remembers what it was told; fails as often as it was asked to."""

    def __init__(self, *failures: Exception, leave_failure: Exception | None = None) -> None:
        self.failures = list(failures)
        self.leave_failure = leave_failure
        self.calls: list[str] = []
        self.ttl_s = 0.0
        self.beaten = asyncio.Event()
        self.hangs = False
        self.stays_down = True
        self.losses = 0

    def describe(self) -> str:
        return "fake://"

    async def watch(self) -> AsyncGenerator[frozenset[Address]]:
        yield frozenset()

    async def register(self, address: Address, ttl_s: float) -> None:
        self.calls.append(f"register {address}")
        self.ttl_s = ttl_s
        if len(self.calls) >= 3:
            self.beaten.set()
        if self.hangs:
            await asyncio.Event().wait()
        if self.failures:
            raise self.failures.pop(0)

    async def until_lost(self, address: Address) -> None:
        if not self.losses:
            await asyncio.Event().wait()
        self.losses -= 1

    async def deregister(self, address: Address) -> None:
        self.calls.append(f"deregister {address}")
        if self.leave_failure:
            failure = self.leave_failure
            self.leave_failure = failure if self.stays_down else None
            raise failure

    async def aclose(self) -> None:
        self.calls.append("aclose")


async def run_for_three_calls(discovery: FakeDiscovery, times: JoinTimes = QUICK) -> None:
    task = asyncio.create_task(join(discovery, ADDRESS, times, rng=lambda: 0.0))
    async with asyncio.timeout(5):
        await discovery.beaten.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_it_renews_each_heartbeat_and_leaves_when_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    discovery = FakeDiscovery()
    await run_for_three_calls(discovery)
    assert discovery.calls == ["register a:1"] * 3 + ["deregister a:1"]
    assert discovery.ttl_s == 20
    assert [r.getMessage() for r in caplog.records] == [
        "Registered a:1 in fake://; renewing it every 10ms",
        "a:1 has left fake://",
    ]


async def test_a_failure_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    discovery = FakeDiscovery(DiscoveryUnavailableError("down"), DiscoveryUnavailableError("down"))
    await run_for_three_calls(discovery)
    messages = [r.getMessage() for r in caplog.records]
    assert messages[:2] == ["a:1 could not be registered, next try in 0s: down"] * 2
    assert messages[2].startswith("Registered a:1")


async def test_what_is_lost_is_registered_at_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    discovery = FakeDiscovery()
    discovery.losses = 2
    await run_for_three_calls(discovery, JoinTimes(heartbeat_s=60))
    assert discovery.calls == ["register a:1"] * 3 + ["deregister a:1"]
    assert [r.getMessage() for r in caplog.records] == [
        "Registered a:1 in fake://; renewing it every 1m0s",
        "a:1 is gone from fake://: registering it",
        "Registered a:1 in fake://; renewing it every 1m0s",
        "a:1 is gone from fake://: registering it",
        "Registered a:1 in fake://; renewing it every 1m0s",
        "a:1 has left fake://",
    ]


async def test_the_next_try_comes_sooner_than_a_heartbeat(
    caplog: pytest.LogCaptureFixture,
) -> None:
    discovery = FakeDiscovery(DiscoveryUnavailableError("down"))
    task = asyncio.create_task(join(discovery, ADDRESS, JoinTimes(heartbeat_s=60), rng=lambda: 0.0))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "next try in 500ms" in caplog.text


async def test_the_first_registration_waits_a_random_part_of_the_delay() -> None:
    discovery = FakeDiscovery()
    times = JoinTimes(heartbeat_s=60, delay_s=3600)
    task = asyncio.create_task(join(discovery, ADDRESS, times, rng=lambda: 0.5))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "register a:1" not in discovery.calls


async def test_what_can_never_work_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    discovery = FakeDiscovery(NotSupportedError("a list"))
    with pytest.raises(NotSupportedError, match="a list"):
        await join(discovery, ADDRESS, QUICK)
    assert discovery.calls == ["register a:1"]
    assert not caplog.records


async def test_leaving_is_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("agent.join._LEAVE_RETRY_S", 0.001)
    discovery = FakeDiscovery(leave_failure=DiscoveryUnavailableError("no leader"))
    discovery.stays_down = False
    await run_for_three_calls(discovery)
    assert discovery.calls[-2:] == ["deregister a:1", "deregister a:1"]
    assert "a:1 has left fake://" in caplog.text


async def test_leaving_that_fails_is_only_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.join._LEAVE_TIMEOUT_S", 0.01)
    discovery = FakeDiscovery(leave_failure=DiscoveryUnavailableError("down"))
    await run_for_three_calls(discovery)
    assert "a:1 could not be deregistered and goes when its TTL ends: down" in caplog.text


async def test_a_registration_under_way_does_not_delay_leaving() -> None:
    discovery = FakeDiscovery()
    discovery.hangs = True
    task = asyncio.create_task(join(discovery, ADDRESS, QUICK))
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(1):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert discovery.calls == ["register a:1", "deregister a:1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_good_order(number: signal.Signals) -> None:
    discovery = FakeDiscovery()
    task = asyncio.create_task(join_until_signalled(discovery, ADDRESS, QUICK))
    async with asyncio.timeout(5):
        await discovery.beaten.wait()
        os.kill(os.getpid(), number)
        await task
    assert discovery.calls[-2:] == ["deregister a:1", "aclose"]


async def test_a_cancellation_that_is_no_signal_is_passed_on() -> None:
    discovery = FakeDiscovery()
    task = asyncio.create_task(join_until_signalled(discovery, ADDRESS, QUICK))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_each_beat_tells_whether_the_address_stands_there() -> None:
    discovery = FakeDiscovery(DiscoveryUnavailableError("down"))
    told: list[bool] = []
    task = asyncio.create_task(
        join(discovery, ADDRESS, QUICK, rng=lambda: 0.0, on_beat=told.append)
    )
    async with asyncio.timeout(5):
        await discovery.beaten.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert told[:2] == [False, True]
