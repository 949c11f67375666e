"""Installing packages starts no daemon and leaves the machine's own policy alone."""

from pathlib import Path

import pytest

from lab import apt
from lab.errors import LabError


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "policy-rc.d"
    monkeypatch.setattr(apt, "_GUARD", path)
    return path


def test_services_are_kept_from_starting_only_meanwhile(guard: Path) -> None:
    with apt._no_daemon_starts():
        assert "exit 101" in guard.read_text(encoding="utf-8")
        assert guard.stat().st_mode & 0o111
    assert not guard.exists()


def test_a_failed_install_takes_the_guard_away(guard: Path) -> None:
    with pytest.raises(LabError), apt._no_daemon_starts():
        raise LabError("no space left")
    assert not guard.exists()


def test_a_guard_left_by_a_killed_install_is_removed_by_the_next(guard: Path) -> None:
    guard.write_text(apt._GUARD_TEXT, encoding="utf-8")
    with apt._no_daemon_starts():
        assert guard.exists()
    assert not guard.exists()


def test_the_administrators_own_policy_stays(guard: Path) -> None:
    guard.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    with apt._no_daemon_starts():
        pass
    assert guard.read_text(encoding="utf-8") == "#!/bin/sh\nexit 0\n"


@pytest.mark.parametrize(
    ("apt_is_there", "user", "message"),
    [
        pytest.param(False, 0, "no apt-get", id="no-apt"),
        pytest.param(True, 1000, "as root", id="not-root"),
    ],
)
def test_what_cannot_be_installed_is_said_in_one_sentence(
    apt_is_there: bool, user: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt.shutil, "which", lambda name: f"/usr/bin/{name}" * apt_is_there or None)
    monkeypatch.setattr(apt.os, "geteuid", lambda: user)
    with pytest.raises(LabError, match=message):
        apt.require_apt("dockerd")
