"""The edge of a real lab, measured: routes that come and go, losses under load, what it costs.

`run` to the first routed answer and `stop` to the last one; requests lost while a service is
scaled up and down under load; Consul's writes for a thousand container events; CPU and memory of
every process at a thousand services. Prints Markdown. Root, as for any lab; it has labs of its
own and takes them down at the end.
"""

from __future__ import annotations

import http.client
import itertools
import subprocess
import time
from collections.abc import Callable
from functools import partial
from threading import Thread

import click

from bench.lab_tools import cpu_s, header, middle_and_most, row, rss_mb
from lab.cluster import Lab
from lab.http import call
from lab.install import find, install
from lab.load import Load
from lab.processes import Process

_IMAGE = "mbajor/deepthought"
_OK = 200
_LOOK_S = 0.005
_GONE_S = 1.0
"""A container that has not answered for so long has answered its last."""
_LIMIT_S = 30.0
_PORTS_EACH = 50
_AT_REST_S = 60.0


class Edge:
    """A lab with a router, and the docker command pointed at its manager."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def docker(self, *arguments: str) -> str:
        """Run docker against the manager; returns its output.

        Raises:
            RuntimeError: it failed.
        """
        command = [str(find().docker), "-H", self.lab.manager.url, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout.strip()

    def answers(self, name: str) -> bool:
        """Whether the edge has an answer of a container for this host name."""
        connection = http.client.HTTPConnection(self.lab.router.endpoint, timeout=5)
        try:
            connection.request("GET", "/", headers={"Host": name, "Connection": "close"})
            answer = connection.getresponse()
            return answer.status == _OK and b"42" in answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def clear(self) -> None:
        """Remove every container."""
        if ids := self.docker("ps", "-aq").split():
            self.docker("rm", "-f", *ids)


def come_and_go(edge: Edge, times: int) -> None:
    """From `docker run` to the first routed answer, from `docker stop` to the last."""
    first: list[float] = []
    last: list[float] = []
    for number in range(times):
        name = f"new{number}"
        started = time.monotonic()
        container = edge.docker("run", "-d", "-p", "80", "-e", f"SERVICE_NAME={name}", _IMAGE)
        _until(partial(edge.answers, name))
        first.append(time.monotonic() - started)
        started = answered = time.monotonic()
        stopping = Thread(target=edge.docker, args=("stop", "-t", "1", container))
        stopping.start()
        while time.monotonic() < answered + _GONE_S:
            if edge.answers(name):
                answered = time.monotonic()
            time.sleep(_LOOK_S)
        stopping.join()
        last.append(answered - started)
    row("run to first answer, a new service", middle_and_most(first))
    row("stop to last answer, the only container", middle_and_most(last))
    edge.clear()


def one_more(edge: Edge, times: int) -> None:
    """The same for one more container of a service that is routed already."""
    edge.docker("run", "-d", "-p", "80", _IMAGE)
    _until(lambda: edge.answers("deepthought"))
    first: list[float] = []
    last: list[float] = []
    for _ in range(times):
        with Load(edge.lab.router.endpoint, "deepthought", workers=4, pause_s=_LOOK_S) as load:
            started = time.monotonic()
            container = edge.docker("run", "-d", "-p", "80", _IMAGE)
            said = f"The answer is 42, says {container[:12]}."
            _until(partial(load.tally.answers.__contains__, said))
            first.append(load.tally.answers[said].first_s - started)
            started = time.monotonic()
            edge.docker("stop", "-t", "1", container)
            time.sleep(_GONE_S)
            last.append(max(0.0, load.tally.answers[said].last_s - started))
        edge.docker("rm", container)
    row("run to first answer, one more container", middle_and_most(first))
    row("stop to last answer, one of two", middle_and_most(last))
    edge.clear()


def scale(edge: Edge, seconds: float, *, drain: str) -> None:
    """Requests lost while a service goes from two containers to six and back, again and again."""
    options = ["-e", f"SERVICE_DRAIN={drain}"] if drain else []
    run = ("run", "-d", "-p", "80", *options, _IMAGE)
    steady = [edge.docker(*run) for _ in range(2)]
    _until(lambda: edge.answers("deepthought"))
    changes = 0
    with Load(edge.lab.router.endpoint, "deepthought", workers=8, pause_s=0.01) as load:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            more = [edge.docker(*run) for _ in range(4)]
            time.sleep(2)
            edge.docker("stop", "-t", "1", *more)
            edge.docker("rm", *more)
            changes += 2 * len(more)
    what = f"{changes} starts and stops in {seconds:.0f} s under load"
    row(f"{what}, {f'SERVICE_DRAIN={drain}' if drain else 'plain docker stop'}", load.tally)
    edge.docker("rm", "-f", *steady)


def scale_both_ways(edge: Edge, seconds: float) -> None:
    """Half of the time with a drain, half without."""
    scale(edge, seconds / 2, drain="2s")
    scale(edge, seconds / 2, drain="")


def host_loss(edge: Edge) -> None:
    """Requests lost when a host with a third of the containers loses its power under load."""
    for node in edge.lab.engines:
        edge.docker("run", "-d", "-p", "80", "-e", f"constraint:node=={node.name}", _IMAGE)
    _until(lambda: edge.answers("deepthought"))
    time.sleep(3)
    with Load(edge.lab.router.endpoint, "deepthought", workers=8) as load:
        time.sleep(2)
        edge.lab.engines[2].kill()
        time.sleep(40)
    row("a host of three loses its power (8 clients)", load.tally)
    edge.lab.engines[2].restart()
    edge.lab.wait_healthy()
    edge.clear()


def writes(edge: Edge, events: int) -> None:
    """Consul's writes for container events: only differences are written."""
    published = edge.docker("run", "-d", "-p", "80", _IMAGE)
    quiet = [edge.docker("run", "-d", "busybox", "sleep", "100000") for _ in range(3)]
    time.sleep(2)
    before = _agents(edge)
    index = _index(edge)
    ids = itertools.cycle([*quiet, published])
    while _agents(edge)["events"] - before["events"] < events:
        edge.docker("restart", "-t", "0", next(ids))
    time.sleep(3)
    after = _agents(edge)
    counted = after["events"] - before["events"]
    written = after["writes"] - before["writes"]
    row(
        f"{counted:.0f} events that mattered (restarts: 3 of 4 containers publish nothing)",
        f"{written:.0f} writes ({written * 1000 / counted:.0f} per 1,000); "
        f"Consul's index of the folder moved {_index(edge) - index} times at most",
    )
    edge.clear()


