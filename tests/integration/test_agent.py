"""`swarm agent` on each host: joins and registers, and goes with its host."""

import time
from collections.abc import Iterator

import pytest
from integration_tools import Api, Cli, is_whole, until
from registrator_hosts import entries, keys, published, serve

from lab.cluster import Lab


@pytest.fixture
def broken(lab: Lab) -> Iterator[Lab]:
    """The lab, mended afterwards: Consul, every engine and every agent run."""
    yield lab
    lab.consul.start()
    for engine in lab.engines:
        engine.start()
    for agent in lab.agents:
        agent.start()
    until(lambda: is_whole(lab), 40, "a whole cluster")


@pytest.fixture
def web(lab: Lab, docker: Cli) -> dict[str, str]:
    """A container on each host; their entries."""
    found = {}
    for number, engine in enumerate(lab.engines, 1):
        place = ("-e", f"constraint:node=={engine.name}")
        serve(docker, f"web-{number}", *place)
        key = f"busybox-80/{engine.name}:web-{number}:80"
        found[key] = published(engine, f"web-{number}")
    until(lambda: entries(lab) == found, 10, "three entries")
    return found


@pytest.mark.fault
def test_entries_go_with_their_host(broken: Lab, web: dict[str, str]) -> None:
    before = keys(broken)
    broken.engines[2].kill()
    lost = "busybox-80/dockerhost03:web-3:80"
    until(lambda: lost not in entries(broken), 25, "the end of the host's entry")
    del before[lost]
    assert keys(broken) == before


@pytest.mark.fault
def test_entries_go_with_an_agent_that_stays_away_though_its_engine_lives(
    broken: Lab, web: dict[str, str]
) -> None:
    before = keys(broken)
    broken.agents[2].kill()
    lost = "busybox-80/dockerhost03:web-3:80"
    # The lab's agents have 20 s, the least that there is.
    until(lambda: lost not in entries(broken), 25, "the end of the entry")
    assert Api(web[lost])("GET", "/").status == 404  # httpd answers: it has no page
    del before[lost]
    assert keys(broken) == before


@pytest.mark.fault
def test_an_agent_that_is_killed_and_comes_back_changes_no_key(
    broken: Lab, web: dict[str, str], docker: Cli
) -> None:
    before = keys(broken)
    broken.agents[0].kill()
    broken.agents[0].start()
    place = ("-e", "constraint:node==dockerhost01")
    serve(docker, "new", *place)
    new = "busybox-80/dockerhost01:new:80"
    until(lambda: new in entries(broken), 10, "the next entry")
    found = keys(broken)
    del found[new]
    assert found == before


@pytest.mark.fault
def test_an_agent_that_is_stopped_leaves_the_cluster_and_its_entries(
    broken: Lab, web: dict[str, str], api: Api
) -> None:
    broken.agents[0].stop()
    assert entries(broken) == web
    until(lambda: len(api.get("/containers/json")) == 2, 5, "the node's leave")


@pytest.mark.fault
def test_a_restart_of_consul_changes_no_entry(
    broken: Lab, web: dict[str, str], docker: Cli
) -> None:
    broken.consul.restart()
    assert entries(broken) == web
    docker("rm", "-f", "web-2")
    del web["busybox-80/dockerhost02:web-2:80"]
    until(lambda: entries(broken) == web, 20, "a change after the restart")


@pytest.mark.fault
def test_what_changes_without_consul_is_written_later(
    broken: Lab, web: dict[str, str], docker: Cli
) -> None:
    broken.consul.kill()
    docker("rm", "-f", "web-1")
    serve(docker, "web-4", "-e", "constraint:node==dockerhost01")
    time.sleep(1)
    broken.consul.start()
    del web["busybox-80/dockerhost01:web-1:80"]
    web["busybox-80/dockerhost01:web-4:80"] = published(broken.engines[0], "web-4")
    until(lambda: entries(broken) == web, 30, "what runs")


def test_a_stop_through_the_manager_is_heard_of_before_the_process_hears(
    lab: Lab, docker: Cli
) -> None:
    serve(docker, "web", "--init", "-e", "SERVICE_DRAIN=3s")
    until(lambda: len(entries(lab)) == 1, 10, "the entry")
    with docker.start("stop", "web") as stopping:
        until(lambda: entries(lab) == {}, 2, "the withdrawal")
        # Its process would end at once, if it had been told.
        assert docker("inspect", "-f", "{{.State.Running}}", "web").line == "true"
        assert stopping.wait(20) == 0
