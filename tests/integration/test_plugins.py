"""``docker plugin``, by every client: a plugin is of use when every engine has it."""

from collections.abc import Iterator

import pytest
from integration_tools import Api, Cli
from plugin_tools import plugins_on, push_plugin, remove_plugins

from lab.cluster import Lab
from lab.install import find

GRANT = "--grant-all-permissions"


@pytest.fixture(scope="module")
def plugin(lab: Lab) -> Iterator[str]:
    """Name of a plugin that only the lab's registry has."""
    name = f"{lab.registry.endpoint}/lab/listener:1"
    first = lab.engines[0]
    push_plugin(first, Cli(find().current_docker, first.url), name)
    yield name
    remove_plugins(lab)


@pytest.fixture
def cli(any_docker: Cli, lab: Lab) -> Iterator[Cli]:
    """Each client in turn; plugins go."""
    yield any_docker
    remove_plugins(lab)


def test_a_plugin_is_installed_on_every_engine(cli: Cli, lab: Lab, plugin: str) -> None:
    done = cli("plugin", "install", GRANT, plugin, timeout_s=60)
    assert done.out.splitlines()[-1] == f"Installed plugin {plugin}"
    assert plugins_on(lab) == [{plugin: True}] * 3
    rows = cli("plugin", "ls", "--format", "{{.Name}} {{.Description}} {{.Enabled}}").lines
    assert rows == [f"{plugin} listens, and does no more true"]
    assert cli("plugin", "inspect", "-f", "{{.Name}}", plugin).line == plugin


def test_it_is_turned_off_set_and_turned_on_everywhere(cli: Cli, lab: Lab, plugin: str) -> None:
    cli("plugin", "install", GRANT, plugin, timeout_s=60)
    assert cli("plugin", "disable", plugin).line == plugin
    assert plugins_on(lab) == [{plugin: False}] * 3
    cli("plugin", "set", plugin, "COLOUR=blue")
    for engine in lab.engines:
        assert "COLOUR=blue" in engine.docker("plugin", "inspect", plugin)
    assert cli("plugin", "enable", plugin).line == plugin
    assert plugins_on(lab) == [{plugin: True}] * 3


def test_it_is_upgraded_everywhere(cli: Cli, lab: Lab, plugin: str) -> None:
    cli("plugin", "install", GRANT, "--disable", plugin, timeout_s=60)
    assert plugins_on(lab) == [{plugin: False}] * 3
    done = cli("plugin", "upgrade", GRANT, plugin, timeout_s=60)
    assert f"Upgraded plugin {plugin} to {plugin}" in done.out
    assert plugins_on(lab) == [{plugin: False}] * 3


def test_it_is_removed_everywhere_unless_it_works(cli: Cli, lab: Lab, plugin: str) -> None:
    cli("plugin", "install", GRANT, plugin, timeout_s=60)
    done = cli.fails("plugin", "rm", plugin, code=1)
    assert f"plugin {plugin} is enabled" in done.err
    assert plugins_on(lab) == [{plugin: True}] * 3
    assert cli("plugin", "rm", "-f", plugin).line == plugin
    assert plugins_on(lab) == [{}] * 3
    assert cli("plugin", "ls", "-q").out == ""


def test_who_does_not_grant_what_it_asks_for_gets_nothing(cli: Cli, lab: Lab, plugin: str) -> None:
    done = cli("plugin", "install", plugin, stdin=b"n\n", check=False)
    assert "capabilities: [CAP_SYS_ADMIN]" in done.out
    assert plugins_on(lab) == [{}] * 3


def test_a_plugin_that_an_engine_lacks_is_not_the_clusters(
    cli: Cli, lab: Lab, plugin: str, api: Api
) -> None:
    lab.engines[0].docker("plugin", "install", GRANT, "--disable", plugin)
    assert cli("plugin", "ls", "-q").out == ""
    told = api("GET", "/plugins")
    assert told.headers["x-cluster-partial"] == "dockerhost02,dockerhost03"
    done = cli("plugin", "install", GRANT, plugin, check=False, timeout_s=60)
    assert "dockerhost01" in done.err
    assert f"plugin {plugin} already exists" in done.err
