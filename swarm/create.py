"""``swarm create``: what it asked for is gone."""

from swarm.command import Command
from swarm.flags import Parsed, UsageError


def run(parsed: Parsed) -> int:
    """Explain.

    Raises:
        UsageError: always.
    """
    if parsed.args:
        raise UsageError("the `create` command takes no arguments. See 'swarm create --help'.")
    raise UsageError(
        "the hosted discovery service that `create` asked for a token was switched off in 2019:"
        " use consul://host:8500/prefix, nodes://host:port,… or file:///path"
    )


COMMAND = Command(
    name="create",
    alias="c",
    summary="create a cluster (gone with the hosted discovery service)",
    usage="",
    flags=(),
    run=run,
)
