"""`make demo`: the article's story on real engines, each answer checked.

A lab comes up, and then only the docker command speaks: placement by zone, disk and env, an app
three times over three hosts, its logs, a command inside, its streams, and the death of an engine.
The cluster stays up to be played with; `make down` ends it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable

from lab.cluster import Lab
from lab.errors import LabError
from lab.install import install
from lab.state import other_labs

_NAME = "lab"
_COMMAND_TIMEOUT_S = 60
_NOTICE_LIMIT_S = 15.0
"""A dead engine is promised to be noticed within this."""
_RETURN_LIMIT_S = 30.0


class WrongAnswerError(Exception):
    """The cluster said something else than it should."""


class Story:
    """Runs docker against one manager, prints what happens, and checks it."""

    def __init__(self, url: str) -> None:
        """*url* is the manager's ``tcp://host:port``."""
        self._url = url
        self._health: dict[str, str] = {}

    def docker(self, command: str, *, given: str = "", fails: bool = False) -> str:
        """Run ``docker COMMAND`` and return what it printed; *given* is its standard input.

        Raises:
            WrongAnswerError: it failed, or (*fails*) did not.
        """
        shown = f"docker -H {self._url} {command}"
        print(f"\n$ {f'echo {given.strip()} | ' if given else ''}{shown}", flush=True)
        done = subprocess.run(
            ["docker", "-H", self._url, *shlex.split(command)],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
            env={key: value for key, value in os.environ.items() if key != "DOCKER_HOST"},
        )
        print(done.stdout.rstrip(), flush=True)
        if (done.returncode != 0) is not fails:
            raise WrongAnswerError(f"exit code {done.returncode} of: {shown}")
        return done.stdout.strip()

    def health_of(self, node: str) -> str:
        """Ask ``docker info`` for a node's status, and print that line if it is another one now."""
        info = subprocess.run(
            ["docker", "-H", self._url, "info"],
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=True,
        ).stdout
        _, _, lines = info.partition(f"\n  {node}: ")
        status = lines.partition("Status: ")[2].partition("\n")[0]
        if status != self._health.get(node):
            self._health[node] = status
            print(f"$ docker -H {self._url} info | grep -A2 {node}\n  {node}: Status: {status}")
        return status

    def node_of(self, container: str) -> str:
        """Ask where a container runs."""
        return self.docker(f"inspect --format '{{{{.Node.Name}}}}' {container}")

    def expect(self, claim: str, *, holds: bool) -> None:
        """Say what was checked.

        Raises:
            WrongAnswerError: it does not hold.
        """
        if not holds:
            raise WrongAnswerError(f"this should be so, and is not: {claim}")
        print(f"  ✓ {claim}", flush=True)

    def until(self, claim: str, holds: Callable[[], bool], limit_s: float) -> None:
        """Wait for something to become true.

        Raises:
            WrongAnswerError: it did not within *limit_s* seconds.
        """
        started = time.monotonic()
        while not holds():
            if time.monotonic() - started > limit_s:
                raise WrongAnswerError(f"not within {limit_s:.0f} s: {claim}")
            time.sleep(0.2)
        self.expect(f"{claim} (after {time.monotonic() - started:.1f} s)", holds=True)


def tell(lab: Lab) -> None:
    """Tell the whole story.

    Raises:
        WrongAnswerError: the cluster did not behave.
    """
    story = Story(lab.manager.url)
    _the_cluster(story)
    _placement(story)
    apps = _deepthought(story)
    _one_container(story, apps[0])
    _an_engine_dies(story, lab)


def _title(text: str) -> None:
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def _the_cluster(story: Story) -> None:
    _title("Three Docker engines answer as one")
    info = story.docker("info")
    story.expect("the cluster has three nodes", holds="Nodes: 3" in info)
    story.expect("all of them are healthy", holds=info.count("Status: Healthy") == 3)  # noqa: PLR2004


def _placement(story: Story) -> None:
    _title("Each container lands on the engine that fits")
    cases = {
        "db": ("-e constraint:zone==database -e constraint:disk==ssd", {"dockerhost03"}),
        "batch": ("-e constraint:env==dev", {"dockerhost02"}),
        "cache": (
            '--label \'com.docker.swarm.constraints=["disk!=hdd","zone==app*"]\'',
            {"dockerhost01"},
        ),
    }
    for name, (wishes, nodes) in cases.items():
        story.docker(f"run -d --name {name} {wishes} busybox sleep 100000")
        node = story.node_of(name)
        story.expect(f"{name} runs on {' or '.join(sorted(nodes))}", holds=node in nodes)
    refusal = story.docker("run -d -e constraint:disk==floppy busybox true", fails=True)
    story.expect(
        "a wish that no engine fulfils is refused, and every engine named",
        holds=all(f"dockerhost0{number}" in refusal for number in (1, 2, 3)),
    )


