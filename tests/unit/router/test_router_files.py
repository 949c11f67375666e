"""Files appear whole or not at all, and commands end."""

import asyncio
import os
from pathlib import Path

import pytest

from router import commands, files, ledger, parts
from tests.fakes.client import until


def test_a_new_file_can_be_read_by_everybody(tmp_path: Path) -> None:
    target = tmp_path / "x.cfg"
    assert files.read(target) is None
    files.replace(target, "one\n")
    assert files.read(target) == "one\n"
    assert target.stat().st_mode & 0o7777 == 0o644
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_is_replaced_keeps_its_mode_and_owner(tmp_path: Path) -> None:
    target = tmp_path / "x.cfg"
    target.write_text("one\n")
    target.chmod(0o640)
    os.chown(target, 0 if os.getuid() else 1234, 0 if os.getuid() else 1235)
    before = target.stat()
    files.replace(target, "two\n")
    after = target.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    assert after.st_ino != before.st_ino


def test_a_file_that_cannot_be_written_stays(tmp_path: Path) -> None:
    target = tmp_path / "x.cfg"
    target.write_text("one\n")
    (tmp_path / ".x.cfg.candidate").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        files.replace(target, "two\n")
    assert target.read_text() == "one\n"


def test_what_no_file_can_hold_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        files.replace(tmp_path / "x.cfg", "\ud800")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["a\r\nb\rc\n", "caf\udce9"])
def test_a_text_is_read_as_it_was_written(tmp_path: Path, text: str) -> None:
    files.replace(tmp_path / "x", text)
    assert files.read(tmp_path / "x") == text


def test_a_new_folder_can_be_read_by_everybody(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        files.make_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o755


def test_parts_stand_before_and_go_after(tmp_path: Path) -> None:
    target, folder = tmp_path / "x.cfg", tmp_path / "parts"
    old, new = {str(folder / "1-list"): "one\n"}, {str(folder / "2-list"): "two\n"}
    assert not parts.are_there(old)
    parts.write(old, target)
    parts.write(new, target)
    assert parts.are_there({**old, **new})
    parts.prune(folder, f"use {folder}/2-list")
    assert [path.name for path in folder.iterdir()] == ["2-list"]
    assert not parts.are_there(old)


def test_a_part_can_be_read_by_whoever_can_read_the_file(tmp_path: Path) -> None:
    target = tmp_path / "x.cfg"
    target.touch(0o640)
    parts.write({str(tmp_path / "parts" / "list"): "one\n"}, target)
    assert (tmp_path / "parts" / "list").stat().st_mode & 0o777 == 0o640


def test_a_command_is_taken_apart_as_a_shell_would() -> None:
    assert commands.words("nginx -c {} -g 'daemon off;'", Path("/a b")) == [
        "nginx",
        "-c",
        "/a b",
        "-g",
        "daemon off;",
    ]


async def test_a_command_tells_its_last_lines() -> None:
    ended = await commands.run(["sh", "-c", "seq 10; echo >&2 no; exit 3"])
    assert ended == commands.Ended(3, "8 / 9 / 10 / no")


async def test_what_a_command_leaves_running_is_not_waited_for() -> None:
    ended = await commands.run(["sh", "-c", "setsid sleep 3 & echo done"], timeout_s=2)
    assert ended == commands.Ended(0, "done")


async def test_a_command_can_be_cancelled_at_any_moment() -> None:
    for steps in range(12):
        task = asyncio.create_task(commands.run(["true"]))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(task, return_exceptions=True)


async def test_a_program_that_is_not_there_is_a_failed_command() -> None:
    ended = await commands.run(["/no/such/program"])
    assert (ended.code, ended.told) == (127, "/no/such/program: No such file or directory")


def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"sleep 600 & echo $! >{pid_file}; wait"
    ended = asyncio.run(commands.run(["sh", "-c", script], timeout_s=0.3))
    assert ended.code == 124
    state = Path(f"/proc/{pid_file.read_text().strip()}/stat")
    until(lambda: not state.exists() or " Z " in state.read_text(), "the end of the sleep")


def test_the_order_of_claims_outlives_a_router(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    assert ledger.read(path) == ()
    claims = (("http://shop.org/", "shop"), ("port 5000 of the edge", "db"))
    ledger.write(path, claims)
    assert ledger.read(path) == claims


@pytest.mark.parametrize("text", ["", "{", "7", "[1]", '["abc"]', '[["a", "b", "c"]]', "\udcff"])
def test_a_broken_list_of_claims_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "claims.json"
    path.write_text(text, errors="surrogateescape")
    assert ledger.read(path) == ()
