"""Only differences are written, in transactions that Consul takes."""

from agent.rules.desired import Registration
from agent.rules.plan import Change, Held, batches, changes, wanted_keys
from services.entry import ServiceEntry

ENTRY = ServiceEntry("web", "h1", "c1", 80, "10.0.0.1", 32768, tags=("a",))


def test_metadata_stands_before_its_entry() -> None:
    assert list(wanted_keys([Registration(ENTRY)], "services/")) == [
        "services/web-80/.meta/h1:c1:80",
        "services/web-80/h1:c1:80",
    ]


def test_only_differences_are_written_and_removals_first() -> None:
    wanted = {"same": b"1", "new": b"2", "changed": b"3", "others": b"4", "nobodys": b"5"}
    found = {
        "same": Held(b"1", "s"),
        "changed": Held(b"x", "s"),
        "others": Held(b"4", "t"),
        "nobodys": Held(b"5", ""),
        "gone": Held(b"6", "t"),
    }
    assert changes(wanted, found, "s") == (
        Change("gone", None),
        Change("new", b"2"),
        Change("changed", b"3"),
        Change("others", b"4", is_taken_over=True),
        Change("nobodys", b"5"),
    )


def test_nothing_is_written_where_nothing_differs() -> None:
    assert changes({"a": b"1"}, {"a": Held(b"1", "s")}, "s") == ()


def test_a_key_of_another_session_is_removed_and_written_in_one_step() -> None:
    verbs = [one["Verb"] for one in Change("a", b"1", is_taken_over=True).operations("s")]
    assert verbs == ["delete", "lock"]


def test_transactions_have_as_many_operations_as_consul_takes() -> None:
    parts = [Change(str(number), b"", is_taken_over=number % 2 == 0) for number in range(200)]
    sizes = [
        1 + sum(len(part.operations("s")) for part in batch) for batch in batches(parts, reserved=1)
    ]
    assert sum(sizes) == 300 + len(sizes)
    assert max(sizes) <= 64


def test_transactions_are_as_large_as_consul_takes() -> None:
    parts = [Change(str(number), b"x" * 40_000) for number in range(20)]
    assert [len(batch) for batch in batches(parts, reserved=1)] == [6, 6, 6, 2]
