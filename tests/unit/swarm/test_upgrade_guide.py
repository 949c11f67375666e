"""Coming from classic Swarm: every flag that it had is known, and the guide has a word on it."""

import re
from pathlib import Path

import pytest

from swarm import create, join, manage
from swarm import list as list_command
from swarm.command import GLOBAL_FLAGS, Command

GUIDE = Path(__file__).parents[3] / "docs" / "OPERATING.md"
TLS = ("tls", "tlsverify", "tlscacert", "tlscert", "tlskey")
ENGINE = ("engine-refresh-min-interval", "engine-refresh-max-interval", "engine-failure-retry")
CLASSIC: dict[str, tuple[str, ...]] = {
    "create": (),
    "list": ("timeout", "discovery-opt"),
    "join": ("advertise", "addr", "heartbeat", "ttl", "delay", "discovery-opt"),
    "manage": (
        *("strategy", "filter", "f", "host", "H", "replication", "replication-ttl"),
        *("advertise", "addr", *TLS, *ENGINE, "engine-refresh-retry", "heartbeat"),
        *("api-enable-cors", "cors", "cluster-driver", "c", "cluster-opt", "discovery-opt"),
        *("refresh-on-node-filter", "container-name-refresh-filter"),
    ),
}
"""Flags by command, as classic Swarm 1.2.9 listed them in its help."""
GLOBAL = ("debug", "log-level", "l", "experimental")
WORDS = (
    *("SWARM_HOST", "SWARM_ADVERTISE", "SWARM_DISCOVERY", "DEBUG"),
    *("kv.path", "kv.cacertfile", "kv.certfile", "kv.keyfile", "swarm.overcommit"),
    *("swarm.createretry", "nodes://", "file://", "consul://", "etcd://", "zk://", "token://"),
    *("docker/swarm/nodes", "docker/swarm/leader", "com.docker.swarm.id"),
    *("com.docker.swarm.constraints", ".affinities", ".whitelists"),
    "com.docker.swarm.reschedule-policies",
)
COMMANDS: dict[str, Command] = {
    "create": create.COMMAND,
    "list": list_command.COMMAND,
    "join": join.COMMAND,
    "manage": manage.COMMAND,
}


def upgrade_chapter() -> str:
    return GUIDE.read_text(encoding="utf-8").partition("# Coming from classic Swarm")[2]


def spelled(name: str) -> str:
    return f"-{name}" if len(name) == 1 else f"--{name}"


@pytest.mark.parametrize("command", CLASSIC)
def test_a_command_takes_every_flag_that_it_took(command: str) -> None:
    taken = {name for flag in COMMANDS[command].flags for name in flag.names}
    assert taken >= set(CLASSIC[command])


def test_so_does_the_program() -> None:
    assert {name for flag in GLOBAL_FLAGS for name in flag.names} >= set(GLOBAL)


@pytest.mark.parametrize(
    "name", sorted({*GLOBAL, *(n for names in CLASSIC.values() for n in names)})
)
def test_the_guide_says_what_has_become_of_a_flag(name: str) -> None:
    assert re.search(rf"(?<![-\w]){re.escape(spelled(name))}(?![-\w])", upgrade_chapter())


@pytest.mark.parametrize("command", CLASSIC)
def test_the_guide_says_what_has_become_of_a_command(command: str) -> None:
    assert f"`swarm {command}" in upgrade_chapter()


@pytest.mark.parametrize("word", WORDS)
def test_the_guide_says_what_has_become_of_a_key_a_label_or_a_variable(word: str) -> None:
    assert word in upgrade_chapter()
