"""The judge itself: what it lets pass, and what it does not."""

import pytest

from tests.conformance import compare
from tests.conformance.book import Case
from tests.conformance.compare import judge
from tests.conformance.masks import masked
from tests.conformance.reason import ANYTHING, WORDS, Reason

ROW = "`docker version`"
CASE = Case("area", "name", lambda side: None)


def _judge(
    monkeypatch: pytest.MonkeyPatch, engine: object, manager: object, *reasons: Reason
) -> compare.Verdict:
    monkeypatch.setattr(compare, "reasons_for", lambda case, generation: list(reasons))
    return judge(CASE, "20.10", engine, manager)


def test_a_difference_without_a_reason_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = _judge(monkeypatch, {"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}})
    assert verdict.word == "WRONG"
    assert verdict.faults == ("a.b.1: the engine has 2, the manager 3",)


def test_a_reason_explains_its_places_only(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = Reason(ROW, {"a": ANYTHING, "c.*": ANYTHING}, ("*",))
    verdict = _judge(monkeypatch, {"a": 1, "c": {}}, {"a": 2, "c": {"d": 1}}, reason)
    assert (verdict.word, verdict.explained) == ("stated", (ROW,))
    verdict = _judge(monkeypatch, {"a": 1, "b": 1}, {"a": 2, "b": 2}, reason)
    assert verdict.faults == ("b: the engine has 1, the manager 2",)


def test_a_reason_for_no_difference_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = _judge(monkeypatch, {"a": 1}, {"a": 1}, Reason(ROW, {"a": "1"}, ("*",)))
    assert verdict.faults == (f"nothing differs (any more) at a: {ROW!r}",)


def test_a_reason_without_a_row_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = _judge(monkeypatch, {"a": 1}, {"a": 2}, Reason("no such row", {"a": "2"}, ("*",)))
    assert verdict.faults == ("docs/DEVIATIONS.md has no row 'no such row'",)


def test_a_reason_explains_what_the_manager_has_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reason = Reason(ROW, {"status": "400", "body": ANYTHING}, ("*",))
    verdict = _judge(monkeypatch, {"status": 404}, {"status": 400}, reason)
    assert verdict.word == "stated"
    verdict = _judge(monkeypatch, {"status": 404}, {"status": 500}, reason)
    assert verdict.faults == (
        f"status: the engine has 404, the manager 500; {ROW!r}: '400'",
        f"nothing differs (any more) at status body: {ROW!r}",
    )


def test_the_manager_may_not_fall_back_to_what_the_engine_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reason = Reason(ROW, {"status": "400", "body": "bad"}, ("*",))
    verdict = _judge(
        monkeypatch, {"status": 500, "body": "EOF"}, {"status": 500, "body": "bad"}, reason
    )
    assert verdict.faults == (f"status: the engine has 500, the manager 500; {ROW!r}: '400'",)


def test_a_reason_has_the_managers_words_for_each_case(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = Reason(ROW, {"body.message": WORDS, "err.0": WORDS}, {"*: name": "no … here"})
    engine = {"body": {"message": "nothing"}}
    verdict = _judge(monkeypatch, engine, {"body": {"message": "no web here"}}, reason)
    assert verdict.word == "stated"
    verdict = _judge(monkeypatch, engine, {"body": {"message": "no web there"}}, reason)
    assert verdict.word == "WRONG"
    told = ["Error response from daemon: no web here"]
    assert _judge(monkeypatch, {"err": ["nothing"]}, {"err": told}, reason).word == "stated"


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (None, "None"), ([], {})])
def test_values_of_different_kinds_differ(
    monkeypatch: pytest.MonkeyPatch, one: object, other: object
) -> None:
    assert _judge(monkeypatch, {"a": one}, {"a": other}).word == "WRONG"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("f" * 64, "<id>"),
        ("2026-01-02T03:04:05.678Z", "<time>"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("on dockerhost02", "on <host>"),
        ("tcp://127.0.3.11:2375", "tcp://<address>"),
        ("0.0.0.0:80", "0.0.0.0:80"),
        ("Up 2 seconds", "Up <age>"),
        ("No such container: web", "No such container: web"),
    ],
)
def test_masks_keep_what_may_be_compared(text: str, seen: str) -> None:
    assert masked({"key": [text]}) == {"key": [seen]}
