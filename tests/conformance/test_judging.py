"""The judge itself: what it lets pass, and what it does not."""

import pytest

from conformance import compare
from conformance.book import Case
from conformance.compare import judge
from conformance.masks import masked
from conformance.reasons import Reason

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
    reason = Reason(ROW, "a c.*", ("*",))
    verdict = _judge(monkeypatch, {"a": 1, "c": {}}, {"a": 2, "c": {"d": 1}}, reason)
    assert (verdict.word, verdict.explained) == ("stated", (ROW,))
    verdict = _judge(monkeypatch, {"a": 1, "b": 1}, {"a": 2, "b": 2}, reason)
    assert verdict.faults == ("b: the engine has 1, the manager 2",)


def test_a_reason_for_no_difference_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = _judge(monkeypatch, {"a": 1}, {"a": 1}, Reason(ROW, "a", ("*",)))
    assert verdict.faults == (f"nothing differs (any more) at a: {ROW!r}",)


def test_a_reason_without_a_row_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = _judge(monkeypatch, {"a": 1}, {"a": 2}, Reason("no such row", "a", ("*",)))
    assert verdict.faults == ("docs/DEVIATIONS.md has no row 'no such row'",)


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
