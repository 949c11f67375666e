"""The demo at the edge: an app by its name, more and fewer of it, and the loss of a host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.cluster import Lab
from lab.host import Engine
from lab.load import Load
from lab.story import Story, title

_APP = "deepthought"
_NOTICE_LIMIT_S = 15.0
"""A dead engine is promised to be noticed within this; routes change within a few seconds."""
_RETURN_LIMIT_S = 30.0
_CLIENTS = 8
_MOST_TURNS = 5


def by_name(story: Story, lab: Lab, apps: list[str]) -> None:
    """Reach every container of *apps* through the one address of the edge."""
    title("Through the edge, by name")
    edge = lab.router.endpoint
    story.until("the edge knows the app", lambda: _answering(edge) == len(apps), _NOTICE_LIMIT_S)
    listed = story.swarm(f"services {lab.consul.services_uri}")
    story.expect("Consul has each of them", holds=listed.count(f"{_APP}-80") == len(apps))
    answers: set[str] = set()
    # Each worker of Nginx takes its own turns, so three requests need not reach three hosts.
    for _ in range(_MOST_TURNS * len(apps)):
        if len(answers) < len(apps):
            answers.add(story.curl(edge, _APP))
    story.expect(f"it is balanced over {len(apps)} hosts", holds=len(answers) == len(apps))


def up_and_down(story: Story, lab: Lab) -> None:
    """Start more of the app and stop them again while clients ask: nobody notices."""
    title("More of it, fewer of it, and no request is lost")
    names = [f"{_APP}-{number}" for number in (4, 5)]
    with _asked(lab) as load:
        started = [
            story.docker(f"run -d --name {name} -p 80 -e SERVICE_DRAIN=3s mbajor/deepthought")[:12]
            for name in names
        ]
        story.until(
            "the new ones have their share of the requests",
            lambda: all(any(one in body for body in load.tally.answers) for one in started),
            _NOTICE_LIMIT_S,
        )
        story.docker(f"stop -t 1 {' '.join(names)}")
        answered = load.tally.ok
        story.until("the edge answers on", lambda: load.tally.ok > answered, _NOTICE_LIMIT_S)
    print(f"\n{load.tally}")
    story.expect("not one request was lost", holds=load.tally.lost == 0)


def a_host_dies(story: Story, lab: Lab, victim: Engine) -> None:
    """Cut a host's power under load: what was under way there is lost, and nothing else."""
    title("A host loses its power")
    with _asked(lab) as load:
        print(f"\n(the power of {victim.name} is cut)")
        victim.kill()
        story.until(
            f"docker info shows {victim.name} as unhealthy",
            lambda: story.health_of(victim.name) == "Unhealthy",
            _NOTICE_LIMIT_S,
        )
        running = story.docker("ps")
        story.expect("its containers are not shown as running", holds=victim.name not in running)
        story.docker("run -d --name meanwhile busybox sleep 100000")
        elsewhere = story.node_of("meanwhile") != victim.name
        story.expect("new containers go elsewhere", holds=elsewhere)
        answered = load.tally.ok
        story.until("the edge answers on", lambda: load.tally.ok > answered, _NOTICE_LIMIT_S)
    print(f"\n{load.tally}")
    story.expect(
        f"at most the requests under way were lost ({load.workers} clients asked)",
        holds=load.tally.lost <= load.workers,
    )
    print(f"\n({victim.name} is switched on again)")
    victim.restart()
    story.until(
        f"{victim.name} is healthy again",
        lambda: story.health_of(victim.name) == "Healthy",
        _RETURN_LIMIT_S,
    )
    story.docker("ps -a")


@contextmanager
def _asked(lab: Lab) -> Iterator[Load]:
    print(f"\n({_CLIENTS} clients ask http://{lab.router.endpoint}/ again and again from now on)")
    with Load(lab.router.endpoint, _APP, workers=_CLIENTS) as load:
        yield load


def _answering(edge: str) -> int:
    """Count the containers that answer when a few requests are made."""
    with Load(edge, _APP, workers=_CLIENTS) as load:
        load.wait_for_answers(_CLIENTS * 2)
    return len(load.tally.answers)
