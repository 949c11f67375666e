"""Follows one prefix of Consul's store by blocking queries: paced, patient, told of once."""

import asyncio
import logging
import random
import time
from dataclasses import dataclass

from common.backoff import Backoff
from discovery.consul_http import ConsulHTTP, Listing
from discovery.errors import DiscoveryUnavailableError

_log = logging.getLogger(__name__)

WAIT_S = 30.0
"""For how long a query may stay unanswered when nothing changes."""
_MIN_INTERVAL_S = 0.1
"""Between two queries: a busy prefix must not turn blocking queries into a busy loop."""
_BACKOFF = Backoff(first_s=0.5, cap_s=15.0)
_REMINDER_EVERY = 20
"""A lasting failure is told of again after so many tries, about five minutes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one query brought."""

    listing: Listing
    is_doubtful: bool
    """The store failed since the last answer, or went back in time: what is missing from the list
    need not be gone."""


class BlockingQuery:
    """One recursive query after the other on the same prefix."""

    def __init__(self, http: ConsulHTTP, prefix: str) -> None:
        """Ask nothing yet; *prefix* ends in a slash, is empty, or is one key."""
        self._http = http
        self._prefix = prefix
        self._index = 0
        self._asked_at = -_MIN_INTERVAL_S
        self._failures = 0
        self._failure = ""
        self._is_doubtful = False

    @property
    def failure(self) -> str:
        """Why Consul does not answer at the moment; empty while it does."""
        return self._failure

    async def next(self, wait_s: float = WAIT_S) -> Answer:
        """Return the next good answer, however long Consul takes to give one.

        It comes at a change, or when *wait_s* has passed.
        """
        while True:
            await asyncio.sleep(self._asked_at + _MIN_INTERVAL_S - time.monotonic())
            self._asked_at = time.monotonic()
            try:
                listing = await self._http.listing(self._prefix, index=self._index, wait_s=wait_s)
            except DiscoveryUnavailableError as exc:
                await self._fail(exc)
            else:
                return self._answer(listing)

    def _answer(self, listing: Listing) -> Answer:
        if self._failures:
            _log.info("Consul answers again")
        self._failures, self._failure = 0, ""
        # The store went back in time: restored, or started anew. Waiting on the old index
        # could miss changes for as long as the new one is below it.
        went_back = listing.index < self._index
        self._index = 0 if went_back else listing.index
        answer = Answer(listing, self._is_doubtful or went_back)
        self._is_doubtful = False
        return answer

    async def _fail(self, exc: DiscoveryUnavailableError) -> None:
        if self._failures % _REMINDER_EVERY == 0:
            _log.error("%s; what is known stays as it is, trying again", exc)
        self._failures += 1
        self._failure = str(exc)
        self._index = 0
        self._is_doubtful = True
        await asyncio.sleep(_BACKOFF.delay_s(self._failures, random.random))
