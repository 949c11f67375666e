"""``swarm join``: write an engine's address down, renew it, take it back when told to stop."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from agent.signals import until_signalled
from common.backoff import Backoff
from common.durations import format_duration
from discovery.base import Address, Discovery
from discovery.errors import DiscoveryError, DiscoveryUnavailableError, NotSupportedError

_log = logging.getLogger(__name__)

_FIRST_RETRY_S = 1.0
_LEAVE_TIMEOUT_S = 5.0
"""Longer would keep a service manager waiting; what is left the TTL clears away."""
_LEAVE_RETRY_S = 0.5
"""Consul elects a new leader within seconds, and refuses until it has one."""


@dataclass(frozen=True, slots=True)
class JoinTimes:
    """The rhythm of an agent, in seconds."""

    heartbeat_s: float = 60.0
    """Between two renewals."""
    ttl_s: float = 180.0
    """After which the address vanishes once renewals stop."""
    delay_s: float = 0.0
    """The first registration waits a random time below this, so that a thousand agents that start
    together don't arrive together."""


async def join_until_signalled(discovery: Discovery, address: Address, times: JoinTimes) -> None:
    """Run `join` until SIGTERM or SIGINT, then leave at once and return.

    A second signal while leaving ends the process as it would any other.

    Raises:
        NotSupportedError: the discovery can never do this.
    """
    try:
        await until_signalled(join(discovery, address, times))
    finally:
        await discovery.aclose()


async def join(
    discovery: Discovery,
    address: Address,
    times: JoinTimes,
    *,
    rng: Callable[[], float] = random.random,
    on_beat: Callable[[bool], None] = lambda _is_known: None,
) -> None:
    """Keep *address* in *discovery* until cancelled, then take it out.

    Failures are logged and tried again, at first sooner than a whole heartbeat. *on_beat* is told
    after each try whether the address stands there now.

    Raises:
        NotSupportedError: the discovery can never do this.
    """
    is_refused = False
    try:
        if times.delay_s > 0:
            delay_s = rng() * times.delay_s
            _log.info("Waiting %s before registering", format_duration(round(delay_s, 3)))
            await asyncio.sleep(delay_s)
        await _beat(discovery, address, times, rng, on_beat)
    except NotSupportedError:
        is_refused = True
        raise
    finally:
        if not is_refused:
            await _leave(discovery, address)


async def _beat(
    discovery: Discovery,
    address: Address,
    times: JoinTimes,
    rng: Callable[[], float],
    on_beat: Callable[[bool], None],
) -> None:
    retry = Backoff(first_s=min(_FIRST_RETRY_S, times.heartbeat_s), cap_s=times.heartbeat_s)
    failures = 0
    is_known = False
    while True:
        try:
            await discovery.register(address, times.ttl_s)
        except DiscoveryUnavailableError as exc:
            on_beat(False)
            failures += 1
            wait_s = retry.delay_s(failures, rng)
            _log.error(
                "%s could not be registered, next try in %s: %s",
                address,
                format_duration(round(wait_s, 1)),
                exc,
            )
            await asyncio.sleep(wait_s)
            continue
        on_beat(True)
        if failures or not is_known:
            _log.info(
                "Registered %s in %s; renewing it every %s",
                address,
                discovery.describe(),
                format_duration(times.heartbeat_s),
            )
        failures, is_known = 0, True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(times.heartbeat_s):
                await discovery.until_lost(address)
                is_known = False
                _log.warning("%s is gone from %s: registering it", address, discovery.describe())


async def _leave(discovery: Discovery, address: Address) -> None:
    error: DiscoveryError | None = None
    try:
        async with asyncio.timeout(_LEAVE_TIMEOUT_S):
            while True:
                error = await _deregistered(discovery, address)
                if error is None:
                    break
                await asyncio.sleep(_LEAVE_RETRY_S)
    except TimeoutError:
        _log.warning(
            "%s could not be deregistered and goes when its TTL ends: %s",
            address,
            error or "no answer in time",
        )
    else:
        _log.info("%s has left %s", address, discovery.describe())


async def _deregistered(discovery: Discovery, address: Address) -> DiscoveryError | None:
    """Take *address* out; returns why that failed, None if it did not."""
    try:
        await discovery.deregister(address)
    except DiscoveryError as exc:
        return exc
    return None
