"""Expressions: what can be written, and what it matches."""

from __future__ import annotations

import pytest

from scheduler.errors import BadExpressionError
from scheduler.expr import LONGEST_EXPRESSION, MOST_EXPRESSIONS, parse, parse_many


@pytest.mark.parametrize(
    ("text", "key", "operator", "value", "is_soft"),
    [
        pytest.param("disk==ssd", "disk", "==", "ssd", False, id="equal"),
        pytest.param("disk!=ssd", "disk", "!=", "ssd", False, id="unequal"),
        pytest.param("disk==~ssd", "disk", "==", "ssd", True, id="soft-equal"),
        pytest.param("disk!=~ssd", "disk", "!=", "ssd", True, id="soft-unequal"),
        pytest.param("disk==~/s.d/", "disk", "==", "/s.d/", True, id="soft-regex"),
        pytest.param("_node==_node1", "_node", "==", "_node1", False, id="underscore"),
        pytest.param("com.example.a-b==c", "com.example.a-b", "==", "c", False, id="dotted-key"),
        pytest.param("node==node 1", "node", "==", "node 1", False, id="space-in-value"),
        pytest.param("a1===b", "a1", "==", "=b", False, id="equals-sign-in-front"),
        pytest.param("image==h:5000/a/b:1.2", "image", "==", "h:5000/a/b:1.2", False, id="image"),
        pytest.param("KEY==Value", "KEY", "==", "Value", False, id="case-is-kept"),
    ],
)
def test_expression_is_read(text: str, key: str, operator: str, value: str, is_soft: bool) -> None:
    read = parse(text)
    assert (read.key, read.operator, read.value, read.is_soft) == (key, operator, value, is_soft)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("zone=ssd", "One of operator ==, != is expected", id="one-equals-sign"),
        pytest.param("zone", "One of operator ==, != is expected", id="no-operator"),
        pytest.param("", "One of operator ==, != is expected", id="empty"),
        pytest.param("zone==", "Value '' is invalid", id="no-value"),
        pytest.param("zone==~", "Value '~' is invalid", id="only-soft"),
        pytest.param("zone==~~a", "Value '~~a' is invalid", id="twice-soft"),
        pytest.param("zone==a@b", "Value 'a@b' is invalid", id="at-sign"),
        pytest.param("zone==a{2}", "Value 'a{2}' is invalid", id="braces"),
        pytest.param("zone==a,b", "Value 'a,b' is invalid", id="comma"),
        pytest.param("zone==ä", "Value 'ä' is invalid", id="letter-beyond-ascii"),
        pytest.param("zone==a\n", None, id="newline-is-white-space"),
        pytest.param("==a", "Key '' is invalid", id="no-key"),
        pytest.param("z==a", "Key 'z' is invalid", id="one-character-key"),
        pytest.param("1node==a", "Key '1node' is invalid", id="leading-digit"),
        pytest.param("node ==a", "Key 'node ' is invalid", id="space-in-key"),
        pytest.param("no*de==a", "Key 'no*de' is invalid", id="star-in-key"),
        pytest.param("ab!=c==d", "Key 'ab!=c' is invalid", id="equal-is-looked-for-first"),
        pytest.param("ab\n==c", "Key 'ab ' is invalid", id="newline-in-key"),
    ],
)
def test_bad_expression_gets_the_classic_words(text: str, message: str | None) -> None:
    if message is None:
        assert parse(text).value == text.partition("==")[2]
        return
    with pytest.raises(BadExpressionError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("ab==/(/", "Value '/(/' is invalid: there is a ( without its )", id="open"),
        pytest.param("ab==/)/", "Value '/)/' is invalid: there is a ) without its (", id="close"),
        pytest.param("ab==/[a/", "Value '/[a/' is invalid: there is a [ without its ]", id="set"),
        pytest.param(
            "ab==~/a{3,2}/",
            "Value '/a{3,2}/' is invalid: {3,2} is the wrong way round",
            id="count-the-wrong-way-round",
        ),
        pytest.param(
            "ab==/(?!a)b/",
            "Value '/(?!a)b/' is invalid: look-around such as (?= is not supported, as in Go",
            id="look-around",
        ),
        pytest.param(
            "ab==/(a)\\1/",
            "Value '/(a)\\1/' is invalid: references to groups (\\1) are not supported, as in Go",
            id="reference",
        ),
        pytest.param("ab==/a@/", "Value '/a@/' is invalid", id="sign-of-no-pattern"),
        pytest.param("ab==/a{2}", "Value '/a{2}' is invalid", id="count-outside-of-slashes"),
    ],
)
def test_bad_pattern_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(BadExpressionError) as caught:
        parse(text)
    assert str(caught.value) == message


