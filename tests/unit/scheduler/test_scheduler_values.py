"""The small parts: natural order, words in messages, and what a node works out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scheduler_builders import container, node, ports

from scheduler.order import natural_key
from scheduler.wording import LONGEST_WORD, bytes_text, shorten


@pytest.mark.parametrize(
    "ordered",
    [
        ["node-1", "node-2", "node-10"],
        ["a", "a1", "a1b", "a2"],
        ["1", "a"],
        ["", "0", "00", "1"],
        ["x" + "9" * 5000, "x" + "1" * 5001],
    ],
    ids=["numbers", "prefixes", "number-first", "zeros", "huge-numbers"],
)
def test_names_sort_naturally(ordered: list[str]) -> None:
    backwards = ordered[::-1]
    assert sorted(backwards, key=natural_key) == ordered


@given(st.text("ab01-", max_size=6), st.text("ab01-", max_size=6))
def test_only_the_same_name_has_the_same_key(one: str, other: str) -> None:
    assert (natural_key(one) == natural_key(other)) is (one == other)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536 * 1024, "1.5 MiB"),
        (8 * 1024**3, "8 GiB"),
        (1024**6, "1024 PiB"),
    ],
)
def test_bytes_are_written_in_binary_units(count: int, text: str) -> None:
    assert bytes_text(count) == text


@given(st.text(max_size=300))
def test_a_shortened_text_is_one_sendable_line(text: str) -> None:
    short = shorten(text)
    assert len(short) <= LONGEST_WORD + len("... (300 characters)")
    assert len(short.splitlines()) <= 1
    assert short.encode().decode() == short


def test_a_node_counts_active_and_all_containers_apart() -> None:
    subject = node(
        "n",
        container("running", memory=1, cpus=0.1, ports=ports(80)),
        container("pending", memory=2, cpus=0.2, is_running=False, is_pending=True),
        container("stopped", memory=4, cpus=0.4, is_running=False, ports=ports(81)),
    )
    assert (subject.memory_active, subject.memory_used) == (3, 7)
    assert (subject.nanocpus_active, subject.nanocpus_used) == (300_000_000, 700_000_000)
    assert subject.cpus_used == 0.7
    assert subject.active_count == 2
    assert set(subject.ports) == {(80, "tcp"), (81, "tcp")}


def test_a_node_is_compared_by_what_it_was_given() -> None:
    assert node("n", container("a")) == node("n", container("a"))
    assert node("n", container("a")) != node("n", container("b"))
