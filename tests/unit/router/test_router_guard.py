"""Which losses of services are believed."""

from router.rules.guard import LossGuard
from services.entry import ServiceEntry


def entry(service: str, number: int = 1, published: int = 0) -> ServiceEntry:
    return ServiceEntry(service, "h", f"c{number}", 80, "10.0.0.1", published or 4000 + number)


WEB1, WEB2, API = entry("web", 1), entry("web", 2), entry("api", 3)


def test_what_is_withdrawn_one_by_one_is_gone_at_once() -> None:
    guard = LossGuard(30)
    guard.observe([WEB1, WEB2, API], 0)
    assert guard.observe([WEB1, API], 1).entries == (API, WEB1)
    assert guard.observe([API], 2).entries == (API,)
    assert guard.observe([], 3).entries == ()


def test_a_service_that_loses_several_at_once_is_held_until_the_grace_ends() -> None:
    guard = LossGuard(30)
    guard.observe([WEB1, WEB2, API], 0)
    verdict = guard.observe([API], 10)
    assert verdict.entries == (API, WEB1, WEB2)
    assert (verdict.held, verdict.hold_left_s) == (("web-80",), 30)
    assert guard.observe([API], 25).hold_left_s == 15
    ended = guard.observe([API], 40)
    assert (ended.entries, ended.held, ended.hold_left_s) == ((API,), (), 0)


def test_a_service_that_comes_back_ends_the_hold() -> None:
    guard = LossGuard(30)
    guard.observe([WEB1, WEB2, API], 0)
    guard.observe([API], 10)
    back = guard.observe([WEB1, API], 20)
    assert (back.entries, back.held) == ((API, WEB1), ())
    assert guard.observe([API], 21).held == ()


def test_an_empty_catalogue_is_held_though_each_service_had_one_entry() -> None:
    guard = LossGuard(30)
    guard.observe([WEB1, API], 0)
    assert guard.observe([], 1).held == ("api-80", "web-80")


def test_after_trouble_even_a_last_entry_is_held() -> None:
    guard = LossGuard(30)
    guard.observe([WEB1, API], 0)
    assert guard.observe([API], 1, is_doubtful=True).held == ("web-80",)
    assert guard.observe([API], 2).held == ("web-80",)


def test_a_part_of_a_service_is_believed_at_once_even_after_trouble() -> None:
    guard = LossGuard(30)
    guard.observe([WEB1, WEB2], 0)
    assert guard.observe([WEB2], 1, is_doubtful=True).entries == (WEB2,)


def test_a_held_entry_whose_port_was_given_out_anew_is_let_go() -> None:
    guard = LossGuard(30)
    guard.observe([WEB1, WEB2], 0)
    newcomer = entry("other", 9, published=WEB1.published_port)
    assert guard.observe([newcomer], 1).entries == (newcomer, WEB2)


def test_without_grace_everything_is_believed() -> None:
    guard = LossGuard(0)
    guard.observe([WEB1, WEB2], 0)
    assert guard.observe([], 1).entries == ()


def test_an_empty_first_answer_does_not_undo_a_file_of_before() -> None:
    guard = LossGuard(30, is_first_ever=False)
    first = guard.observe([], 100)
    assert (first.entries, first.hold_left_s) == (None, 30)
    assert guard.observe([], 130).entries == ()


def test_an_empty_first_answer_counts_where_there_is_no_file() -> None:
    assert LossGuard(30).observe([], 0).entries == ()
