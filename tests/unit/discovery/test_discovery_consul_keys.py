import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.base import Address
from discovery.consul_keys import Entry, Folder

FOLDER = Folder("swarm", "docker/swarm/nodes")
A = Address.parse("a:1")


def engines(*entries: Entry, folder: Folder = FOLDER) -> list[str]:
    return sorted(str(address) for address in folder.engines(entries)[0])


def test_both_forms_of_keys_are_engines() -> None:
    entries = Entry("swarm/docker/swarm/nodes/a:1", b"a:1"), Entry("swarm/b:2", b"b:2")
    assert engines(*entries) == ["a:1", "b:2"]


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(Entry("swarm/docker/swarm/nodes/"), id="the-folder-itself"),
        pytest.param(Entry("swarm/docker/swarm/leader", b"m:1"), id="leader"),
        pytest.param(Entry("swarm/docker/swarm/nodesX/a:1", b"a:1"), id="neighbour-folder"),
        pytest.param(Entry("swarm/settings", b"a:1"), id="other-plain-key"),
        pytest.param(Entry("swarm/deep/er/a:1", b"a:1"), id="deeper-key"),
        pytest.param(Entry("swarmish/a:1", b"a:1"), id="other-prefix"),
    ],
)
def test_other_keys_are_no_engines_and_no_complaint(entry: Entry) -> None:
    assert FOLDER.engines([entry]) == ({}, frozenset())


@pytest.mark.parametrize("key", ["swarm/docker/swarm/nodes/a:1", "swarm/a:1"])
def test_an_empty_value_stands_for_the_key_s_name(key: str) -> None:
    assert engines(Entry(key)) == ["a:1"]


def test_the_value_counts_where_key_and_value_differ() -> None:
    assert engines(Entry("swarm/docker/swarm/nodes/old:1", b"new:1")) == ["new:1"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"\xff\xfe", id="no-text"),
        pytest.param(b"nonsense", id="no-port"),
        pytest.param(b"{}" * 1_000_000, id="long"),
        pytest.param(b"unix:///var/run/docker.sock", id="a-socket-of-the-manager-s-own-machine"),
        pytest.param(b"a:1\r\nX: y", id="line-break"),
    ],
)
def test_a_bad_value_is_left_out_and_the_others_stay(value: bytes) -> None:
    found, complaints = FOLDER.engines(
        [Entry("swarm/docker/swarm/nodes/bad:1", value), Entry("swarm/docker/swarm/nodes/a:1")]
    )
    assert list(found) == [A]
    (complaint,) = complaints
    assert complaint.startswith("key 'swarm/docker/swarm/nodes/bad:1' is left out: its value")
    assert len(complaint) < 300


def test_of_two_keys_of_one_engine_the_one_with_a_session_counts() -> None:
    held = Entry("swarm/docker/swarm/nodes/a:1", b"a:1", 5, "session")
    plain = Entry("swarm/a:1", b"a:1", 7)
    for entries in ([held, plain], [plain, held]):
        assert FOLDER.engines(entries)[0] == {A: held}


def test_a_mark_tells_a_rewritten_key_from_the_old_one() -> None:
    marks = {Entry("k", b"", 1, "s").mark, Entry("k", b"", 2, "s").mark, Entry("k", b"", 1).mark}
    assert len(marks) == 3
    assert Entry("k", b"x", 1, "s").mark == Entry("k", b"y", 1, "s").mark


def test_without_prefix_only_classic_s_folder_is_looked_at() -> None:
    folder = Folder("", "docker/swarm/nodes")
    assert folder.watched == "docker/swarm/nodes/"
    assert engines(Entry("docker/swarm/nodes/a:1"), Entry("b:1"), folder=folder) == ["a:1"]
    assert folder.key_of(A) == "docker/swarm/nodes/a:1"


def test_keys_are_written_as_classic_writes_them() -> None:
    assert FOLDER.watched == "swarm/"
    assert FOLDER.key_of(A) == "swarm/docker/swarm/nodes/a:1"
    assert Folder("swarm", "").key_of(A) == "swarm/a:1"


@given(st.lists(st.builds(Entry, st.text(max_size=30), st.binary(max_size=30))))
def test_no_key_or_value_ever_raises(entries: list[Entry]) -> None:
    FOLDER.engines([Entry(f"swarm/{entry.key}", entry.value) for entry in entries])
