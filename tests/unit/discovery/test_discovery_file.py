import asyncio
import logging
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from discovery.base import Address
from discovery.errors import NotSupportedError
from discovery.file import FileDiscovery
from discovery.nodes import NodesDiscovery

HEARTBEAT_S = 0.01


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discovery.file._SETTLE_S", 0.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cluster"


def put(file: Path, content: str | bytes | None) -> None:
    """Write *content* into *file*; None removes it."""
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content.encode() if isinstance(content, str) else content)


async def answer(watch: AsyncGenerator[frozenset[Address]]) -> list[str]:
    async with asyncio.timeout(5):
        return sorted(str(address) for address in await anext(watch))


async def stays_silent(watch: AsyncGenerator[frozenset[Address]]) -> bool:
    try:
        async with asyncio.timeout(10 * HEARTBEAT_S):
            await anext(watch)
    except TimeoutError:
        return True
    return False


async def test_comments_blanks_and_ranges_are_understood(file: Path) -> None:
    put(file, "# ours\n\n a:1 # first\nb:[1:2]\r\nunix:///c#x\n")
    watch = FileDiscovery(file, HEARTBEAT_S).watch()
    assert await answer(watch) == ["a:1", "b:1", "b:2", "unix:///c"]


async def test_a_change_is_told(file: Path) -> None:
    put(file, "a:1")
    watch = FileDiscovery(file, HEARTBEAT_S).watch()
    assert await answer(watch) == ["a:1"]
    put(file, "b:1")
    assert await answer(watch) == ["b:1"]


async def test_the_same_engines_in_other_words_are_no_change(file: Path) -> None:
    put(file, "a:1\nb:1")
    watch = FileDiscovery(file, HEARTBEAT_S).watch()
    await answer(watch)
    put(file, "b:1\na:1 # still")
    assert await stays_silent(watch)


async def test_an_unreadable_file_keeps_the_list(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(file, "a:1")
    watch = FileDiscovery(file, HEARTBEAT_S).watch()
    await answer(watch)
    put(file, None)
    assert await stays_silent(watch)
    complaints = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(complaints) == 1
    assert "No such file" in complaints[0]


async def test_bad_lines_are_left_out_and_told_of_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(file, "a:1\nnonsense\nb:1")
    watch = FileDiscovery(file, HEARTBEAT_S).watch()
    assert await answer(watch) == ["a:1", "b:1"]
    await asyncio.sleep(5 * HEARTBEAT_S)
    assert caplog.text.count("line 2, is left out: 'nonsense' has no port") == 1


async def test_bytes_that_are_no_text_keep_the_list(file: Path) -> None:
    put(file, b"a:1\n")
    watch = FileDiscovery(file, HEARTBEAT_S).watch()
    await answer(watch)
    put(file, b"\xff\xfe\x00")
    assert await stays_silent(watch)


async def test_an_emptied_file_counts_from_the_second_look_on(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(file, "a:1")
    watch = FileDiscovery(file, HEARTBEAT_S).watch()
    await answer(watch)
    put(file, "# nobody")
    assert await answer(watch) == []
    assert "lists no engines any more" in caplog.text


async def test_a_file_that_is_being_written_is_read_when_it_is_whole(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter(["a:1\nb:", "a:1\nb:1", "a:1\nb:1"])
    discovery = FileDiscovery(file, HEARTBEAT_S)
    monkeypatch.setattr(discovery, "_read", lambda: next(readings))
    assert await answer(discovery.watch()) == ["a:1", "b:1"]


async def test_a_list_of_nodes_is_told_once(tmp_path: Path) -> None:
    watch = NodesDiscovery([Address.parse("b:1"), Address.parse("a:1")]).watch()
    assert await answer(watch) == ["a:1", "b:1"]
    assert await stays_silent(watch)


@pytest.mark.parametrize("discovery", [NodesDiscovery([]), FileDiscovery(Path("/f"), 1)])
async def test_neither_can_be_joined(discovery: NodesDiscovery | FileDiscovery) -> None:
    with pytest.raises(NotSupportedError, match="a:1 cannot join"):
        await discovery.register(Address.parse("a:1"), 60)
    with pytest.raises(NotSupportedError, match="a:1 cannot leave"):
        await discovery.deregister(Address.parse("a:1"))
    with pytest.raises(NotSupportedError, match="a:1 cannot be lost"):
        await discovery.until_lost(Address.parse("a:1"))


def test_both_say_what_they_are() -> None:
    assert NodesDiscovery([Address.parse("a:1")]).describe() == "nodes://a:1"
    assert FileDiscovery(Path("/f"), 1).describe() == "file:///f"
