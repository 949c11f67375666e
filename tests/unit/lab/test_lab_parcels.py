"""A parcel of packages is there wholly or not at all, and its launchers find their own folder."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab import apt, install
from lab.parcels import COMPOSE_V1, HAPROXY, NGINX, Parcel

_PARCEL = Parcel(
    "tools",
    ("one", "two"),
    ("run-tool",),
    suite="bookworm",
    launchers={"run-tool": 'exec "$here/usr/bin/tool" "$@"\n'},
)


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[str, ...], str | None]]:
    """Let apt make a folder with a tool in it; returns what it was asked for."""
    asked: list[tuple[tuple[str, ...], str | None]] = []

    def unpack(packages: Sequence[str], target: Path, suite: str | None = None) -> None:
        asked.append((tuple(packages), suite))
        tool = target / "usr" / "bin" / "tool"
        tool.parent.mkdir(parents=True)
        tool.write_text('#!/bin/sh\necho "$0 got $1"\n', encoding="utf-8")
        tool.chmod(0o755)

    monkeypatch.setattr(apt, "unpack", unpack)
    return asked


def test_its_packages_come_from_its_release(
    tmp_path: Path, unpacked: list[tuple[tuple[str, ...], str | None]]
) -> None:
    _PARCEL.unpack(tmp_path)
    assert unpacked == [(("one", "two"), "bookworm")]


@pytest.mark.usefixtures("unpacked")
def test_a_launcher_starts_the_program_beside_it_from_any_folder(tmp_path: Path) -> None:
    _PARCEL.unpack(tmp_path)
    launcher = _PARCEL.find(tmp_path)
    assert launcher is not None
    moved = (tmp_path / "tools").rename(tmp_path / "moved here")
    answer = subprocess.run(
        [moved / launcher.name, "a b"], capture_output=True, text=True, check=True
    )
    assert answer.stdout == f"{moved}/usr/bin/tool got a b\n"


@pytest.mark.usefixtures("unpacked")
def test_without_its_launcher_a_parcel_counts_as_absent_and_is_made_anew(tmp_path: Path) -> None:
    left_over = tmp_path / "tools" / "usr" / "half"
    left_over.mkdir(parents=True)
    assert _PARCEL.find(tmp_path) is None
    _PARCEL.unpack(tmp_path)
    assert _PARCEL.find(tmp_path) == tmp_path / "tools" / "run-tool"
    assert not left_over.exists()


def test_the_first_program_that_exists_is_taken(tmp_path: Path) -> None:
    parcel = Parcel("box", ("box",), ("bin/box", "usr/bin/box"))
    place = tmp_path / "box" / "usr" / "bin" / "box"
    place.parent.mkdir(parents=True)
    place.touch()
    assert parcel.find(tmp_path) == place


@pytest.mark.parametrize("parcel", [HAPROXY, NGINX, COMPOSE_V1], ids=lambda one: one.folder)
def test_a_program_with_parts_of_its_own_has_a_launcher(parcel: Parcel) -> None:
    assert parcel.programs == tuple(parcel.launchers)


def test_a_client_counts_for_the_generation_that_it_says_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\necho 'Docker version 28.5.2+dfsg4, build 9cc6dea'\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert install._client("docker", "28") == client
    assert install._client("docker", "20.10") is None
    assert install._client("no-such-docker", "28") is None
