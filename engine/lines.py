"""A stream of JSON documents, one a line: ``GET /events``."""

from collections.abc import AsyncIterator

from engine.errors import EngineUnreachableError

_LINE_LIMIT = 4 << 20
"""Bytes of one event; the largest real ones carry a few hundred labels."""


async def lines_of(pieces: AsyncIterator[bytes], address: str) -> AsyncIterator[bytes]:
    """Yield the lines in *pieces* that are not empty, split at line feeds only.

    Raises:
        EngineUnreachableError: a line has no end; what the engine at *address* sends is no use.
    """
    held = b""
    async for piece in pieces:
        *lines, held = (held + piece).split(b"\n")
        for line in lines:
            if line.strip():
                yield line
        if len(held) > _LINE_LIMIT:
            raise EngineUnreachableError(address, "it sent an event without end")
