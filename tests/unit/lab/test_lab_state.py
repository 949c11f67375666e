"""The state file: what `down` relies on."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.processes import Process, identify
from lab.state import EngineState, LabState, Store, check_name, from_json, machine_lock, other_labs

_STATE = LabState(
    name="demo",
    index=2,
    consul_port=8520,
    registry_port=5000,
    manager_port=2395,
    engines=(EngineState(), EngineState(generation="26.1", minimum_api="1.44")),
    consul_servers=3,
    manager_options=("--strategy", "binpack"),
    router="nginx",
    processes={"consul": Process(12, 3456), "dockerhost01/dockerd": Process(77, 9)},
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("lab.state.state_root", lambda: tmp_path / "run" / "swarm-lab")
    monkeypatch.setattr("lab.state.data_root", lambda: tmp_path / "data")
    return Store("demo")


def test_a_state_survives_the_file() -> None:
    assert from_json(_STATE.to_json()) == _STATE


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"engines": [], "processes": {}}', "null"])
def test_a_broken_file_is_told_in_one_sentence(text: str) -> None:
    with pytest.raises(LabError, match="state file cannot be read"):
        from_json(text)


@pytest.mark.parametrize("name", ["", "Up", "a/b", "..", "-x", "a b", "x" * 25])
def test_a_name_that_is_no_folder_or_cgroup_name_is_refused(name: str) -> None:
    with pytest.raises(LabError):
        check_name(name)


def test_an_unknown_lab_says_how_to_start_it(store: Store) -> None:
    with pytest.raises(LabError, match="up --name demo"):
        store.read()


def test_processes_are_set_and_forgotten(store: Store) -> None:
    store.write(replace(_STATE, processes={}))
    store.set_process("consul", Process(1, 2))
    store.set_process("manager", Process(3, 4))
    store.set_process("consul", None)
    assert store.read().processes == {"manager": Process(3, 4)}


def test_a_recycled_process_id_is_not_taken_for_the_process(store: Store) -> None:
    this = identify(os.getpid())
    assert this is not None
    store.write(replace(_STATE, processes={"a": this, "b": Process(this.pid, this.start + 1)}))
    assert store.process("a") == this
    assert store.process("b") is None


def test_other_labs_are_found_until_they_are_removed(store: Store) -> None:
    store.write(_STATE)
    assert other_labs() == [_STATE]
    store.remove()
    assert other_labs() == []


def test_the_last_lab_leaves_no_folder(store: Store, tmp_path: Path) -> None:
    with machine_lock():
        store.write(_STATE)
        store.data.mkdir(parents=True)
    assert store.exists()
    with machine_lock():
        store.remove()
    assert not (tmp_path / "run" / "swarm-lab").exists()
    assert not (tmp_path / "data").exists()
