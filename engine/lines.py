"""A stream of JSON documents, one a line: events, and the progress of a pull, load or build."""

from collections.abc import AsyncIterator

from engine.errors import EngineUnreachableError

_LINE_LIMIT = 4 << 20
"""Bytes of one line; the largest real ones are events with a few hundred labels."""


async def lines_of(pieces: AsyncIterator[bytes], address: str) -> AsyncIterator[bytes]:
    """Yield the lines in *pieces* that are not empty, each with its end; split at line feeds only.

    A last line that has no end is given one: others may be put behind it.

    Raises:
        EngineUnreachableError: a line is too long; what the engine at *address* sends is no use.
    """
    held = bytearray()
    async for piece in pieces:
        *whole, rest = piece.split(b"\n")
        if whole:
            whole[0] = bytes(held) + whole[0]
            held.clear()
        for line in whole:
            if line.strip():
                yield line + b"\n"
        held += rest
        if len(held) > _LINE_LIMIT:
            raise EngineUnreachableError(address, "it sent a line without end")
    if held.strip():
        yield bytes(held) + b"\r\n"
