"""What the user reads: every message, the exit codes, the help."""

import subprocess
import sys
from pathlib import Path

import pytest

from swarm.main import main

FORM = "--advertise should be of the form ip:port or hostname:port"
MANAGE = ("manage", "nodes://a:1")
JOIN = ("join", "--advertise", "a:1")


def run(capsys: pytest.CaptureFixture[str], *argv: str, **environ: str) -> tuple[int, str, str]:
    code = main(argv, environ)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("list",), "discovery required to list a cluster. See 'swarm list --help'."),
        (("list", "a:1", "b:1"), "discovery required to list a cluster. See 'swarm list --help'."),
        (("l", "--timeout", "0s", "a:1"), "--timeout should be a positive number"),
        (("l", "--timeout=x", "a:1"), 'invalid --timeout: time: invalid duration "x"'),
        (("l", "--discovery-opt", "x", "a:1"), "--discovery-opt must contain key=value strings"),
        (("join",), "discovery required to join a cluster. See 'swarm join --help'."),
        (("join", "a:1"), "missing mandatory --advertise flag"),
        (("j", "--advertise", "a", "x:1"), FORM),
        (("j", "--addr", "a:0", "x:1"), FORM),
        (("j", "--addr", ":1", "x:1"), FORM),
        ((*JOIN, "--heartbeat=x", "x:1"), 'invalid --heartbeat: time: invalid duration "x"'),
        ((*JOIN, "--heartbeat=999ms", "x:1"), "--heartbeat should be at least one second"),
        ((*JOIN, "--ttl=x", "x:1"), 'invalid --ttl: time: invalid duration "x"'),
        ((*JOIN, "--ttl=60s", "x:1"), "--ttl must be strictly superior to the heartbeat value"),
        ((*JOIN, "--delay=x", "x:1"), 'invalid --delay: time: invalid duration "x"'),
        ((*JOIN, "--delay=-1s", "x:1"), "--delay should not be a negative number"),
        ((*JOIN, "--discovery-opt=x", "x:1"), "--discovery-opt must contain key=value strings"),
        ((*JOIN, "x:1"), "a:1 cannot join nodes://: name it in the manager's list"),
        (
            (*JOIN, "--ttl", "19s", "--heartbeat", "5s", "consul://127.0.0.1:1/swarm"),
            (
                "--ttl must be from 20s to 48h with Consul, whose sessions last 10s at least"
                " and end after twice their TTL"
            ),
        ),
        (
            ("create", "x"),
            "the `create` command takes no arguments. See 'swarm create --help'.",
        ),
        (
            ("c",),
            (
                "the hosted discovery service that `create` asked for a token was switched off in"
                " 2019: use consul://host:8500/prefix, nodes://host:port,… or file:///path"
            ),
        ),
        ((*MANAGE, "--strategy", "fair"), "strategy not supported"),
        ((*MANAGE, "--filter", "colour"), "filter not supported"),
        ((*MANAGE, "-H", "http://a:1"), 'unsupported protocol: "http"'),
        (
            (*MANAGE, "--engine-refresh-min-interval=0s"),
            "min refresh interval should be a positive number",
        ),
        (
            (*MANAGE, "--engine-refresh-max-interval=29s"),
            "max refresh interval cannot be less than min refresh interval",
        ),
        ((*MANAGE, "--engine-failure-retry=0"), "invalid failure retry count"),
        (
            (*MANAGE, "--engine-refresh-retry=4"),
            "--engine-refresh-retry is deprecated. Use --engine-failure-retry",
        ),
        ((*MANAGE, "--heartbeat=10ms"), "--heartbeat should be at least one second"),
        ((*MANAGE, "--heartbeat=x"), 'invalid --heartbeat: time: invalid duration "x"'),
        ((*MANAGE, "-c", "mesos-experimental"), 'unsupported cluster "mesos-experimental"'),
        (
            (*MANAGE, "--cluster-opt", "swarm.overcommit=-1"),
            "swarm.overcommit should be larger than -1, -1.000000 is invalid",
        ),
        (
            (*MANAGE, "--cluster-opt", "swarm.overcommit=nan"),
            "swarm.overcommit should be larger than -1, nan is invalid",
        ),
        (
            (*MANAGE, "--cluster-opt", "swarm.createretry=-3"),
            "swarm.createretry can not be negative, -3 is invalid",
        ),
        ((*MANAGE, "--discovery-opt", "x"), "--discovery-opt must contain key=value strings"),
        ((*MANAGE, "--tls"), "--tlscert and --tlskey must be provided when using --tls"),
        (
            (*MANAGE, "--tlsverify", "--tlscert=c", "--tlskey=k"),
            "--tlscacert must be provided when using --tlsverify",
        ),
        (
            (*MANAGE, "--tlscert=c"),
            "--tlscert, --tlskey and --tlscacert require the use of either --tls or --tlsverify",
        ),
        (
            (*MANAGE, "--tls", "--tlscert=/nope/c", "--tlskey=/nope/k"),
            (
                "Couldn't load X509 key pair (/nope/c, /nope/k): No such file or directory."
                " Key encrypted?"
            ),
        ),
        ((*MANAGE, "--drain=x"), 'invalid --drain: time: invalid duration "x"'),
        ((*MANAGE, "--drain=-1s"), "--drain should be between 0s and 60s"),
        ((*MANAGE, "--drain=2m"), "--drain should be between 0s and 60s"),
        (
            (*MANAGE, "--pull-scope=some"),
            '--pull-scope should be one of placeable, all, one, not "some"',
        ),
        (
            (*MANAGE, "--replication"),
            "--advertise address must be provided when using --leader-election",
        ),
        ((*MANAGE, "--replication", "--advertise=a"), FORM),
        (
            (*MANAGE, "--replication", "--advertise=a:1", "--replication-ttl=0s"),
            "--replication-ttl should be a positive number",
        ),
        ((*MANAGE, "--replication-ttl=x"), 'invalid --replication-ttl: time: invalid duration "x"'),
        (
            (*MANAGE, "--replication", "--advertise=a:1"),
            "Leader election is only supported with consul, etcd and zookeeper discovery.",
        ),
        (
            ("manage", "--replication", "--advertise=a:1", "consul://c/p"),
            "--replication is not available in this version",
        ),
        (
            ("manage", "a:1", "b:1"),
            "discovery required to manage a cluster. See 'swarm manage --help'.",
        ),
        (
            ("manage", "etcd://e/p"),
            (
                "etcd:// is not supported: this version finds engines with"
                " consul://host:8500/prefix, nodes://host:port,… or file:///path"
            ),
        ),
        (
            ("manage", "--nope"),
            "flag provided but not defined: -nope. See 'swarm manage --help'.",
        ),
        (
            ("-l", "loud", *MANAGE),
            'not a valid log level: "loud" (debug, info, warn, error, fatal, panic)',
        ),
        (("--nope",), "flag provided but not defined: -nope"),
        (("deploy",), "unknown command \"deploy\". See 'swarm --help'."),
        (("help", "deploy"), "unknown command \"deploy\". See 'swarm --help'."),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_one(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], message: str
) -> None:
    assert run(capsys, *argv) == (1, "", f"swarm: {message}\n")


