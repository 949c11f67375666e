"""When something is rendered, and what."""

import pytest

from router.rules.agenda import Agenda
from router.rules.debounce import Debounce
from router.rules.guard import LossGuard
from router.rules.memory import Memory
from services.entry import ServiceEntry, keys_of
from services.watch import Snapshot


def entry(service: str, number: int = 1) -> ServiceEntry:
    return ServiceEntry(service, "h", f"c{number}", 80, "10.0.0.1", 4000 + number)


def snapshot(*entries: ServiceEntry, is_doubtful: bool = False) -> Snapshot:
    keys = {name: value for one in entries for name, value in keys_of(one).items()}
    return Snapshot(keys, entries, 1, is_doubtful)


def agenda(*, grace_s: float = 30, keep_s: float = 60) -> Agenda:
    return Agenda(LossGuard(grace_s), Memory(keep_s), Debounce(1, 5))


def test_a_change_is_due_when_it_was_quiet_for_long_enough() -> None:
    debounce = Debounce(1, 5)
    assert debounce.wait_s(0) is None
    debounce.changed(10)
    assert debounce.wait_s(10) == 1
    debounce.changed(10.5)
    assert debounce.wait_s(11) == 0.5
    assert debounce.wait_s(11.5) == 0


def test_a_storm_of_changes_is_dealt_with_at_the_latest_after_the_maximum() -> None:
    debounce = Debounce(1, 5)
    for tenth in range(48):
        debounce.changed(tenth / 10)
    assert debounce.wait_s(4.8) == 5 - 4.8
    assert debounce.wait_s(6) == 0
    debounce.settle()
    assert debounce.wait_s(6) is None


def test_the_first_picture_is_due_at_once() -> None:
    todo = agenda()
    assert (todo.wait_s(0), todo.take(0)) == (None, None)
    todo.see(snapshot(entry("web")), 1)
    assert todo.wait_s(1) == 0
    due = todo.take(1)
    assert due is not None
    assert due.picture.entries == (entry("web"),)
    assert (todo.wait_s(1), todo.take(1)) == (None, None)


def test_later_ones_wait_for_quiet() -> None:
    todo = agenda()
    todo.see(snapshot(entry("web")), 0)
    todo.take(0)
    todo.see(snapshot(entry("web"), entry("api")), 10)
    assert (todo.wait_s(10), todo.take(10)) == (1, None)
    assert todo.take(11) is not None


def test_what_only_goes_waits_shortly_where_that_costs_nothing() -> None:
    todo = Agenda(LossGuard(30), Memory(60), Debounce(1, 5, 0.05))
    todo.see(snapshot(entry("web", 1), entry("web", 2)), 0)
    todo.take(0)
    todo.see(snapshot(entry("web", 1)), 10)
    assert todo.wait_s(10) == pytest.approx(0.05)
    assert todo.take(10.06) is not None


@pytest.mark.parametrize(
    "now",
    [
        pytest.param((entry("web", 1), entry("web", 3)), id="replaced"),
        pytest.param((entry("web", 1), entry("web", 2), entry("api")), id="one-more"),
    ],
)
def test_what_comes_waits_as_ever(now: tuple[ServiceEntry, ...]) -> None:
    todo = Agenda(LossGuard(30), Memory(60), Debounce(1, 5, 0.05))
    todo.see(snapshot(entry("web", 1), entry("web", 2)), 0)
    todo.take(0)
    todo.see(snapshot(*now), 10)
    assert todo.wait_s(10) == 1


def test_a_snapshot_that_says_the_same_is_no_change() -> None:
    todo = agenda()
    todo.see(snapshot(entry("web")), 0)
    todo.take(0)
    todo.see(snapshot(entry("web")), 10)
    assert todo.wait_s(10) is None


def test_a_picture_can_be_due_again_without_a_change() -> None:
    todo = agenda()
    todo.see(snapshot(entry("web")), 0)
    first = todo.take(0)
    todo.again(20)
    todo.again(30)
    assert (todo.wait_s(10), todo.take(19)) == (10, None)
    assert todo.take(20) == first
    assert (todo.wait_s(20), todo.take(40)) == (None, None)


def test_a_change_comes_before_what_is_due_again() -> None:
    todo = agenda()
    todo.see(snapshot(entry("web")), 0)
    todo.take(0)
    todo.again(20)
    todo.see(snapshot(entry("api")), 5)
    assert todo.wait_s(5) == 1
    assert todo.take(6) is not None
    assert todo.wait_s(6) is None


def test_nothing_is_due_again_before_anything_was_seen() -> None:
    todo = agenda()
    todo.again(0)
    assert (todo.wait_s(1), todo.take(1)) == (None, None)


def test_the_end_of_a_hold_is_a_change() -> None:
    todo = agenda()
    todo.see(snapshot(entry("web", 1), entry("web", 2)), 0)
    todo.take(0)
    todo.see(snapshot(), 10)
    assert (todo.held, todo.wait_s(10), todo.take(11)) == (("web-80",), 30, None)
    assert todo.take(40) is None
    due = todo.take(41)
    assert due is not None
    assert due.picture.entries == ()
    assert [one.service for one in due.departed] == ["web"]


def test_own_templates_see_the_keys_of_held_entries() -> None:
    todo = agenda()
    todo.see(snapshot(entry("web", 1), entry("web", 2)), 0)
    todo.see(snapshot(), 1)
    due = todo.take(1)
    assert due is not None
    assert sorted(due.picture.keys) == ["web-80/h:c1:80", "web-80/h:c2:80"]


def test_a_service_is_remembered_for_a_while_after_its_last_entry() -> None:
    memory = Memory(60)
    assert memory.departed([entry("web"), entry("api")], 0) == ()
    assert memory.departed([entry("api")], 1000) == (entry("web"),)
    assert memory.departed([entry("api")], 1059) == (entry("web"),)
    assert memory.departed([entry("api")], 1060) == ()


def test_a_service_that_is_back_is_not_among_the_departed() -> None:
    memory = Memory(60)
    memory.departed([entry("web")], 0)
    memory.departed([], 1)
    assert memory.departed([entry("web")], 2) == ()
    assert memory.departed([], 30) == (entry("web"),)
