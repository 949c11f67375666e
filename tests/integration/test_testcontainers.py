"""testcontainers-python, as its users write it, with DOCKER_HOST pointing at the manager.

The library takes the host in DOCKER_HOST for the one where published ports are. In a cluster they
are on the container's node: tests that go there use one of the two ways that work without
``--publish``, `OnCluster` or TESTCONTAINERS_HOST_OVERRIDE with a constraint.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from docker.errors import NotFound
from docker_py_tools import script
from integration_tools import Api
from network_tools import hosts_with
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer, Reaper
from testcontainers.core.image import DockerImage
from testcontainers.core.labels import LABEL_SESSION_ID, SESSION_ID
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import (
    ExecWaitStrategy,
    HealthcheckWaitStrategy,
    HttpWaitStrategy,
    LogMessageWaitStrategy,
    PortWaitStrategy,
)
from testcontainers.core.waiting_utils import WaitStrategy, wait_for_logs
from testcontainers_tools import environment

from lab.cluster import Lab
from lab.http import call

SERVE = script("mkdir /www; echo hello > /www/index.html; echo ready; exec httpd -f -p 80 -h /www")


class OnCluster(DockerContainer):
    """A container whose host is the node that it is on: all that a user has to write."""

    def get_container_host_ip(self) -> str:
        """The address in the port mapping."""
        container = self.get_wrapped_container()
        container.reload()
        bindings = next(found for found in container.ports.values() if found)
        return str(bindings[0]["HostIp"])


@pytest.fixture(autouse=True)
def _environment(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with environment(monkeypatch, lab.manager.url):
        yield


def get(container: DockerContainer, port: int = 80) -> bytes:
    """What a web server in *container* says."""
    place = f"{container.get_container_host_ip()}:{container.get_exposed_port(port)}"
    return call("GET", place, "/", timeout_s=5).body


def node_of(container: DockerContainer) -> str:
    """The node that a container is on."""
    return str(container.get_wrapped_container().attrs["Node"]["Name"])


def quick(strategy: WaitStrategy) -> WaitStrategy:
    """*strategy*, asking more often than once a second."""
    return strategy.with_poll_interval(0.05).with_startup_timeout(10)


def test_a_container_lives_within_its_block(api: Api) -> None:
    with DockerContainer("busybox").with_command("sleep 600").with_name("web") as container:
        container.reload()
        assert container.status == "running"
        (row,) = api.get("/containers/json")
        assert row["Id"] == container.get_container_id()
        assert row["Labels"][LABEL_SESSION_ID] == SESSION_ID
    assert api.get("/containers/json?all=1") == []


def test_a_port_is_at_the_address_in_its_mapping() -> None:
    wait = quick(LogMessageWaitStrategy("ready"))
    with OnCluster("busybox").with_command(SERVE).with_exposed_ports(80).waiting_for(wait) as web:
        assert get(web) == b"hello\n"


def test_the_librarys_own_idea_is_the_managers_address(lab: Lab) -> None:
    with DockerContainer("busybox").with_command(SERVE).with_exposed_ports(80) as web:
        assert web.get_container_host_ip() == lab.manager.endpoint.partition(":")[0]
        (binding,) = web.get_wrapped_container().client.api.port(web.get_container_id(), 80)
        assert web.get_exposed_port(80) == int(binding["HostPort"])
        assert binding["HostIp"] != web.get_container_host_ip()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_host_override_and_a_constraint_agree(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    host = lab.engines[number].plan
    monkeypatch.setattr(testcontainers_config, "tc_host_override", host.address)
    web = DockerContainer("busybox").with_command(SERVE).with_bind_ports(80, 18080)
    web.with_env("constraint:node", f"={host.name}").waiting_for(quick(HttpWaitStrategy(80)))
    with web:
        assert (node_of(web), web.get_exposed_port(80)) == (host.name, 18080)
        assert get(web) == b"hello\n"


@pytest.mark.parametrize(
    "strategy",
    [
        pytest.param(LogMessageWaitStrategy("ready"), id="log"),
        pytest.param(HttpWaitStrategy(80).for_status_code(200), id="http"),
        pytest.param(PortWaitStrategy(80), id="port"),
        pytest.param(ExecWaitStrategy(["test", "-e", "/www/index.html"]), id="exec"),
    ],
)
def test_waiting(strategy: WaitStrategy) -> None:
    web = OnCluster("busybox").with_command(SERVE).with_exposed_ports(80)
    with web.waiting_for(quick(strategy)):
        assert web.exec(["cat", "/www/index.html"]).output == b"hello\n"


def test_waiting_for_health() -> None:
    tenth = 10**8
    check = {"test": ["CMD", "true"], "interval": tenth, "timeout": 50 * tenth}
    container = DockerContainer("busybox").with_command("sleep 600").with_kwargs(healthcheck=check)
    with container.waiting_for(quick(HealthcheckWaitStrategy())):
        assert container.get_wrapped_container().health == "healthy"


def test_waiting_for_logs() -> None:
    with DockerContainer("busybox").with_command(SERVE) as container:
        wait_for_logs(container, LogMessageWaitStrategy("ready"), timeout=10, interval=0.05)
        assert container.get_logs() == (b"ready\n", b"")


def test_waiting_in_vain_tells_what_was_said() -> None:
    strategy = LogMessageWaitStrategy("no such words").with_poll_interval(0.05)
    container = DockerContainer("busybox").with_command(SERVE)
    with (
        pytest.raises(TimeoutError, match="no such words"),
        container.waiting_for(strategy.with_startup_timeout(1)),
    ):
        pass


def test_a_command_its_end_and_its_environment(tmp_path: Path) -> None:
    (tmp_path / "settings").write_text("B=2\n")
    container = DockerContainer("busybox").with_env("A", "1").with_env_file(tmp_path / "settings")
    with container.with_command(script("echo $A $B; echo err >&2; exit 3")):
        assert container.wait() == 3
        assert container.get_logs() == (b"1 2\n", b"err\n")


def test_exec() -> None:
    with DockerContainer("busybox").with_command("sleep 600") as container:
        done = container.exec(["sh", "-c", "echo out; exit 4"])
        assert (done.exit_code, done.output) == (4, b"out\n")


def test_files_go_in_and_come_out(tmp_path: Path) -> None:
    (tmp_path / "from-disk").write_bytes(b"from disk")
    container = DockerContainer("busybox").with_command("sleep 600")
    container.with_copy_into_container(b"from memory", "/data/memory")
    container.with_copy_into_container(tmp_path / "from-disk", "/data/disk")
    with container:
        assert container.exec("cat /data/memory /data/disk").output == b"from memoryfrom disk"
        container.copy_from_container("/data/memory", tmp_path / "copied")
        assert (tmp_path / "copied").read_bytes() == b"from memory"


def test_volumes_and_memory() -> None:
    container = DockerContainer("busybox").with_command("sleep 600").with_tmpfs_mount("/m")
    with container.with_volume_mapping("/run", "/there", "ro"):
        assert container.exec("test -S /there/docker.sock").exit_code == 0
        assert b"tmpfs" in container.exec("df /m").output


def test_containers_of_a_network_find_each_other(lab: Lab) -> None:
    with Network() as network:
        web = DockerContainer("busybox").with_command(SERVE).with_network(network)
        client = DockerContainer("busybox").with_command("sleep 600").with_network(network)
        with web.with_network_aliases("web"), client:
            wait_for_logs(web, LogMessageWaitStrategy("ready"), timeout=10, interval=0.05)
            assert client.exec("wget -qO- http://web/").output == b"hello\n"
            assert node_of(client) == node_of(web)
        assert len(hosts_with(lab, network.name)) == 1
    assert hosts_with(lab, network.name) == []
    network._docker.client.close()


def test_an_image_is_built_used_and_removed(tmp_path: Path, api: Api) -> None:
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN echo built > /mark\nCMD cat /mark\n")
    with DockerImage(path=tmp_path, tag="made:1") as image:
        with DockerContainer(str(image)) as container:
            assert container.wait() == 0
            assert container.get_logs()[0] == b"built\n"
        assert api("GET", "/images/made:1/json").status == 200
    assert api("GET", "/images/made:1/json").status == 404


def test_many_at_once(lab: Lab) -> None:
    with ExitStack() as stack:
        containers = [
            stack.enter_context(DockerContainer("busybox").with_command("sleep 600"))
            for _ in range(6)
        ]
        nodes = {node_of(container) for container in containers}
        assert nodes <= {engine.name for engine in lab.engines}
        assert [one.exec("echo hi").output for one in containers] == [b"hi\n"] * 6


def test_a_reaper_whose_image_nobody_has(
    monkeypatch: pytest.MonkeyPatch, lab: Lab, api: Api
) -> None:
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", False)
    monkeypatch.setattr(
        testcontainers_config, "ryuk_image", f"{lab.registry.endpoint}/no/ryuk:0.8.1"
    )
    with pytest.raises(NotFound, match="not found"):
        DockerContainer("busybox").start()
    Reaper.delete_instance()
    assert api.get("/containers/json?all=1") == []