def _deepthought(story: Story) -> list[str]:
    _title("deepthought, three times, on three hosts")
    names = ["deepthought-1", "deepthought-2", "deepthought-3"]
    for name in names:
        story.docker(f"run -d --name {name} -p 80 mbajor/deepthought")
    listed = story.docker("ps --filter ancestor=mbajor/deepthought")
    nodes = {story.node_of(name) for name in names}
    story.expect("they run on three different hosts", holds=len(nodes) == len(names))
    story.expect(
        "docker ps says where", holds=all(f"{node}/deepthought-" in listed for node in nodes)
    )
    for name in names:
        address = story.docker(f"port {name} 80").splitlines()[0]
        with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
            text = answer.read().decode()
        print(f"\n$ curl http://{address}/\n{text.rstrip()}")
        story.expect(f"{name} answers at its host's address", holds="42" in text)
    return names


def _one_container(story: Story, app: str) -> None:
    _title("Logs, a command inside, its streams")
    script = "for i in 1 2 3; do echo thinking $i; sleep 1; done; echo 42"
    story.docker(f"run -d --name oracle busybox sh -c '{script}'")
    story.until("its output is in the logs", lambda: "1" in story.docker("logs oracle"), 10.0)
    attached = story.docker("attach oracle")
    story.expect("attach shows the rest as it comes", holds=attached.endswith("42"))
    answer = story.docker("run --rm -i busybox cat", given="what is the answer?\n")
    story.expect("what goes in comes out", holds=answer == "what is the answer?")
    inside = story.docker(f"exec {app} hostname")
    whole = story.docker(f"inspect --format '{{{{.Id}}}}' {app}")
    story.expect("the command ran inside that container", holds=whole.startswith(inside))


def _an_engine_dies(story: Story, lab: Lab) -> None:
    _title("An engine dies, and the cluster says so")
    victim = lab.engines[1]
    print(f"\n(dockerd on {victim.name} is killed)")
    victim.crash()
    story.until(
        f"docker info shows {victim.name} as unhealthy",
        lambda: story.health_of(victim.name) == "Unhealthy",
        _NOTICE_LIMIT_S,
    )
    running = story.docker("ps")
    story.expect("its containers are not shown as running", holds=victim.name not in running)
    story.docker("run -d --name meanwhile busybox sleep 100000")
    story.expect("new containers go elsewhere", holds=story.node_of("meanwhile") != victim.name)
    print(f"\n(dockerd on {victim.name} is started again)")
    victim.restart()
    story.until(
        f"{victim.name} is healthy again",
        lambda: story.health_of(victim.name) == "Healthy",
        _RETURN_LIMIT_S,
    )
    story.docker("ps -a")


def main() -> int:
    """Bring the lab up, tell the story, leave the cluster up."""
    started = time.monotonic()
    try:
        install()
        if any(lab.name == _NAME for lab in other_labs()):
            print("A lab of an earlier run is up; it is taken down first.")
            Lab.load(_NAME).down()
        lab = Lab(_NAME)
        lab.up()
        print(
            f"Three engines, Consul and a manager are up after {time.monotonic() - started:.1f} s."
        )
        tell(lab)
    except (LabError, WrongAnswerError, subprocess.TimeoutExpired) as exc:
        print(f"\nThe demo failed: {exc}", file=sys.stderr)
        print("The parts' logs: .venv/bin/python -m lab logs PART (manager, dockerhost01 …)")
        return 1
    _farewell(lab, time.monotonic() - started)
    return 0


def _farewell(lab: Lab, took_s: float) -> None:
    print(
        f"""
Every answer was right. The demo took {took_s:.0f} s, and the cluster is yours:

    export DOCKER_HOST={lab.manager.url}
    docker info
    docker run --rm -e constraint:zone==database busybox hostname

Consul's page: {lab.consul.ui}
Faults to try: .venv/bin/python -m lab kill dockerhost03   (pause, partition, restart …)
To end it:     make down"""
    )


if __name__ == "__main__":
    sys.exit(main())
