"""``swarm registrator`` and ``swarm agent``: from a command line to settings."""

from typing import Any

import pytest

import agent.run
from agent.places import EnginePlace
from agent.registrator import RegistratorSettings
from agent.run import JoinSettings
from discovery.uri import ConsulTarget
from swarm.main import main

URI = "consul://c:8500/services"


class Started:
    """What would have been run."""

    settings: RegistratorSettings
    joining: JoinSettings | None
    metrics: tuple[str, int] | None


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    found = Started()

    def run(settings: RegistratorSettings, **more: Any) -> None:
        found.settings = settings
        found.joining = more.get("joining")
        found.metrics = more.get("metrics")

    monkeypatch.setattr(agent.run, "run", run)
    return found


def test_the_defaults(started: Started) -> None:
    assert main(["registrator", URI], {}) == 0
    assert started.settings == RegistratorSettings(
        consul=ConsulTarget("c", 8500, "services", "docker/swarm/nodes"),
        engine=EnginePlace("unix:///var/run/docker.sock"),
    )
    assert (started.joining, started.metrics) == (None, None)


def test_every_flag_counts(started: Started) -> None:
    flags = ["-ip", "10.0.0.1", "-internal", "-explicit", "-tags", "a,b", "-ttl", "40", "-resync",
             "0", "-backend", "both", "-engine", "tcp://h:1", "-host-name", "n", "-leave",
             "-cleanup", "-deregister", "always", "-metrics", ":9100"]  # fmt: skip
    assert main(["registrator", *flags, "consulkv://c/x/y"], {}) == 0
    assert started.settings == RegistratorSettings(
        consul=ConsulTarget("c", 8500, "x/y", "docker/swarm/nodes"),
        engine=EnginePlace("h:1"),
        backend="both",
        host_name="n",
        ip="10.0.0.1",
        is_internal=True,
        is_explicit=True,
        tags=("a", "b"),
        ttl_s=40,
        resync_s=0,
        leaves=True,
    )
    assert started.metrics == ("", 9100)


def test_engine_consul_and_token_come_from_the_environment(started: Started) -> None:
    environ = {
        "DOCKER_HOST": "tcp://e:2375",
        "SWARM_SERVICES": "consul://c",
        "CONSUL_HTTP_TOKEN": "secret",
        "SWARM_DISCOVERY": "consul://d/swarm",
    }
    assert main(["registrator"], environ) == 0
    consul = started.settings.consul
    assert (consul.host, consul.prefix, consul.token) == ("c", "services", "secret")
    assert started.settings.engine == EnginePlace("e:2375")


def test_an_agent_joins_and_registers_with_one_consul(started: Started) -> None:
    line = ["agent", "--advertise", "10.0.0.1:2375", "--ttl", "90s", "--services-ttl", "20s"]
    assert main([*line, "consul://c:8500/swarm"], {}) == 0
    settings, joining = started.settings, started.joining
    assert joining is not None
    assert (str(joining.address), joining.times.ttl_s) == ("10.0.0.1:2375", 90)
    assert joining.uri == "consul://c:8500/swarm"
    assert (str(settings.consul), settings.ttl_s) == ("consul://c:8500/services", 20)
    assert settings.advertised == "10.0.0.1:2375"


@pytest.mark.parametrize(
    ("services", "target"),
    [("edge", "consul://c:8500/edge"), ("consul://other:1/x", "consul://other:1/x")],
)
def test_services_may_go_elsewhere(started: Started, services: str, target: str) -> None:
    line = ["agent", "--advertise", "h:1", "--services", services, "consul://c/swarm"]
    assert main(line, {}) == 0
    assert str(started.settings.consul) == target


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["registrator"], "Consul required to register in"),
        (["registrator", URI, URI], "one Consul is enough"),
        (["registrator", "nodes://a:1"], "services are kept in Consul"),
        (["registrator", "--backend", "etcd", URI], "--backend should be one of"),
        (["registrator", "--deregister", "on-success", URI], "--deregister can only be always"),
        (["registrator", "--tags", "{{.Name}}", URI], "templates are not supported"),
        (["registrator", "--tags", "x" * 200, URI], "--tags: the tag"),
        (["registrator", "--ip", "h", URI], "--ip: 'h' is no IP address"),
        (["registrator", "--ip", "0.0.0.0", URI], "nobody reaches this host"),
        (["registrator", "--ip", "fe80::1%eth0", URI], "an address with a zone"),
        (["registrator", "--host-name", "a/b", URI], "--host-name takes letters"),
        (["registrator", "--engine", "ssh://h", URI], "--engine: unsupported protocol"),
        (["registrator", "--metrics", "nowhere", URI], "--metrics: 'nowhere' has no port"),
        (["registrator", "--ttl", "soon", URI], "invalid --ttl"),
        (["registrator", "-useIpFromLabel", "ip", URI], "not defined: -useIpFromLabel"),
        (["registrator", "-ttl-refresh", "10", URI], "not defined: -ttl-refresh"),
        (["registrator", "-retry-attempts", "3", URI], "not defined: -retry-attempts"),
        (["registrator", "-retry-interval", "9", URI], "not defined: -retry-interval"),
        (["registrator", "consul-tls://c:8500"], "consul-tls"),
        (["registrator", "consul-unix:///c.sock"], "consul-unix"),
        (["registrator", "consulkv-unix:///c.sock:/x"], "consulkv-unix"),
        (["registrator", "--resync", "-5s", URI], "--resync should not be a negative number"),
        (["agent", "--advertise", "h:1"], "discovery required to join"),
        (["agent", "consul://c/swarm"], "missing mandatory --advertise flag"),
        (["agent", "--advertise", "h:1", "file:///x"], "services are kept in Consul"),
    ],
)
def test_what_cannot_be_used_is_told(
    started: Started, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    assert main(arguments, {}) == 1
    assert text in capsys.readouterr().err


def test_a_ttl_that_consul_cannot_keep_is_refused_at_the_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["registrator", "--ttl", "5s", URI], {}) == 1
    assert "--ttl must be from 20s to 48h" in capsys.readouterr().err


def test_tls_files_that_are_not_there_are_told_at_the_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    environ = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/nowhere"}
    assert main(["registrator", "--engine", "tcp://h:1", URI], environ) == 1
    assert "Couldn't load X509 key pair" in capsys.readouterr().err
