"""docker-py: published ports, and how their users find them."""

from typing import Any

import pytest
from docker import DockerClient
from docker.errors import APIError
from docker.models.containers import Container
from docker_py_tools import SLEEP, node_of, script
from integration_tools import APP, until

from lab.cluster import Lab
from lab.http import call

SERVE = script("mkdir /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www")


def serve(client: DockerClient, **options: Any) -> Container:
    """A container with a web server on its port 80."""
    container = client.containers.run("busybox", SERVE, detach=True, **options)
    container.reload()
    return container


def address(lab: Lab, container: Container) -> str:
    """The host address of the node that *container* is on."""
    (found,) = (e.plan.address for e in lab.engines if e.plan.name == node_of(container))
    return found


def body(place: str) -> bytes:
    """What a web server at *place* (``host:port``) says, once it is there."""

    def ask() -> bytes:
        try:
            return call("GET", place, "/", timeout_s=2).body
        except OSError:
            return b""

    return bytes(until(ask, 5, f"an answer from {place}"))


@pytest.mark.parametrize(
    ("ports", "host_ports"),
    [
        pytest.param({"80/tcp": 18080}, ["18080"], id="number"),
        pytest.param({80: 18080}, ["18080"], id="number-to-number"),
        pytest.param({"80": "18080"}, ["18080"], id="string"),
        pytest.param({"80/tcp": ("0.0.0.0", 18080)}, ["18080"], id="every-address"),
        pytest.param({"80/tcp": [18080, 18081]}, ["18080", "18081"], id="several"),
    ],
)
def test_a_fixed_port_is_at_the_nodes_address(
    client: DockerClient, lab: Lab, ports: dict[Any, Any], host_ports: list[str]
) -> None:
    container = serve(client, ports=ports)
    host = address(lab, container)
    bindings = container.ports["80/tcp"]
    assert sorted((b["HostIp"], b["HostPort"]) for b in bindings) == [
        (host, port) for port in host_ports
    ]
    for port in host_ports:
        assert body(f"{host}:{port}") == b"hello\n"


@pytest.mark.parametrize("ports", [{"80/tcp": None}, {"80/tcp": ("0.0.0.0", None)}, {80: 0}])
def test_a_port_of_the_engines_choice(
    client: DockerClient, lab: Lab, ports: dict[Any, Any]
) -> None:
    container = serve(client, ports=ports)
    (binding,) = client.api.port(container.id, 80)
    assert binding["HostIp"] == address(lab, container)
    assert body(f"{binding['HostIp']}:{binding['HostPort']}") == b"hello\n"


def test_every_port_of_an_image(client: DockerClient, lab: Lab) -> None:
    container = client.containers.run(APP, publish_all_ports=True, detach=True)
    container.reload()
    (binding,) = container.ports["80/tcp"]
    assert b"42" in body(f"{address(lab, container)}:{binding['HostPort']}")


def test_udp_and_tcp_are_apart(client: DockerClient) -> None:
    container = serve(client, ports={"53/udp": 18053, "53/tcp": 18054})
    assert client.api.port(container.id, "53/udp")[0]["HostPort"] == "18053"
    assert client.api.port(container.id, 53)[0]["HostPort"] == "18054"
    assert client.api.port(container.id, 54) is None


def test_a_port_is_exposed_without_being_published(client: DockerClient) -> None:
    made = client.api.create_container("busybox", SLEEP, ports=[80, (53, "udp")])
    client.api.start(made)
    config = client.api.inspect_container(made)["Config"]
    assert sorted(config["ExposedPorts"]) == ["53/udp", "80/tcp"]
    assert [one.id for one in client.containers.list(filters={"expose": "53/udp"})] == [made["Id"]]
    assert client.containers.list(filters={"publish": "80/tcp"}) == []
    (row,) = client.api.containers()
    assert {"PrivatePort": 80, "Type": "tcp"} in row["Ports"]


def test_a_port_that_no_node_has_left(client: DockerClient) -> None:
    nodes = {node_of(serve(client, ports={"80/tcp": 18080})) for _ in range(3)}
    assert nodes == {"dockerhost01", "dockerhost02", "dockerhost03"}
    with pytest.raises(APIError, match="Unable to find a node") as caught:
        serve(client, ports={"80/tcp": 18080})
    assert caught.value.status_code == 500
