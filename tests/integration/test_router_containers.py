"""The article's routing layer: `docker run` on some host, and the edge answers; nobody else helps.

The lab's own agents, beside its engines, tell Consul what the router reads.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration_tools import APP, Api, Cli, remove_app

from lab.cluster import Lab
from tests.fakes.edge import Load, RouterProcess, ask, until

PAGE = "mkdir /www; hostname >/www/index.html; exec httpd -f -p 80 -h /www"
"""Answers with the container's name."""


@pytest.fixture(params=["haproxy", "nginx"])
def router(request: pytest.FixtureRequest, tmp_path: Path, lab: Lab) -> Iterator[RouterProcess]:
    with RouterProcess(tmp_path, request.param, lab.consul.services_uri) as found:
        found.until_up()
        yield found


def test_deepthought_is_reached_by_its_name_on_three_hosts(
    lab: Lab, docker: Cli, api: Api, router: RouterProcess
) -> None:
    names = ["deep1", "deep2", "deep3"]
    try:
        for name in names:
            docker("run", "-d", "-p", "80", "--name", name, "--hostname", name, APP)
        hosts = {api.get(f"/containers/{name}/json")["Node"]["Name"] for name in names}
        assert len(hosts) == 3
        expected = {f"The answer is 42, says {name}." for name in names}
        until(lambda: router.answers("deepthought"), "the route")

        def answers() -> set[str]:
            return {ask(router.port, "deepthought")[1].strip() for _ in range(30)}

        until(lambda: answers() == expected, "answers from all three")
    finally:
        docker("rm", "-f", *names, check=False)
        remove_app(lab, api)


def test_scaling_up_and_down_loses_no_request(docker: Cli, router: RouterProcess) -> None:
    def up(name: str) -> None:
        said = ("-e", "SERVICE_NAME=web", "-e", "SERVICE_DRAIN=3s")
        options = ("-d", "-p", "80", "--name", name, "--hostname", name, "--init", *said)
        docker("run", *options, "busybox", "sh", "-c", PAGE)

    for name in ("web1", "web2"):
        up(name)
    until(lambda: router.answers("web"), "the route")
    resends = router.kind == "nginx"
    with Load(router.port, methods=["GET", "GET"], resends=resends, path="/") as load:
        load.answered_by("web1", "web2")
        up("web3")
        load.answered_by("web1", "web2", "web3")
        for name, left in (("web1", ("web2", "web3")), ("web2", ("web3",))):
            docker("stop", "-t", "1", name)
            load.answered_by(*left)
        load.more()
    assert load.lost == []


def test_a_container_whose_page_is_ill_gets_no_request_from_haproxy(
    docker: Cli, tmp_path: Path, lab: Lab
) -> None:
    """`SERVICE_CHECK_HTTP`, all the way from a container to its proxy."""

    def up(name: str, page: str) -> None:
        said = ("-e", "SERVICE_NAME=web", "-e", "SERVICE_CHECK_HTTP=/health")
        options = ("-d", "-p", "80", "--name", name, "--hostname", name, *said)
        docker(
            "run", *options, "busybox", "sh", "-c", f"mkdir /www; touch /www/{page}; {PAGE[11:]}"
        )

    with RouterProcess(tmp_path, "haproxy", lab.consul.services_uri) as router:
        router.until_up()
        up("well", "health")
        until(lambda: router.answers("web"), "the route")
        up("ill", "nothing")
        until(lambda: router.status()["servers"] == 2, "both")
        assert "http-check send meth GET uri /health" in router.config.read_text()
        with Load(router.port, methods=["GET"], path="/") as load:
            load.answered_by("well")
        docker("exec", "ill", "touch", "/www/health")
        with Load(router.port, methods=["GET"], path="/") as load:
            load.answered_by("ill", "well")