def test_a_huge_expression_gets_a_short_message() -> None:
    for text in ("a" * 1_000_000 + "==b", "key==" + "b" * 1_000_000, "x" * 16_000 + "*==b"):
        with pytest.raises(BadExpressionError) as caught:
            parse(text)
        assert len(str(caught.value)) < 300


def test_half_a_surrogate_pair_can_be_sent_as_a_message() -> None:
    with pytest.raises(BadExpressionError) as caught:
        parse("key==\ud800")
    assert str(caught.value).encode() == b"Value '?' is invalid"


def test_a_whitelist_of_many_nodes_is_not_too_long() -> None:
    value = "|".join(f"dockerhost{index:03}.example.com" for index in range(200))
    whitelist = parse(f"node=={value}", "whitelist")
    assert whitelist.accepts(("dockerhost123.example.com",))
    assert len(value) < LONGEST_EXPRESSION


def test_a_whitelist_cannot_be_turned_round() -> None:
    with pytest.raises(BadExpressionError, match="needs =="):
        parse("node!=node-1", "whitelist")


def test_too_many_expressions_are_refused() -> None:
    assert len(parse_many(["ab==c"] * MOST_EXPRESSIONS)) == MOST_EXPRESSIONS
    with pytest.raises(BadExpressionError, match="Too many affinity expressions: 101 given"):
        parse_many(["ab==c"] * (MOST_EXPRESSIONS + 1), "affinity")


@pytest.mark.parametrize(
    ("value", "subject", "is_match"),
    [
        pytest.param("foo", "foo", True, id="text"),
        pytest.param("foo", "xfoo", False, id="text-is-whole"),
        pytest.param("f*o", "fuuo", True, id="star-inside"),
        pytest.param("f*o", "fuux", False, id="star-is-anchored"),
        pytest.param("*", "", True, id="star-alone"),
        pytest.param("a.b", "a.b", True, id="dot-is-a-dot"),
        pytest.param("a.b", "axb", False, id="dot-in-a-plain-text-is-only-a-dot"),
        pytest.param("a.*", "axyz", True, id="dot-star-as-in-a-regex"),
        pytest.param("(a|b)c", "bc", True, id="choice-in-a-glob"),
        pytest.param("[ab]*", "by", True, id="set-in-a-glob"),
        pytest.param("c++", "c++", True, id="text-with-signs-is-itself"),
        pytest.param("c++", "ccc", False, id="text-that-is-no-pattern"),
        pytest.param("lib(x*", "lib(xyz", True, id="glob-that-is-no-pattern"),
        pytest.param("a(b)", "a(b)", True, id="pattern-is-itself-too"),
        pytest.param("/oo/", "foobar", True, id="regex-anywhere"),
        pytest.param("/^oo/", "foobar", False, id="regex-anchored"),
        pytest.param("/(?i)FOO/", "foobar", True, id="regex-flag"),
        pytest.param("/^v1\\.[0-9]{1,3}$/", "v1.24", True, id="regex-with-a-count"),
        pytest.param("/^v1\\.[0-9]{1,3}$/", "v1.2400", False, id="regex-with-a-count-too-many"),
        pytest.param("/^(?P<kind>ssd|hdd){1}$/", "ssd", True, id="regex-with-a-named-group"),
        pytest.param("/^(a+)+$/", "aaa", True, id="regex-with-nested-repetition"),
        pytest.param("(a+)+", "aaa", True, id="glob-with-nested-repetition"),
        pytest.param("//", "anything", True, id="empty-regex"),
        pytest.param("/", "/", True, id="lone-slash"),
    ],
)
def test_value_matches(value: str, subject: str, is_match: bool) -> None:
    assert parse(f"key=={value}").accepts((subject,)) is is_match
    assert parse(f"key!={value}").accepts((subject,)) is not is_match


def test_equal_wants_one_subject_and_unequal_wants_none() -> None:
    assert parse("key==a*").accepts(("x", "ab"))
    assert not parse("key!=a*").accepts(("x", "ab"))
    assert not parse("key==a*").accepts(())
    assert parse("key!=a*").accepts(())


def test_expression_is_written_without_softness() -> None:
    assert str(parse("disk==~ssd")) == "disk==ssd"
