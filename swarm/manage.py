"""``swarm manage``: run the manager."""

import logging

from common import logs
from swarm.command import Command
from swarm.flags import Parsed, UsageError
from swarm.manage_flags import FLAGS

_log = logging.getLogger(__name__)


def run(parsed: Parsed) -> int:
    """Run the manager until told to stop.

    Raises:
        UsageError: the command line cannot be used, or an address to listen on is taken.
        BadDiscoveryError: the discovery cannot be used.
    """
    from swarm.manage_settings import plan

    todo = plan(parsed)
    logs.set_up(todo.settings.log_level)
    for warning in todo.warnings:
        _log.warning("%s", warning)
    for notice in todo.notices:
        _log.info("%s", notice)

    from master.listen import ListenError
    from master.runtime import run as run_manager

    try:
        run_manager(todo.settings)
    except ListenError as exc:
        raise UsageError(str(exc)) from exc
    return 0


COMMAND = Command(
    name="manage",
    alias="m",
    summary="serve many engines as one",
    usage="[DISCOVERY]",
    flags=FLAGS,
    run=run,
    notes=(
        "Without DISCOVERY the local engine (DOCKER_HOST, else unix:///var/run/docker.sock) is"
        " served as a cluster of one."
    ),
)
