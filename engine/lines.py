"""A stream of JSON documents, one a line: events, and the progress of a pull, load or build."""

from collections.abc import AsyncIterator, Callable

from engine.errors import EngineUnreachableError

_LINE_LIMIT = 4 << 20
"""Bytes of one line; the largest real ones are events with a few hundred labels."""


async def lines_of(
    pieces: AsyncIterator[bytes], address: str, on_long: Callable[[], None] | None = None
) -> AsyncIterator[bytes]:
    """Yield the lines in *pieces* that are not empty, each with its end; split at line feeds only.

    A last line that has no end is given one: others may be put behind it. One that is too long is
    left out where *on_long* is given, which is called then: an engine that is asked for its events
    again begins with the same one.

    Raises:
        EngineUnreachableError: a line is too long; what the engine at *address* sends is no use.
    """
    held = bytearray()
    is_left_out = False
    async for piece in pieces:
        *whole, rest = piece.split(b"\n")
        if whole:
            whole[0] = b"" if is_left_out else bytes(held) + whole[0]
            is_left_out = False
            held.clear()
        for line in whole:
            if line.strip():
                yield line + b"\n"
        if not is_left_out:
            held += rest
        if len(held) > _LINE_LIMIT:
            if on_long is None:
                raise EngineUnreachableError(address, "it sent a line without end")
            on_long()
            is_left_out = True
            held.clear()
    if held.strip():
        yield bytes(held) + b"\r\n"