@pytest.mark.parametrize("argv", [("--version",), ("-v",), ("-version",), ("--debug", "-v")])
def test_the_version(capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]) -> None:
    assert run(capsys, *argv) == (0, "swarm version 2.0.0\n", "")


@pytest.mark.parametrize("argv", [(), ("--help",), ("-h",), ("help",), ("h",)])
def test_the_help_names_all_commands(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]
) -> None:
    code, out, err = run(capsys, *argv)
    assert (code, err) == (0, "")
    for words in ("manage, m", "join, j", "list, l", "create, c", "consul://", "SWARM_DISCOVERY"):
        assert words in out


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            "manage",
            ("--strategy NAME", "[default spread]", "-H ADDRESS", "$SWARM_HOST", "cluster of one"),
        ),
        ("join", ("--advertise", "$SWARM_ADVERTISE", "[default 180s]", "SIGTERM")),
        ("list", ("--timeout DURATION", "[default 10s]")),
        ("create", ("hosted discovery service",)),
    ],
)
def test_each_command_has_its_help(
    capsys: pytest.CaptureFixture[str], command: str, words: tuple[str, ...]
) -> None:
    texts = {
        run(capsys, *argv)
        for argv in [(command, "--help"), (command[0], "-h"), ("help", command), ("h", command[0])]
    }
    ((code, out, err),) = texts
    assert (code, err) == (0, "")
    assert f"Usage: swarm {command}" in out
    assert all(word in " ".join(out.split()) for word in words)
    assert max(map(len, out.splitlines())) <= 100


def test_help_wins_over_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "join", "--heartbeat=x", "--help")[0] == 0


def test_list_prints_one_address_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "list", "nodes://b:1,a:[1:2]") == (0, "a:1\na:2\nb:1\n", "")
    assert run(capsys, "l", SWARM_DISCOVERY="c:1") == (0, "c:1\n", "")


def test_list_gives_up_in_time(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = run(capsys, "list", "--timeout=300ms", f"file://{tmp_path}/missing")
    assert (code, out) == (1, "")
    assert "No such file" in err
    assert err.endswith("swarm: Timed out\n")


def test_the_help_needs_no_heavy_library() -> None:
    code = (
        "import sys; from swarm.main import main; main(['manage', '--help']);"
        "heavy = {'httpx', 'fastapi', 'pydantic', 'consul', 'asyncio', 'ssl'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
