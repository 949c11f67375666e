"""`make demo`: the article's story on real engines, each answer checked.

A lab comes up, and then only the docker command and a few web clients speak: placement by zone,
disk and env, an app three times over three hosts, its logs, a command inside, its streams; the
same app behind one name, scaled up and down under load, and the death of a host. The cluster
stays up to be played with; `make down` ends it.
"""

from __future__ import annotations

import subprocess
import sys
import time

import click

from lab import demo_edge
from lab.cluster import Lab
from lab.errors import LabError
from lab.install import install
from lab.state import other_labs
from lab.story import Story, WrongAnswerError, title

_NAME = "lab"


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
    demo_edge.by_name(story, lab, apps)
    demo_edge.up_and_down(story, lab)
    demo_edge.a_host_dies(story, lab, lab.engines[1])


def _the_cluster(story: Story) -> None:
    title("Three Docker engines answer as one")
    info = story.docker("info")
    story.expect("the cluster has three nodes", holds="Nodes: 3" in info)
    story.expect("all of them are healthy", holds=info.count("Status: Healthy") == 3)  # noqa: PLR2004


def _placement(story: Story) -> None:
    title("Each container lands on the engine that fits")
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
    title("deepthought, three times, on three hosts")
    names = ["deepthought-1", "deepthought-2", "deepthought-3"]
    for name in names:
        story.docker(f"run -d --name {name} -p 80 mbajor/deepthought")
    listed = story.docker("ps --filter ancestor=mbajor/deepthought")
    addresses = [story.docker(f"port {name} 80").splitlines()[0] for name in names]
    nodes = {story.node_of(name) for name in names}
    story.expect("they run on three different hosts", holds=len(nodes) == len(names))
    # By its address: docker 29.4 and newer leave names with a slash out.
    story.expect("docker ps says where", holds=all(address in listed for address in addresses))
    story.expect("it answers at its host's address", holds="42" in story.curl(addresses[0]))
    return names


def _one_container(story: Story, app: str) -> None:
    title("Logs, a command inside, its streams")
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


def _run(router: str) -> int:
    """Bring the lab up, tell the story, leave the cluster up; return the exit code."""
    started = time.monotonic()
    try:
        install()
        if any(lab.name == _NAME for lab in other_labs()):
            print("A lab of an earlier run is up; it is taken down first.")
            Lab.load(_NAME).down()
        lab = Lab(_NAME, router=router)
        lab.up()
        took_s = time.monotonic() - started
        print(f"Three engines with agents, Consul, manager and router are up after {took_s:.1f} s.")
        tell(lab)
    except (LabError, WrongAnswerError, subprocess.SubprocessError) as exc:
        print(f"\nThe demo failed: {exc}", file=sys.stderr)
        print("The parts' logs: .venv/bin/python -m lab logs PART (manager, router, agent-01 …)")
        return 1
    _farewell(lab, time.monotonic() - started)
    return 0


def _farewell(lab: Lab, took_s: float) -> None:
    print(
        f"""
Every answer was right. The demo took {took_s:.0f} s, and the cluster is yours:

    export DOCKER_HOST={lab.manager.url}
    docker info
    docker run -d -p 80 mbajor/deepthought
    curl -H 'Host: deepthought' http://{lab.router.endpoint}/

Consul's page: {lab.consul.ui}
Faults to try: .venv/bin/python -m lab kill dockerhost03   (pause, partition, restart …)
To end it:     make down"""
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--router",
    type=click.Choice(["haproxy", "nginx"]),
    default="haproxy",
    show_default=True,
    help="The proxy at the edge.",
)
def main(router: str) -> None:
    """Bring a lab up, take the tour through it, and leave it up."""
    sys.exit(_run(router))


if __name__ == "__main__":
    main()
