"""HAProxy's stats socket: one command a connection, answers as text."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from router.errors import RuntimeApiError
from router.rules.haproxy_plan import Servers, Step, running_servers

_TIMEOUT_S = 5.0
_MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Info:
    """Which process answers, with which file."""

    pid: int
    description: str


class RuntimeApi:
    """The commands that the router needs.

    Each raises `RuntimeApiError` when nobody answers, or not in time.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    async def info(self) -> Info:
        """Return who answers."""
        lines = (line.partition(": ") for line in (await self._ask("show info")).splitlines())
        facts = {name: value for name, _, value in lines}
        try:
            return Info(int(facts["Pid"]), facts.get("description", ""))
        except (KeyError, ValueError) as exc:
            raise RuntimeApiError(f"{self._path}: this is no HAProxy") from exc

    async def servers(self) -> Servers:
        """Return all servers."""
        try:
            return running_servers(await self._ask("show stat -1 4 -1"))
        except ValueError as exc:
            raise RuntimeApiError(f"{self._path}: {exc}") from exc

    async def carry_out(self, steps: Iterable[Step]) -> None:
        """Carry out *steps*; ends at the first that is refused.

        Raises:
            RuntimeApiError: a step was refused, in HAProxy's words.
        """
        for step in steps:
            answer = (await self._ask(step.command)).strip()
            if answer and not answer.startswith(step.good or ("\0",)):
                raise RuntimeApiError(f"{step.command}: {answer[:_MAX_SHOWN]}")

    async def _ask(self, command: str) -> str:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(self._path)
                try:
                    writer.write(f"{command}\n".encode())
                    await writer.drain()
                    return (await reader.read()).decode(errors="replace")
                finally:
                    writer.close()
        except (OSError, TimeoutError) as exc:
            raise RuntimeApiError(f"{self._path}: {exc or 'no answer in time'}") from exc
