"""Host ports: given out once on each host, and reached at that host's own address."""

import urllib.request
from functools import partial
from typing import Any

from integration_tools import Api, Cli, message, until

from lab.cluster import Lab


def publish(port: int, protocol: str = "tcp", ip: str = "") -> dict[str, Any]:
    """The part of a create that binds a host port."""
    key = f"80/{protocol}"
    return {
        "ExposedPorts": {key: {}},
        "HostConfig": {"PortBindings": {key: [{"HostPort": str(port), "HostIp": ip}]}},
    }


def test_same_port_is_spread_and_the_fourth_is_refused(any_docker: Cli) -> None:
    for _ in range(3):
        any_docker("run", "-d", "-p", "8080:80", "busybox", "sleep", "600")
    nodes = any_docker("ps", "--format", "{{.Names}}").out.split()
    assert {name.split("/")[0] for name in nodes} == {
        "dockerhost01",
        "dockerhost02",
        "dockerhost03",
    }
    done = any_docker.fails("run", "-d", "-p", "8080:80", "busybox", "sleep", "600", code=125)
    assert "Unable to find a node that satisfies the following conditions" in done.err
    assert "[port 8080 (Bridge mode)]" in done.err
    for node in ("dockerhost01", "dockerhost02", "dockerhost03"):
        assert node in done.err


def test_another_protocol_is_no_conflict(api: Api) -> None:
    for _ in range(3):
        api.create(**publish(53))
    for _ in range(3):
        api.create(**publish(53, "udp"))


def test_one_address_of_a_host_is_a_conflict_with_all_of_it(api: Api) -> None:
    on: dict[str, Any] = {"Env": ["constraint:node==dockerhost01"]}
    api.create(**publish(8080, ip="127.0.0.1"), **on)
    api.create(**publish(8080, ip="127.0.0.2"), **on)
    answer = api("POST", "/containers/create", {"Image": "busybox", **publish(8080), **on})
    assert answer.status == 500
    assert "port 8080" in message(answer)


def test_stopped_ones_keep_their_ports(api: Api) -> None:
    first = api.run(**publish(8080))
    api("POST", f"/containers/{first}/kill")
    nodes = {api.node_of(first)} | {api.node_of(api.run(**publish(8080))) for _ in range(2)}
    assert len(nodes) == 3
    assert api("POST", f"/containers/{first}/start").status == 204


def test_a_removed_one_gives_its_port_back(api: Api) -> None:
    containers = [api.run(**publish(8080)) for _ in range(3)]
    node = api.node_of(containers[1])
    api("DELETE", f"/containers/{containers[1]}?force=1")
    assert api.node_of(api.run(**publish(8080))) == node


def test_ports_of_host_networks(api: Api) -> None:
    host: dict[str, Any] = {"ExposedPorts": {"8085/tcp": {}}, "HostConfig": {"NetworkMode": "host"}}
    nodes = {api.node_of(api.create(**host)) for _ in range(3)}
    assert len(nodes) == 3
    answer = api("POST", "/containers/create", {"Image": "busybox", **host})
    assert answer.status == 500
    assert "port 8085" in message(answer)


def test_a_published_port_is_reached_where_ps_says(docker: Cli) -> None:
    docker("run", "-d", "-P", "mbajor/deepthought", timeout_s=30)
    docker("run", "-d", "-p", "80", "mbajor/deepthought", timeout_s=30)
    for shown in docker("ps", "--format", "{{.Ports}}").out.split():
        address = shown.removesuffix(",").partition("->")[0]
        until(partial(_answers, address), 5, f"an answer from {address}")


def test_port_drawn_by_the_engine_is_held(api: Api, lab: Lab) -> None:
    container = api.run(**publish(0), Env=["constraint:node==dockerhost01"])
    bindings = api.get(f"/containers/{container}/json")["NetworkSettings"]["Ports"]["80/tcp"]
    port = int(bindings[0]["HostPort"])
    body = {"Image": "busybox", **publish(port), "Env": ["constraint:node==dockerhost01"]}
    answer = api("POST", "/containers/create", body)
    assert answer.status == 500
    assert f"port {port}" in message(answer)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=2) as page:
            return b"The answer is 42" in page.read()
    except OSError:
        return False
