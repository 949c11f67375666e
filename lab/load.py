"""A small load: workers that ask one address again and again, and count what becomes of it.

Each worker keeps its connection, as browsers and most clients do. So it also follows their rule
for a kept connection that ends just when the next request is on its way: not a byte of an answer
came, so nobody has dealt with it, and it is asked once more on a new one (RFC 9110, 9.2.2).

`python -m lab.load HOST:PORT` prints the counts.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from threading import Thread
from types import TracebackType
from typing import Self

import click

_LATE_S = 1.0
_TIMEOUT_S = 5.0
_PAUSE_S = 0.02
_STATUS = slice(9, 12)
"""Where the number stands in ``HTTP/1.1 200 OK``."""
_FIRST_ERROR_STATUS = 400


@dataclass(slots=True)
class Seen:
    """When one answer was given, in seconds of the monotonic clock."""

    count: int
    first_s: float
    last_s: float


@dataclass(slots=True)
class Tally:
    """What became of the requests."""

    ok: int = 0
    late: int = 0
    """Of those that went well, how many took longer than a second."""
    again: int = 0
    """Asked once more, because a kept connection had just ended."""
    failed: Counter[str] = field(default_factory=Counter)
    """Lost requests by cause: ``refused``, ``reset``, ``cut off``, ``status 503`` …."""
    answers: dict[str, Seen] = field(default_factory=dict)
    """Body to when it was answered; containers that say who they are can be told apart."""

    @property
    def lost(self) -> int:
        """How many requests had no good answer."""
        return self.failed.total()

    def note(self, body: str, took_s: float, now_s: float) -> None:
        """Count a good answer."""
        self.ok += 1
        self.late += took_s > _LATE_S
        seen = self.answers.setdefault(body, Seen(0, now_s, now_s))
        seen.count += 1
        seen.last_s = now_s

    def __str__(self) -> str:
        causes = ", ".join(f"{count} {cause}" for cause, count in self.failed.most_common())
        lost = f"{self.lost} lost ({causes})" if causes else "none lost"
        return f"{self.ok} answered, {lost}, {self.late} late, {self.again} asked again"


class LostError(Exception):
    """A request without a good answer; its text is the cause."""


class _UnheardError(Exception):
    """A kept connection ended before a byte of the answer."""


class Worker:
    """One client with one connection."""

    def __init__(self, endpoint: str, name: str) -> None:
        """Connect to nothing yet.

        Args:
            endpoint: ``host:port``.
            name: virtual host to ask for, in the Host field.
        """
        self._host, _, self._port = endpoint.rpartition(":")
        self._request = f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.again = 0
        """How often it asked once more."""

    async def ask(self) -> str:
        """Return the body of one good answer.

        Raises:
            LostError: there was none; the connection is closed.
        """
        try:
            return await _in_time(self._ask())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._streams is not None:
            writer = self._streams[1]
            self._streams = None
            writer.transport.abort()

    async def _ask(self) -> str:
        if self._streams is not None:
            try:
                return await self._exchange(*self._streams, is_kept=True)
            except _UnheardError:
                self.close()
                self.again += 1
        self._streams = await asyncio.open_connection(self._host, int(self._port))
        return await self._exchange(*self._streams, is_kept=False)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_kept: bool
    ) -> str:
        try:
            writer.write(self._request)
            first = await reader.read(1)
        except ConnectionError:
            if is_kept:
                raise _UnheardError from None
            raise
        if not first:
            raise _UnheardError if is_kept else LostError("cut off")
        status, fields = _head(first + await reader.readuntil(b"\r\n\r\n"))
        body = await _body(reader, fields)
        if fields.get("connection") == "close" or not {"content-length", "transfer-encoding"} & set(
            fields
        ):
            self.close()
        if status >= _FIRST_ERROR_STATUS:
            raise LostError(f"status {status}")
        return body.decode(errors="replace").strip()


class Load:
    """Workers in a thread of their own, from the beginning of a block to its end.

    So it stands around what is measured::

        with Load("127.0.10.1:8080", "deepthought") as load:
            ...
        print(load.tally)
    """

    def __init__(
        self, endpoint: str, name: str, workers: int = 8, pause_s: float = _PAUSE_S
    ) -> None:
        """Describe it.

        Args:
            endpoint: ``host:port`` to ask.
            name: virtual host to ask for.
            workers: how many requests may be under way at once.
            pause_s: seconds between a worker's answer and its next request.
        """
        self.tally = Tally()
        self.workers = workers
        self._workers = [Worker(endpoint, name) for _ in range(workers)]
        self._pause_s = pause_s
        self._is_over = False
        self._thread = Thread(target=lambda: asyncio.run(self._run()), name="load")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over = True
        self._thread.join()

    def wait_for_answers(self, count: int, timeout_s: float = 10.0) -> None:
        """Wait until *count* requests have ended, well or not, or the time is over."""
        deadline = time.monotonic() + timeout_s
        while self.tally.ok + self.tally.lost < count and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for worker in self._workers:
                group.create_task(self._work(worker))

    async def _work(self, worker: Worker) -> None:
        while not self._is_over:
            started = time.monotonic()
            try:
                body = await worker.ask()
            except LostError as exc:
                self.tally.failed[str(exc)] += 1
            else:
                now = time.monotonic()
                self.tally.note(body, now - started, now)
            self.tally.again = sum(each.again for each in self._workers)
            await asyncio.sleep(self._pause_s)
        worker.close()


async def _in_time(answer: Awaitable[str]) -> str:
    """Await *answer*, and give every way of losing it its name."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await answer
    except TimeoutError:
        raise LostError("no answer") from None
    except ConnectionRefusedError:
        raise LostError("refused") from None
    except ConnectionError:
        raise LostError("reset") from None
    except asyncio.IncompleteReadError:
        raise LostError("cut off") from None
    except (ValueError, asyncio.LimitOverrunError):
        raise LostError("not HTTP") from None
    except OSError as exc:
        raise LostError(exc.strerror or str(exc)) from None


def _head(text: bytes) -> tuple[int, dict[str, str]]:
    """Return status and fields (names and values in lower case)."""
    first, *lines = text.decode("latin-1").strip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first[_STATUS]), {name.lower(): text.strip().lower() for name, _, text in pairs}


async def _body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if fields.get("transfer-encoding") == "chunked":
        return await _chunks(reader)
    if "content-length" in fields:
        return await reader.readexactly(int(fields["content-length"]))
    return await reader.read()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("endpoint")
@click.option("--host", default="deepthought", show_default=True, help="Virtual host to ask for.")
@click.option("--workers", default=8, show_default=True, help="How many ask at once.")
@click.option("--seconds", default=10.0, show_default=True, help="For how long.")
def main(endpoint: str, host: str, workers: int, seconds: float) -> None:
    """Ask ENDPOINT (HOST:PORT) for a while and say what became of the requests."""
    with Load(endpoint, host, workers) as load:
        time.sleep(seconds)
    click.echo(load.tally)
    for body, seen in sorted(load.tally.answers.items()):
        click.echo(f"{seen.count:8} {body[:80]}")


if __name__ == "__main__":
    main()
