"""The article's routing layer: a request at the edge reaches containers on several hosts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration_tools import APP, Api, Cli, remove_app

from lab.cluster import Lab
from services.entry import ServiceEntry
from tests.fakes.edge import Load, Registry, RouterProcess, ask, until

PREFIX = "router-test"
PAGE = "mkdir /www; hostname > /www/index.html; exec httpd -f -p 80 -h /www"
"""Answers with the container's name."""


@pytest.fixture
def registry(lab: Lab) -> Iterator[Registry]:
    found = Registry(lab.consul.endpoint, PREFIX)
    found.wipe()
    yield found
    found.wipe()


@pytest.fixture(params=["haproxy", "nginx"])
def router(
    request: pytest.FixtureRequest, tmp_path: Path, registry: Registry
) -> Iterator[RouterProcess]:
    with RouterProcess(tmp_path, request.param, registry.uri) as found:
        found.until_up()
        yield found


def entry_of(api: Api, name: str, service: str) -> ServiceEntry:
    """A container as an agent writes it down: its host's address and the published port."""
    facts = api.get(f"/containers/{name}/json")
    (binding,) = facts["NetworkSettings"]["Ports"]["80/tcp"]
    return ServiceEntry(
        service, facts["Node"]["Name"], name, 80, binding["HostIp"], int(binding["HostPort"])
    )


def test_deepthought_is_reached_by_its_name_on_three_hosts(
    lab: Lab, docker: Cli, api: Api, registry: Registry, router: RouterProcess
) -> None:
    names = ["deep1", "deep2", "deep3"]
    try:
        for name in names:
            docker("run", "-d", "-p", "80", "--name", name, "--hostname", name, APP)
        entries = [entry_of(api, name, "deepthought") for name in names]
        assert len({entry.host for entry in entries}) == 3
        registry.put(*entries)
        until(lambda: router.status()["servers"] == 3, "the route")
        answers = {ask(router.port, "deepthought")[1].strip() for _ in range(30)}
        assert answers == {f"The answer is 42, says {name}." for name in names}
    finally:
        docker("rm", "-f", *names, check=False)
        remove_app(lab, api)


def test_scaling_up_and_down_loses_no_request(
    docker: Cli, api: Api, registry: Registry, router: RouterProcess
) -> None:
    def up(name: str) -> ServiceEntry:
        options = ("-d", "-p", "80", "--name", name, "--hostname", name)
        docker("run", *options, "busybox", "sh", "-c", PAGE)
        entry = entry_of(api, name, "web")
        registry.put(entry)
        return entry

    entries = {name: up(name) for name in ("web1", "web2")}
    until(lambda: router.answers("web"), "the route")
    with Load(
        router.port, methods=["GET", "GET"], keeps_alive=router.kind == "haproxy", path="/"
    ) as load:
        load.answered_by("web1", "web2")
        entries["web3"] = up("web3")
        load.answered_by("web1", "web2", "web3")
        for name, left in (("web1", ("web2", "web3")), ("web2", ("web3",))):
            registry.remove(entries[name])
            load.answered_by(*left)
            docker("rm", "-f", name)
        load.more()
    assert load.lost == []
