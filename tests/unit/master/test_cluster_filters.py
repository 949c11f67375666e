"""Query values as Docker reads them."""

from __future__ import annotations

import random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster.filters import (
    NO_FILTERS,
    Patterns,
    boolean,
    check_keys,
    integer,
    label_test,
    matcher,
    parse_filters,
    whole_number,
    yes_or_no,
)
from master.errors import BadRequestError

KEYS_TO_VALUES = st.dictionaries(st.text(), st.lists(st.text(), unique=True))


@given(KEYS_TO_VALUES)
def test_both_spellings_mean_the_same(filters: dict[str, list[str]]) -> None:
    expected = {key: tuple(values) for key, values in filters.items()}
    old = {key: dict.fromkeys(values, True) for key, values in filters.items()}
    assert parse_filters(orjson.dumps(filters).decode()) == expected
    assert parse_filters(orjson.dumps(old).decode()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(None, {}, id="absent"),
        pytest.param("", {}, id="empty"),
        pytest.param("null", {}, id="null"),
        pytest.param("{}", {}, id="no-keys"),
        pytest.param('{"label": null}', {"label": ()}, id="null-values"),
        pytest.param('{"label": ["a", "a", "b"]}', {"label": ("a", "b")}, id="twice"),
        pytest.param('{"label": {"a": false}}', {"label": ("a",)}, id="false-counts-as-well"),
    ],
)
def test_filters_that_are_read(text: str | None, expected: dict[str, tuple[str, ...]]) -> None:
    assert parse_filters(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="broken"),
        pytest.param("[]", id="list"),
        pytest.param('"x"', id="text"),
        pytest.param("7", id="number"),
        pytest.param('{"a": "b"}', id="text-for-list"),
        pytest.param('{"a": [1]}', id="number-in-list"),
        pytest.param('{"a": {"b": 1}}', id="number-for-true"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param("\ud800", id="no-unicode"),
    ],
)
def test_malformed_filters_are_a_bad_request(text: str) -> None:
    with pytest.raises(BadRequestError, match=r"^invalid filter"):
        parse_filters(text)


def test_an_unknown_key_is_named() -> None:
    check_keys(NO_FILTERS, {"label"})
    with pytest.raises(BadRequestError, match=r"^invalid filter 'colour'$"):
        check_keys({"label": ("a",), "colour": ("red",)}, {"label"})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("true",), True),
        (("1",), True),
        (("false",), False),
        (("0",), False),
        (("1", "true"), True),
    ],
)
def test_yes_or_no(values: tuple[str, ...], expected: bool) -> None:
    assert yes_or_no({"dangling": values}, "dangling") is expected


def test_yes_or_no_may_be_absent() -> None:
    assert yes_or_no(NO_FILTERS, "dangling") is None


@pytest.mark.parametrize("values", [(), ("maybe",), ("true", "false"), ("true", "maybe")])
def test_yes_or_no_is_one_of_the_two(values: tuple[str, ...]) -> None:
    with pytest.raises(BadRequestError, match="invalid filter 'dangling="):
        yes_or_no({"dangling": values}, "dangling")


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        pytest.param("web", "web", True, id="exact"),
        pytest.param("web", "my-web-1", True, id="occurs"),
        pytest.param("^web", "my-web", False, id="start"),
        pytest.param("^web", "web-1", True, id="starts"),
        pytest.param("web$", "web-1", False, id="end"),
        pytest.param("web$", "my-web", True, id="ends"),
        pytest.param("^web$", "web", True, id="whole"),
        pytest.param("^web$", "web1", False, id="not-whole"),
        pytest.param("^/?web[0-9]$", "/web3", True, id="expression"),
        pytest.param("a.c", "abc", True, id="dot"),
        pytest.param("a.c", "ac", False, id="dot-is-one"),
        pytest.param("", "anything", True, id="empty"),
    ],
)
def test_matcher(pattern: str, text: str, expected: bool) -> None:
    assert matcher("name", [pattern])(text) is expected


PATTERNS = st.sampled_from(
    ["a", "^a", "a$", "^/?a$", "^b/a$", "a{2}", "\\ba", "^(a|b)*$", "/", ".", "[^/]+$", "^b", "/b/"]
)


@given(st.lists(PATTERNS, min_size=1, max_size=3), st.text(alphabet="ab/", max_size=6))
def test_a_text_is_found_behind_any_of_the_prefixes(values: list[str], text: str) -> None:
    prefixes = ("", "/", "b/", "/b/")
    test = Patterns("name", values).matcher(*prefixes)
    assert test(text) is any(matcher("name", values)(prefix + text) for prefix in prefixes)


def test_a_pattern_that_is_none_is_told() -> None:
    with pytest.raises(BadRequestError, match=r"invalid filter 'name=a\('"):
        matcher("name", ["a("])


def test_a_costly_pattern_cannot_hold_up_the_manager() -> None:
    test = matcher("name", ["b.{60}c"])
    text = "".join(random.Random(1).choices("ab", k=4000))
    with pytest.raises(BadRequestError, match=r"invalid filter 'name=b.\{60\}c': .*too many steps"):
        test(text)
    assert not matcher("name", ["(a*)*b"])("a" * 4000)
    assert not matcher("name", ["(a|a|aa)?a*a*a*a*a*b"])("a" * 4000)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((), True),
        (("a",), True),
        (("a=1",), True),
        (("a=2",), False),
        (("a=",), False),
        (("empty=",), True),
        (("a", "b=2"), True),
        (("a", "c"), False),
        (("a=1", "a=2"), False),
        (("b=2", "b"), True),
        (("eq=x=y",), True),
    ],
)
def test_all_labels_have_to_be_there(wanted: tuple[str, ...], expected: bool) -> None:
    assert label_test(wanted)({"a": "1", "b": "2", "empty": "", "eq": "x=y"}) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, False), ("", False), ("0", False), ("False", False), ("no", False), (" none ", False),
     ("1", True), ("true", True), ("True", True), ("yes", True), ("2", True)],
)  # fmt: skip
def test_boolean(text: str | None, expected: bool) -> None:
    assert boolean(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"), [(None, 0), ("", 0), ("5", 5), ("-1", -1), ("+3", 3), ("007", 7)]
)
def test_integer(text: str | None, expected: int) -> None:
    assert integer(text) == expected


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        *((text, "invalid syntax") for text in ("x", "1.5", " 1", "1_000", "٣", "--1", "-")),
        ("9" * 30, "value out of range"),
        ("-" + "9" * 30, "value out of range"),
    ],
)
def test_what_is_no_integer_is_told_in_gos_words(text: str, fault: str) -> None:
    assert whole_number(text) is None
    with pytest.raises(BadRequestError) as caught:
        integer(text)
    assert str(caught.value) == f'strconv.Atoi: parsing "{text}": {fault}'
