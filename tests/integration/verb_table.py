"""Compare docker's verbs: one engine directly, and the manager over three. Prints a table.

``python tests/integration/verb_table.py`` brings up a lab of its own (name ``verbs``), runs each
command against both, and compares exit codes and normalised output. Exits with 1 when a verb
differs for no known reason.
"""

import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from integration_tools import Api, Cli, Done, docker_clients

from lab.cluster import Lab

LATER = "comes with a later version (answers 501)"
CLUSTER = "the cluster says its own"
NEWER = "in the words of newer engines"


@dataclass(frozen=True)
class Verb:
    """One row: what is run, in which state, and why it may differ."""

    command: str
    """As typed after ``docker``; ``{file}`` is a scratch file."""
    state: str = ""
    """``running``, ``stopped``, ``created``: a container called ``web``."""
    reason: str = ""
    """Why the outputs differ on purpose; empty: they must be the same."""
    stdin: bytes | None = None
    same_code: bool = True
    """Whether the exit codes must be the same all the same."""
    any_order: bool = False
    """Whether the lines may come in any order: engines list equally old images in random order."""


VERBS: tuple[Verb, ...] = (
    Verb("version --format {{.Server.Os}}"),
    Verb("version", reason=f"{CLUSTER} version, and lists its engines"),
    Verb("info", reason=f"{CLUSTER} nodes"),
    Verb("run --rm busybox echo hi"),
    Verb("run --rm busybox sh -c 'exit 7'"),
    Verb("run --rm -i busybox cat", stdin=b"hi\n"),
    Verb("run --rm busybox /no/such"),
    Verb("run -d --name web busybox sleep 600"),
    Verb("run --rm -m 32m -e A=1 -w /tmp -u nobody busybox sh -c 'echo $A $(pwd) $(id -un)'"),
    Verb("create --name web busybox"),
    Verb("start web", "created"),
    Verb("start -a web", "stopped"),
    Verb("stop -t 0 web", "running"),
    Verb("restart -t 0 web", "running"),
    Verb("kill web", "running"),
    Verb("pause web", "running"),
    Verb("unpause web", "running"),
    Verb("wait web", "stopped"),
    Verb("rm web", "stopped"),
    Verb("rm web", "running"),
    Verb("rm -f web", "running"),
    Verb("rename web other", "running"),
    Verb("update -m 64m --memory-swap 128m web", "running"),
    Verb("ps", "running", "NAMES tells the node: dockerhost01/web"),
    Verb("ps -a --format {{.Image}}", "stopped"),
    Verb("ps --filter status=running -q", "running"),
    Verb("ps --filter nonsense=1", reason=NEWER),
    Verb("inspect web", "running", "has Node; the cluster's own label"),
    Verb("inspect -f {{.State.Status}} web", "running"),
    Verb("inspect nothing"),
    Verb("logs web", "stopped"),
    Verb("logs --tail 1 web", "stopped"),
    Verb("attach --no-stdin web", "stopped"),
    Verb("exec web echo hi", "running"),
    Verb("exec -i web cat", "running", stdin=b"hi\n"),
    Verb("exec web sh -c 'exit 3'", "running"),
    Verb("exec web true", "stopped"),
    Verb("exec nobody true"),
    Verb("top web", "running"),
    Verb("stats --no-stream --format {{.PIDs}} web", "running"),
    Verb("port web", "running"),
    Verb("cp web:/etc/passwd {file}", "running"),
    Verb("cp {file} web:/tmp/x", "running"),
    Verb("cp web:/no/such {file}", "running"),
    Verb("diff web", "stopped"),
    Verb("export -o {file} web", "running"),
    Verb("events --since 1h --until 0s --format {{.Type}}", reason="more than one engine's events"),
    Verb("images --format {{.Repository}}:{{.Tag}}", any_order=True),
    Verb("image inspect busybox", reason="of the node that has it: its own LastTagTime"),
    Verb("image inspect no/such", reason=NEWER),
    Verb("pull busybox", reason="a line for each node"),
    Verb("pull -q busybox"),
    Verb("commit web copy", "stopped"),
    Verb("tag busybox copy", "", LATER, same_code=False),
    Verb("history busybox", "", LATER, same_code=False),
    Verb("save -o {file} busybox", "", LATER, same_code=False),
    Verb("load -i {file}", "", LATER, same_code=False),
    Verb("import {file}", "", LATER, same_code=False),
    Verb("push localhost:1/nothing", "", LATER, same_code=False),
    Verb("rmi no/such", "", LATER, same_code=False),
    Verb("build -", "", LATER, stdin=b"FROM busybox\n", same_code=False),
    Verb("search localhost:1/nothing", "", LATER, same_code=False),
    Verb("login -u a -p b localhost:1", "", LATER, same_code=False),
    Verb("network ls", "", LATER, same_code=False),
    Verb("volume ls"),
    Verb("volume inspect no/such"),
    Verb("volume create data"),
    Verb("volume ls"),
    Verb("volume inspect --format {{.Driver}} data"),
    Verb("run --rm -v data:/d busybox ls -a /d"),
    Verb("volume rm -f data"),
    Verb("volume rm data"),
    Verb("volume prune -f"),
    Verb("system df", reason="sums over the nodes"),
    Verb("container prune -f", "stopped"),
    Verb("container prune -f --filter x=y"),
    Verb("plugin ls"),
    Verb("plugin enable no/such"),
    Verb("node ls"),
    Verb("service ls"),
    Verb("swarm init", "", "a cluster cannot join another", same_code=False),
)

