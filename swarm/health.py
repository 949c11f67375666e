"""``swarm health``: whether the part at an address does its job, by the exit code."""

from swarm.command import Command
from swarm.flags import Flag, Parsed, UsageError, duration

_DEFAULT_URL = "http://127.0.0.1:2375/_ping"
_OK = 200


def run(parsed: Parsed) -> int:
    """Ask once; returns 0 if the part says that it is well, 1 if not, or if nobody answers.

    Raises:
        UsageError: the address or the time cannot be used.
    """
    if len(parsed.args) > 1:
        raise UsageError("one address is enough. See 'swarm health --help'.")
    where = parsed.args[0] if parsed.args else parsed.environ.get("SWARM_HEALTH", _DEFAULT_URL)
    timeout_s = duration(parsed, "timeout")
    if timeout_s <= 0:
        raise UsageError("--timeout should be a positive number")

    from swarm.ask import ask

    try:
        status, told = ask(where, timeout_s)
    except ValueError as exc:
        raise UsageError(f"{where}: {exc}") from exc
    except OSError as exc:
        print(f"{where} does not answer: {exc}")
        return 1
    print(told)
    return 0 if status == _OK else 1


COMMAND = Command(
    name="health",
    alias="hc",
    summary="ask a running manager, agent or router whether it does its job",
    usage="[http://HOST:PORT/PATH | unix:///PATH]",
    flags=(Flag(("timeout",), "time to wait for an answer", default="4s", shown="DURATION"),),
    run=run,
    notes="The exit code is 0 for yes. A manager is asked for /_ping, or at its unix socket; an"
    " agent for /health at its --metrics address, a router for /health at its --status address."
    " Without an argument $SWARM_HEALTH says whom to ask, else http://127.0.0.1:2375/_ping.",
)
