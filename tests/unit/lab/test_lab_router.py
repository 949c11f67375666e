"""The router's proxy outlives a router that was killed, so `down` must find it without its help."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.addresses import plan
from lab.consul import Consul
from lab.install import find
from lab.members import Router
from lab.processes import Process, identify
from lab.state import Store


@pytest.fixture
def router(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Router:
    monkeypatch.setattr("lab.state.state_root", lambda: tmp_path)
    store, addresses = Store("demo"), plan(0, 1)
    (store.folder / "router").mkdir(parents=True)
    return Router(store, addresses, Consul(store, addresses, lambda: find().consul), find)


@pytest.fixture
def master() -> Iterator[Process]:
    """A process with a child, and an environment that says nothing."""
    script = ["sh", "-c", "sleep 60 & echo; wait"]
    with subprocess.Popen(script, env={}, stdout=subprocess.PIPE, process_group=0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = identify(process.pid)
        assert found is not None
        yield found
        os.killpg(process.pid, 9)


def _note(tmp_path: Path, pid: int, start: int) -> None:
    (tmp_path / "demo" / "router" / "nginx.conf.pid").write_text(f"{pid} {start}\n")


def test_the_main_process_comes_before_its_workers(
    router: Router, master: Process, tmp_path: Path
) -> None:
    _note(tmp_path, master.pid, master.start)
    assert router.proxy() == [master, *master.children()]
    assert len(router.proxy()) == 2


def test_a_recycled_id_is_nobodys_proxy(router: Router, master: Process, tmp_path: Path) -> None:
    _note(tmp_path, master.pid, master.start - 1)
    assert router.proxy() == []


def test_without_a_note_there_is_no_proxy(router: Router) -> None:
    assert router.proxy() == []


def test_an_empty_note_stops_nobody_from_taking_the_lab_down(
    router: Router, tmp_path: Path
) -> None:
    (tmp_path / "demo" / "router" / "nginx.conf.pid").touch()
    assert router.proxy() == []
