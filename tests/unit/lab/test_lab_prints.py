"""What the lab's command line shows; nothing is started."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lab.__main__ import main
from lab.cluster import Lab


@pytest.fixture
def _claims_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `up` take a lab's addresses, and start nothing."""

    def up(lab: Lab, **_options: bool) -> None:
        lab._claim()

    monkeypatch.setattr("lab.state.state_root", lambda: tmp_path)
    monkeypatch.setattr("lab.__main__.install_programs", lambda: None)
    monkeypatch.setattr(Lab, "up", up)


def shown(*arguments: str) -> dict[str, list[str]]:
    """The words behind each part's name."""
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return {words[0]: words[1:] for words in map(str.split, done.output.splitlines())}


@pytest.mark.usefixtures("_claims_only")
@pytest.mark.parametrize("servers", [1, 3])
def test_up_shows_where_consuls_page_is(servers: int) -> None:
    rows = shown("up", "--name", "shown", "--consul", str(servers))
    port = Lab.load("shown").plan.consul_port
    assert rows["consul"][-1] == f"http://127.0.0.1:{port}/ui"
    assert shown("status", "--name", "shown")["consul"] == rows["consul"]


@pytest.mark.usefixtures("_claims_only")
def test_up_shows_where_clients_and_requests_go() -> None:
    rows = shown("up", "--name", "shown")
    plan = Lab.load("shown").plan
    assert rows["manager"][-1] == f"tcp://127.0.0.1:{plan.manager_port}"
    assert rows["router"][-1] == f"http://{plan.gateway}:{plan.edge_port}"
    assert rows["dockerhost01"][2:] == ["zone=application", "disk=ssd", "env=prod"]
