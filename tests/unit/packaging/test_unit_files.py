"""The units for systemd start commands that exist, with settings that are accepted, as no root."""

import re
import shlex
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest

from swarm.main import main

_FOLDER = Path(__file__).parents[3] / "packaging" / "systemd"
_PROGRAM = "/opt/swarm/bin/swarm"
_WORK = {
    "manager": "master.runtime.run",
    "agent": "agent.run.run",
    "router": "router.runtime.Router",
}
"""What each command calls when nothing is wrong with its command line."""
_HARDENED = {
    "CapabilityBoundingSet",
    "NoNewPrivileges",
    "PrivateTmp",
    "ProtectHome",
    "ProtectSystem",
    "RestrictAddressFamilies",
    "SystemCallFilter",
}


def _unit(name: str) -> RawConfigParser:
    parser = RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # its documented use
    parser.read_string((_FOLDER / f"swarm-{name}.service").read_text(encoding="utf-8"))
    return parser


def _settings(name: str) -> dict[str, str]:
    text = (_FOLDER / f"{name}.env").read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))


def _command(name: str) -> list[str]:
    """What systemd would run, with the example's settings filled in."""
    words: list[str] = []
    for word in shlex.split(_unit(name)["Service"]["ExecStart"]):
        words += shlex.split(_settings(name)[word[1:]]) if word.startswith("$") else [word]
    return words


def test_there_is_a_unit_and_an_example_for_each_part() -> None:
    assert sorted(path.name for path in _FOLDER.iterdir()) == sorted(
        file for name in _WORK for file in (f"swarm-{name}.service", f"{name}.env")
    )


@pytest.mark.parametrize("name", _WORK)
def test_its_command_line_is_accepted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []

    class Stop(Exception):  # noqa: N818 - it is none
        pass

    def work(*arguments: Any, **_settings: Any) -> None:
        started.extend(arguments)
        raise Stop

    monkeypatch.setattr(_WORK[name], work)
    monkeypatch.setattr("common.logs.set_up", lambda *_: None)
    program, *arguments = _command(name)
    assert program == _PROGRAM
    with pytest.raises(Stop):
        main(arguments, _settings(name))
    assert len(started) == 1


@pytest.mark.parametrize("name", _WORK)
def test_a_setting_that_is_wrong_would_be_noticed(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*_command(name)[1:], "--no-such-flag"], _settings(name)) == 1
    assert "no-such-flag" in capsys.readouterr().err


@pytest.mark.parametrize("name", _WORK)
def test_it_is_no_root_and_sees_a_read_only_system(name: str) -> None:
    service = _unit(name)["Service"]
    assert set(service) >= _HARDENED
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    rights = "CAP_NET_BIND_SERVICE" if name == "router" else ""
    assert service["CapabilityBoundingSet"] == rights


def test_a_proxy_that_is_left_behind_stays_the_next_routers_own() -> None:
    service = _unit("router")["Service"]
    assert service["KillMode"] == "process"
    assert "DynamicUser" not in service
    created = (_FOLDER.parent / "sysusers.d" / "swarm-router.conf").read_text(encoding="utf-8")
    assert f"\nu {service['User']} - " in created


@pytest.mark.parametrize("name", ["agent", "manager"])
def test_what_leaves_nothing_behind_has_no_user_of_its_own(name: str) -> None:
    assert _unit(name)["Service"]["DynamicUser"] == "yes"


def test_what_a_manager_keeps_for_engines_is_on_disk_and_gone_with_it() -> None:
    service = _unit("manager")["Service"]
    assert service["Environment"] == "TMPDIR=/var/tmp"
    assert service["PrivateTmp"] == "yes"


@pytest.mark.parametrize("name", _WORK)
def test_it_comes_back_after_a_crash_and_reads_its_own_settings(name: str) -> None:
    unit = _unit(name)
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["EnvironmentFile"] == f"/etc/swarm/{name}.env"
    assert unit["Install"]["WantedBy"] == "multi-user.target"
