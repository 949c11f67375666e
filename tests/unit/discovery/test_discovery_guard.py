import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.base import Address
from discovery.guard import LossGuard

A, B, C = (Address.parse(f"{name}:1") for name in "abc")
OLD = {A: "a1", B: "b1", C: "c1"}
GRACE_S = 70.0


def guard(believed: dict[Address, str] = OLD, *, troubled: bool = False) -> LossGuard:
    result = LossGuard(GRACE_S)
    result.observe(believed, 0, has_left=False)
    if troubled:
        result.trouble()
    return result


def test_the_first_answer_is_believed_even_if_it_is_empty() -> None:
    assert LossGuard(GRACE_S).observe({}, 0, has_left=False).addresses == frozenset()


def test_the_node_of_a_stopped_agent_leaves_at_once() -> None:
    verdict = guard().observe({A: "a1", C: "c1"}, 1, has_left=False)
    assert verdict.addresses == {A, C}
    assert not verdict.held


def test_new_nodes_join_at_once() -> None:
    verdict = guard({A: "a1"}, troubled=True).observe({A: "a9", B: "b1"}, 1, has_left=False)
    assert verdict.addresses == {A, B}


def test_an_empty_answer_is_held_back_for_the_grace_time() -> None:
    watched = guard()
    first = watched.observe({}, 10, has_left=False)
    assert (first.addresses, first.held, first.hold_left_s) == (set(OLD), set(OLD), GRACE_S)
    later = watched.observe({}, 10 + GRACE_S - 1, has_left=False)
    assert (later.addresses, later.hold_left_s) == (set(OLD), 1)
    assert watched.observe({}, 10 + GRACE_S, has_left=False).addresses == frozenset()


def test_agents_that_come_back_one_by_one_do_not_take_the_others_out() -> None:
    watched = guard()
    watched.observe({}, 10, has_left=False)
    verdict = watched.observe({A: "a2"}, 20, has_left=False)
    assert (verdict.addresses, verdict.held) == ({A, B, C}, {B, C})
    verdict = watched.observe({A: "a2", B: "b2", C: "c2"}, 30, has_left=False)
    assert (verdict.addresses, verdict.held) == ({A, B, C}, set())


def test_who_does_not_come_back_goes_when_the_grace_time_ends() -> None:
    watched = guard()
    watched.observe({}, 10, has_left=False)
    watched.observe({A: "a2"}, 20, has_left=False)
    assert watched.observe({A: "a2"}, 10 + GRACE_S, has_left=False).addresses == {A}


def test_a_new_node_during_the_grace_time_shows_at_once() -> None:
    watched = guard({A: "a1", B: "b1"})
    watched.observe({}, 10, has_left=False)
    assert watched.observe({C: "c1"}, 20, has_left=False).addresses == {A, B, C}


def test_the_only_node_leaves_at_once_if_its_session_is_gone() -> None:
    assert guard({A: "a1"}).observe({}, 1, has_left=True).addresses == frozenset()


def test_the_only_node_stays_for_the_grace_time_if_only_its_key_is_gone() -> None:
    assert guard({A: "a1"}).observe({}, 1, has_left=False).addresses == {A}


def test_gone_sessions_prove_nothing_where_all_are_gone_at_once() -> None:
    assert guard().observe({}, 1, has_left=True).addresses == set(OLD)


def test_gone_sessions_prove_nothing_after_trouble() -> None:
    assert guard({A: "a1"}, troubled=True).observe({}, 1, has_left=True).addresses == {A}


def test_after_trouble_a_key_that_is_the_same_proves_the_store() -> None:
    verdict = guard(troubled=True).observe({A: "a1", B: "b2"}, 1, has_left=False)
    assert verdict.addresses == {A, B}


@pytest.mark.parametrize("troubled", [True, False])
def test_a_store_without_any_old_key_is_in_doubt(troubled: bool) -> None:
    verdict = guard(troubled=troubled).observe({A: "a2"}, 1, has_left=False)
    assert (verdict.addresses, verdict.held) == ({A, B, C}, {B, C})


def test_trouble_is_over_with_the_next_good_answer() -> None:
    watched = guard({A: "a1"}, troubled=True)
    watched.observe({A: "a1"}, 1, has_left=False)
    assert watched.observe({}, 2, has_left=True).addresses == set()


def test_the_only_node_is_replaced_at_once_if_its_session_is_gone() -> None:
    assert guard({A: "a1"}).observe({B: "b1"}, 1, has_left=True).addresses == {B}


answers = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from([A, B, C]), st.sampled_from(["1", "2"])), st.booleans()
    ),
    max_size=8,
)


@given(answers)
def test_what_is_listed_is_always_shown(steps: list[tuple[dict[Address, str], bool]]) -> None:
    watched = LossGuard(GRACE_S)
    for now, (seen, is_troubled) in enumerate(steps):
        if is_troubled:
            watched.trouble()
        verdict = watched.observe(seen, now, has_left=False)
        assert seen.keys() <= verdict.addresses
        assert verdict.held == verdict.addresses - seen.keys()
        assert bool(verdict.held) == (verdict.hold_left_s > 0)


@given(answers, st.dictionaries(st.sampled_from([A, B, C]), st.just("3")))
def test_a_lasting_answer_is_believed_in_the_end(
    steps: list[tuple[dict[Address, str], bool]], last: dict[Address, str]
) -> None:
    watched = LossGuard(GRACE_S)
    for now, (seen, is_troubled) in enumerate(steps):
        if is_troubled:
            watched.trouble()
        watched.observe(seen, now, has_left=False)
    watched.observe(last, 100, has_left=False)
    assert watched.observe(last, 100 + GRACE_S, has_left=False).addresses == last.keys()
