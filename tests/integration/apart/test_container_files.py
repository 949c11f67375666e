"""docker-compose.yml and docker-compose.agent.yml are clean, and say what is missing."""

import re
from pathlib import Path

import pytest
from container_tools import AGENT, WHOLE, config_with_plugins
from integration_tools import REPOSITORY, Cli, Done

from lab.install import find

HOST = {"CONSUL": "10.0.0.5:8500", "HOST_IP": "10.0.0.6"}


@pytest.fixture
def config(tmp_path: Path) -> Cli:
    # The file is read, nobody is asked.
    settings = {"DOCKER_CONFIG": config_with_plugins(tmp_path)}
    return Cli(find().newer_docker, "tcp://127.0.0.1:1", ("compose",), settings)


def read(config: Cli, file: str, *options: str, **variables: str) -> Done:
    """What compose makes of a file, with nothing but *variables* set."""
    client = Cli(config.program, config.host, config.options, {**config.environment, **variables})
    return client("-f", str(REPOSITORY / file), "config", *options, check=False)


@pytest.mark.parametrize(("file", "variables"), [(WHOLE, {}), (AGENT, HOST)])
def test_compose_has_nothing_to_say_against_a_file(
    config: Cli, file: str, variables: dict[str, str]
) -> None:
    done = read(config, file, "-q", **variables)
    assert (done.code, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize("missing", sorted(HOST))
def test_an_agent_is_not_started_without_what_only_its_host_can_tell(
    config: Cli, missing: str
) -> None:
    done = read(config, AGENT, **{name: text for name, text in HOST.items() if name != missing})
    assert done.code != 0
    assert f"required variable {missing} is missing a value" in done.err


def test_an_agent_brings_no_consul_of_its_own(config: Cli) -> None:
    assert read(config, AGENT, "--services", **HOST).line == "agent"


def test_another_network_moves_the_address_that_services_are_registered_at(config: Cli) -> None:
    text = read(config, WHOLE, NETWORK="10.99.1").out
    assert "subnet: 10.99.1.0/24" in text
    assert "gateway: 10.99.1.1" in text
    assert "- 10.99.1.1\n" in text
    assert "172.30.80" not in text


def test_the_edge_publishes_the_ports_that_its_router_gives_out(config: Cli) -> None:
    text = read(config, WHOLE, EDGE_TCP="20000-20001").out
    assert "- 20000-20001\n" in text
    assert 'published: "20000"\n' in text
    assert 'published: "20001"\n' in text
    assert "10000" not in text


def test_the_guide_explains_every_variable() -> None:
    texts = [(REPOSITORY / file).read_text() for file in (WHOLE, AGENT)]
    used = {name for text in texts for name in re.findall(r"\$\{([A-Z_]+)", text)}
    guide = (REPOSITORY / "docs" / "OPERATING.md").read_text()
    chapter = guide.partition("## As containers")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", chapter, re.MULTILINE)
    told = {name for cell in cells for name in re.findall(r"[A-Z_]+", cell)}
    assert told == used
