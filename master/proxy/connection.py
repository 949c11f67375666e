"""A client's connection, as those see it who answer its requests; `front.Front` is one."""

from __future__ import annotations

from typing import Literal, Protocol

from common.http1 import Header

Why = Literal["engine", "application", "backlog"]
"""Who wants no more bytes from the client now: the engine, the ASGI application, or the front
itself, because too much waits behind the request that is being answered."""


class Side(Protocol):
    """Takes over a client's whole connection (hijack)."""

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""

    def eof_received(self) -> None:
        """The client has nothing more to say."""

    def pause_writing(self) -> None:
        """The client does not take more now."""

    def resume_writing(self) -> None:
        """The client takes more."""

    def connection_lost(self) -> None:
        """The client is gone."""


class Answered(Protocol):
    """A request on its way to its answer."""

    @property
    def answered(self) -> bool:
        """Whether the answer's head is sent."""

    @property
    def keeps_alive(self) -> bool:
        """Whether another request can follow the answer."""

    @property
    def body_done(self) -> bool:
        """Whether the whole body has arrived."""


class ClientConnection(Protocol):
    """What the front lends."""

    @property
    def client(self) -> str:
        """The client's address: an IP, or "local" on a unix socket."""

    @property
    def is_clogged(self) -> bool:
        """Whether the client takes no more now."""

    @property
    def added_headers(self) -> tuple[Header, ...]:
        """What is added to every answer, an engine's too."""

    def standard_headers(self) -> list[Header]:
        """Date, and what the cluster says of itself."""

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""

    def hold_reading(self, why: Why, *, hold: bool) -> None:
        """Stop reading from the client until nobody has a reason to any more."""

    def finish(self, request: Answered, *, keep: bool) -> None:
        """The answer to *request* is complete."""

    def take_over(self, side: Side) -> bytes:
        """Give the connection to *side* for good; returns what the client has already sent."""

    def break_off(self, status: int, message: str) -> None:
        """Answer with an error and close: what follows can't be told from a request."""

    def abort(self) -> None:
        """Cut the connection: the client must not take a broken answer for a whole one."""

    def close(self) -> None:
        """Close after what is buffered has been sent."""
