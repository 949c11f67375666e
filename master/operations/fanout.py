"""The same call to many engines at once, and what to do when some of them fail.

Reads are best effort: what answered is shown, and `Fanned.headers` names the rest. Writes are not:
after all engines were tried, the first failure is the answer (`Fanned.raise_failure`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.client import EngineClient
from engine.errors import (
    EngineError,
    EngineStatusError,
    EngineTimeoutError,
    EngineUnreachableError,
)
from master.cluster.model import Engine
from master.errors import ManagerError, NoHealthyNodeError
from master.supervisor.fleet import Fleet, by_name

_log = logging.getLogger(__name__)

PARTIAL = "X-Cluster-Partial"
"""Names the nodes that an answer says nothing about, with commas between."""

T = TypeVar("T")


@dataclass(frozen=True)
class Fanned(Generic[T]):
    """What came of one call to many engines; both in the order of the engines' names."""

    answers: list[tuple[Engine, T]]
    failures: list[tuple[Engine, EngineError]]

    @property
    def headers(self) -> dict[str, str]:
        """`PARTIAL`, if some engine failed."""
        return partial_headers(engine for engine, _ in self.failures)

    def raise_if_all_failed(self) -> None:
        """For reads.

        Raises:
            EngineError: no engine answered; see `raise_failure`.
        """
        if not self.answers:
            self.raise_failure()

    def raise_failure(self) -> None:
        """For writes.

        Raises:
            EngineError: an engine failed: the first one's status, and ``node: words``. If all of
                them say the same (a wrong filter, say), it is said once, in their own words.
        """
        if not self.failures:
            return
        engine, first = self.failures[0]
        if isinstance(first, EngineStatusError):
            # Engines of two generations differ in a capital ("Invalid filter").
            said = {(getattr(exc, "status", 0), exc.message.lower()) for _, exc in self.failures}
            if not self.answers and len(said) == 1:
                raise first
            status = first.status
        else:
            status = 500
        raise EngineStatusError(
            engine.address, status, f"{engine.name}: {first.message}"
        ) from first


async def ask_all(
    fleet: Fleet,
    call: Callable[[Engine, EngineClient], Awaitable[T]],
    *,
    deadline_s: float | None,
    engines: Iterable[Engine] | None = None,
) -> Fanned[T]:
    """Make *call* for every engine at the same time.

    Args:
        fleet: knows them.
        call: its errors of an engine are collected; any other is a mistake of ours.
        deadline_s: for each engine; None: a health check that fails ends the call instead.
        engines: those to be asked; None: all healthy ones.

    Raises:
        NoHealthyNodeError: there is none to be asked.
    """
    asked = by_name(fleet.healthy_engines() if engines is None else engines)
    if not asked:
        raise NoHealthyNodeError

    async def one(engine: Engine) -> T | EngineError:
        try:
            async with asyncio.timeout(deadline_s):
                return await call(engine, fleet.client(engine.address))
        except TimeoutError:
            fleet.suspect(engine.address)
            return EngineTimeoutError(engine.address, f"no answer within {deadline_s:g} s")
        except EngineUnreachableError as exc:
            fleet.suspect(engine.address)
            return exc
        except EngineError as exc:
            _log.debug("%s: %s", engine.name, exc)
            return exc
        except ManagerError as exc:  # it left the cluster just now
            return EngineError(engine.address, str(exc))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(engine), name=f"ask {engine.name}") for engine in asked]
    answers: list[tuple[Engine, T]] = []
    failures: list[tuple[Engine, EngineError]] = []
    for engine, task in zip(asked, tasks, strict=True):
        result = task.result()
        if isinstance(result, EngineError):
            failures.append((engine, result))
        else:
            answers.append((engine, result))
    return Fanned(answers, failures)


def partial_headers(missing: Iterable[Engine]) -> dict[str, str]:
    """Return `PARTIAL` for *missing* engines; nothing if there are none."""
    names = sorted(engine.name or engine.address for engine in missing)
    # A hostname is ASCII; what else an engine may call itself can't break a header.
    text = ",".join(names).encode("ascii", "replace").decode("ascii")
    return {PARTIAL: text.replace("\r", "?").replace("\n", "?")} if names else {}