_SETUP = {
    "running": ("run -d --name web busybox sh -c 'trap exit TERM; while :; do sleep 1; done'",),
    "stopped": ("run --name web busybox sh -c 'echo one; echo two; touch /mark'",),
    "created": ("create --name web busybox sleep 600",),
    "": (),
}

_NOISE: tuple[tuple[str, str], ...] = (
    (r"\b[0-9a-f]{64}\b", "ID64"),
    (r"\b[0-9a-f]{12}\b", "ID12"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)", "TIME"),
    (r"\d\d:\d\d(:\d\d)?", "CLOCK"),
    (r"127\.0\.\d+\.\d+:\d+|127\.0\.\d+\.\d+", "ADDRESS"),
    (r"/\S*/docker/\S+", "PLACE"),
    (r"/tmp/\S+", "FILE"),
    (r"\b\d+(\.\d+)?\s?(seconds?|minutes?|kB|B|MB)\b", "AMOUNT"),
    (r"(?m)^(\S+ +)\d+( +)\d+( +)\d", r"\1PID\2PID\3N"),
)


def words(command: str) -> list[str]:
    """Split like a shell, without one."""
    found = re.findall(r"'([^']*)'|(\S+)", command)
    return [quoted or plain for quoted, plain in found]


def normal(text: str) -> str:
    """Take out what differs from run to run."""
    for pattern, replacement in _NOISE:
        text = re.sub(pattern, replacement, text)
    # A clock or a number more makes a column of ps wider.
    return "\n".join(re.sub(" {2,}", "  ", line.rstrip()) for line in text.strip().splitlines())


def run(cli: Cli, verb: Verb, folder: Path, clean: Callable[[], None]) -> Done:
    """One verb in its state."""
    clean()
    for setup in _SETUP[verb.state]:
        cli(*words(setup))
    if verb.command.startswith("unpause"):
        cli("pause", "web")
    file = folder / "file"
    file.write_text("text")
    command = [word.replace("{file}", str(file)) for word in words(verb.command)]
    return cli(*command, stdin=verb.stdin, check=False, timeout_s=30)


def verdict(verb: Verb, direct: Done, cluster: Done) -> tuple[bool, str]:
    """Whether it is as it should be, and in words."""
    same_code = direct.code == cluster.code
    outputs = [f"{normal(done.out)}\n{normal(done.err)}" for done in (direct, cluster)]
    if verb.any_order:
        outputs = ["\n".join(sorted(text.splitlines())) for text in outputs]
    same_text = outputs[0] == outputs[1]
    if same_code and same_text:
        return True, "same"
    if verb.reason and (same_code or not verb.same_code):
        return True, verb.reason
    ours = normal(cluster.err or cluster.out).splitlines()
    theirs = normal(direct.err or direct.out).splitlines()
    return False, f"**differs**: `{(ours or [''])[-1]}` instead of `{(theirs or [''])[-1]}`"


@contextmanager
def one_lab() -> Iterator[Lab]:
    """A lab of three."""
    with Lab("verbs", 3) as lab:
        yield lab


def main() -> int:
    """Print the table; the exit code says whether all is as it should be."""
    program = next(iter(docker_clients().values()))
    rows, failures = [], 0
    with one_lab() as lab, tempfile.TemporaryDirectory(prefix="swarm-verbs-") as scratch:
        direct, cluster = Cli(program, lab.engines[0].url), Cli(program, lab.manager.url)

        def clean() -> None:
            for engine in lab.engines:
                api = Api(engine.socket)
                for one in api.get("/containers/json?all=1"):
                    api("DELETE", f"/containers/{one['Id']}?force=1&v=1")
            Api(lab.manager.endpoint).get("/containers/json?all=1")

        for verb in VERBS:
            one = run(direct, verb, Path(scratch), clean)
            other = run(cluster, verb, Path(scratch), clean)
            good, text = verdict(verb, one, other)
            failures += not good
            state = f" *({verb.state})*" if verb.state else ""
            shown = verb.command.replace("|", "\\|")
            rows.append(f"| `docker {shown}`{state} | {one.code} | {other.code} | {text} |")
    print("| command | engine: exit | manager over three: exit | output |")
    print("|---|---|---|---|")
    print("\n".join(rows))
    print(f"\n{len(VERBS) - failures} of {len(VERBS)} as they should be.")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
