"""systemd itself has nothing to say against the units; none of them is started."""

import subprocess
from pathlib import Path

import pytest
from integration_tools import REPOSITORY

from lab.install import find

_FOLDER = REPOSITORY / "packaging" / "systemd"
_PROGRAM = "/opt/swarm/bin/swarm"


def verify(unit: Path) -> tuple[int, str]:
    """What systemd says of a unit's file."""
    # It wants the program to exist; where it would be installed is not this machine's affair.
    unit.write_text(unit.read_text().replace(_PROGRAM, str(find().busybox)))
    command = [find().systemd_analyze, "verify", "--man=no", "--generators=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["agent", "manager", "router"])
def test_systemd_takes_every_line(tmp_path: Path, name: str) -> None:
    unit = tmp_path / f"swarm-{name}.service"
    unit.write_text((_FOLDER / unit.name).read_text())
    assert verify(unit) == (0, "")


def test_it_would_say_so_otherwise(tmp_path: Path) -> None:
    unit = tmp_path / "swarm-router.service"
    text = (_FOLDER / unit.name).read_text()
    unit.write_text(text.replace("KillMode=process", "KillMode=gently\nProtectsystem=yes"))
    code, said = verify(unit)
    assert code == 0
    assert "Failed to parse kill mode" in said
    assert "Unknown key 'Protectsystem'" in said