def thousand(edge: Edge, services: int) -> None:
    """CPU and memory of each process with so many services, when nothing changes."""
    for number in range(services // _PORTS_EACH):
        ports = range(1000, 1000 + _PORTS_EACH)
        flags = [flag for port in ports for flag in ("-p", str(port))]
        name = f"SERVICE_NAME=s{number}"
        edge.docker("run", "-d", *flags, "-e", name, "busybox", "sleep", "100000")
    wanted = services // _PORTS_EACH * _PORTS_EACH
    _until(lambda: _agents(edge)["entries"] == wanted, 120)
    status = edge.lab.router.status_endpoint
    _until(lambda: call("GET", status, "/status").json()["servers"] == wanted, 120)
    time.sleep(10)
    parts = _parts(edge.lab)
    before = {name: cpu_s(processes) for name, processes in parts.items()}
    time.sleep(_AT_REST_S)
    for name, processes in parts.items():
        used = (cpu_s(processes) - before[name]) / _AT_REST_S * 100
        row(f"{name} at {wanted} services", f"{used:.1f} % CPU, {rss_mb(processes):.0f} MB")
    edge.clear()


def _parts(lab: Lab) -> dict[str, list[Process]]:
    proxy = lab.router.proxy()
    named: dict[str, Process | None] = {
        "manager": lab.manager.process,
        "agent (one of three)": lab.agents[0].process,
        "Consul": lab.consul.process,
    }
    parts = {name: [found] for name, found in named.items() if found is not None}
    router = lab.router.process
    if router is not None:
        parts["router"] = [router]
    parts["proxy"] = proxy
    return parts


def _agents(edge: Edge) -> dict[str, float]:
    """Sums over the agents' pages: ``events``, ``writes``, ``entries``."""
    sums = dict.fromkeys(("events", "writes", "entries"), 0.0)
    for agent in edge.lab.agents:
        page = call("GET", agent.metrics_endpoint, "/metrics").body.decode()
        for line in page.splitlines():
            name, _, value = line.rpartition(" ")
            for key in sums:
                if name.partition("{")[0] in (
                    f"swarm_registrator_{key}_total",
                    f"swarm_registrator_{key}",
                ):
                    sums[key] += float(value)
    return sums


def _index(edge: Edge) -> int:
    target = "/v1/kv/services?keys"
    return int(call("GET", edge.lab.consul.endpoint, target).headers["x-consul-index"])


def _until(condition: Callable[[], bool], limit_s: float = _LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("it did not happen in time")
        time.sleep(_LOOK_S)


_TESTS = ("come", "more", "scale", "loss", "writes", "thousand")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--proxy", "proxies", multiple=True, default=("haproxy", "nginx"), show_default=True)
@click.option("--only", multiple=True, type=click.Choice(_TESTS), default=_TESTS)
@click.option("--times", default=20, show_default=True, help="How often routes come and go.")
@click.option("--seconds", default=300.0, show_default=True, help="How long it is scaled.")
@click.option("--events", default=1000, show_default=True, help="How many container events.")
@click.option("--services", default=1000, show_default=True, help="How many services at rest.")
def main(
    proxies: tuple[str, ...],
    only: tuple[str, ...],
    times: int,
    seconds: float,
    events: int,
    services: int,
) -> None:
    """Measure the edge of a lab of three real engines, with each proxy."""
    install()
    for proxy in proxies:
        print(f"\n## {proxy}\n")
        header("what", "figure")
        with Lab(f"edge-{proxy}", router=proxy) as lab:
            edge = Edge(lab)
            tests: dict[str, Callable[[], None]] = {
                "come": partial(come_and_go, edge, times),
                "more": partial(one_more, edge, times),
                "scale": partial(scale_both_ways, edge, seconds),
                "loss": partial(host_loss, edge),
                "writes": partial(writes, edge, events),
                "thousand": partial(thousand, edge, services),
            }
            for name in only:
                tests[name]()


if __name__ == "__main__":
    main()
