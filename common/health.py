"""The health page of a part: 200 while it does its job, else 503 and why not, a line each."""

from collections.abc import Sequence
from http import HTTPStatus

PATH = "/health"
CONTENT_TYPE = "text/plain; charset=utf-8"


def page(troubles: Sequence[str]) -> tuple[HTTPStatus, bytes]:
    """Return status and body for what keeps a part from its job."""
    if not troubles:
        return HTTPStatus.OK, b"ok\n"
    # A reason may quote another program, and a line is one reason.
    lines = (" ".join(trouble.split()) for trouble in troubles)
    return HTTPStatus.SERVICE_UNAVAILABLE, "".join(f"{line}\n" for line in lines).encode()
