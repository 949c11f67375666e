"""File and running proxy agree, or come to agree: with a scripted proxy."""

import signal
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from router import files
from router.apply import Applier, Means
from router.errors import RefusedError, ReloadError
from router.proxies import Adjusted, Generation
from router.rules.render import Rendered


@dataclass
class ScriptedProxy:
    """Tells what the test says it runs; takes a file when it is reloaded, or later, or never."""

    runs: str = "old"
    generation_number: int = 1
    counts: bool = True
    """Nginx does not: it tells the revision alone."""
    is_willing: bool = True
    reloads: list[str] = field(default_factory=list)
    socket = "the-socket"
    check = "true {}"
    run = "true"
    reload_signal = signal.SIGUSR2
    stop_signal = signal.SIGUSR1

    async def adjust(self, rendered: Rendered) -> Adjusted:
        return "nothing to do" if self.runs == rendered.revision else "needs a reload"

    async def generation(self) -> Generation:
        number = str(self.generation_number) if self.counts else ""
        return Generation(number, self.runs) if self.runs else Generation()

    def takes(self, revision: str) -> None:
        self.runs = revision
        self.generation_number += 1


class ScriptedSupervisor:
    """Somebody who runs the proxy; a signal reloads it."""

    is_wanted = True
    is_failing = False

    def __init__(self, proxy: ScriptedProxy, target: Path, deaf: int = 0) -> None:
        self.deaf = deaf
        """How many signals are not heard."""
        self._proxy = proxy
        self._target = target

    def signal(self, _number: signal.Signals) -> bool:
        if self.deaf:
            self.deaf -= 1
            return True
        text = self._target.read_text()
        self._proxy.reloads.append(text)
        if self._proxy.is_willing:
            self._proxy.takes(text.split()[0])
        return True

    def start(self) -> None:
        """It runs."""


def rendered(revision: str, **parts: str) -> Rendered:
    return Rendered(f"{revision} the-socket {' '.join(parts)}\n", revision, parts=parts)


OLD, NEW = rendered("old"), rendered("new")


@pytest.fixture
def proxy() -> ScriptedProxy:
    return ScriptedProxy()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "x.cfg"
    path.write_text(OLD.text)
    return path


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.apply._TAKEN_TIMEOUT_S", 0.2)
    monkeypatch.setattr("router.apply._POLL_S", 0.01)


def applier(
    proxy: ScriptedProxy, target: Path, *, check: str = "true {}", deaf: int = 0
) -> Applier:
    supervisor = ScriptedSupervisor(proxy, target, deaf)
    return Applier(Means(target, target.parent / "parts", check, proxy, supervisor))  # type: ignore[arg-type]


async def test_a_proxy_that_takes_the_file_late_ends_up_with_it_in_place(
    proxy: ScriptedProxy, target: Path
) -> None:
    tries = applier(proxy, target)
    proxy.is_willing = False
    with pytest.raises(ReloadError, match="did not take the file"):
        await tries.apply(NEW)
    assert files.read(target) == OLD.text
    proxy.takes("new")
    assert await tries.apply(NEW) == "written"
    assert (files.read(target), proxy.runs) == (NEW.text, "new")
    assert len(proxy.reloads) == 1


async def test_a_proxy_that_never_takes_the_file_keeps_the_one_that_it_runs_with(
    proxy: ScriptedProxy, target: Path
) -> None:
    tries = applier(proxy, target)
    proxy.is_willing = False
    for _ in range(3):
        with pytest.raises(ReloadError):
            await tries.apply(NEW)
        assert (files.read(target), proxy.runs) == (OLD.text, "old")
    proxy.is_willing = True
    assert await tries.apply(NEW) == "reloaded"


async def test_a_proxy_that_did_not_hear_of_the_reload_is_told_again(
    proxy: ScriptedProxy, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.apply._TELL_AGAIN_S", 0.02)
    monkeypatch.setattr("router.apply._TAKEN_TIMEOUT_S", 10)
    assert await applier(proxy, target, deaf=1).apply(NEW) == "reloaded"
    assert len(proxy.reloads) == 1


async def test_a_proxy_that_comes_up_with_the_new_file_has_taken_it(
    proxy: ScriptedProxy, target: Path
) -> None:
    """It had died, and is started again while the file is replaced."""
    tries = applier(proxy, target)
    proxy.counts, proxy.is_willing, proxy.runs = False, False, ""

    async def comes_up() -> Generation:
        proxy.runs = files.read(target).split()[0]
        return Generation("", proxy.runs)

    proxy.generation = comes_up  # type: ignore[method-assign]
    assert await tries.apply(NEW) == "reloaded"
    assert files.read(target) == NEW.text
    assert proxy.reloads == []


async def test_what_could_not_be_put_back_is_put_back_later(
    proxy: ScriptedProxy, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = applier(proxy, target)
    assert await tries.apply(OLD) == "unchanged"
    proxy.is_willing = False
    real = files.replace

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "replace", full)
    with pytest.raises(OSError, match="No space"):
        await tries.apply(NEW)
    assert files.read(target) == NEW.text
    monkeypatch.setattr(files, "replace", real)
    with pytest.raises(ReloadError):
        await tries.apply(NEW)
    assert files.read(target) == OLD.text


async def test_a_refused_file_leaves_file_and_parts_of_before(
    proxy: ScriptedProxy, target: Path
) -> None:
    folder = target.parent / "parts"
    old = rendered("old", **{str(folder / "1"): "one"})
    await applier(proxy, target).apply(old)
    with pytest.raises(RefusedError):
        await applier(proxy, target, check="false {}").apply(
            rendered("new", **{str(folder / "2"): "two"})
        )
    assert files.read(target) == old.text
    assert [path.name for path in folder.iterdir()] == ["1"]


async def test_a_part_that_is_gone_is_written_again(proxy: ScriptedProxy, target: Path) -> None:
    part = target.parent / "parts" / "1"
    whole = rendered("old", **{str(part): "one"})
    tries = applier(proxy, target)
    await tries.apply(whole)
    part.unlink()
    assert await tries.apply(whole) == "written"
    assert part.read_text() == "one"
    assert await tries.apply(whole) == "unchanged"
    assert proxy.reloads == []


async def test_a_failing_proxy_has_no_ports_whatever_its_file_says(
    proxy: ScriptedProxy, target: Path
) -> None:
    supervisor = ScriptedSupervisor(proxy, target)
    tries = Applier(Means(target, target.parent, "true {}", proxy, supervisor))  # type: ignore[arg-type]
    assert await tries.running_text() == OLD.text
    supervisor.is_failing = True
    assert await tries.running_text() == OLD.text
    proxy.runs = ""
    assert await tries.running_text() == ""
