"""The matcher of users' patterns: Go's language, and no pattern that can stop the manager."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.regex.automaton import LONGEST_SUBJECT, MOST_STEPS, Automaton
from scheduler.regex.errors import CostError, NestedRepetitionError, PatternError
from scheduler.regex.pattern import LONGEST_PATTERN, read_pattern


def search(pattern: str, subject: str) -> bool:
    return Automaton(read_pattern(pattern)).search(subject)


@pytest.mark.parametrize(
    ("pattern", "subject", "found"),
    [
        ("", "", True),
        ("^$", "", True),
        ("^$", "a", False),
        ("a?b", "b", True),
        ("^a?b$", "aab", False),
        ("a+", "xaay", True),
        ("^a+?$", "aaa", True),
        ("^(ab|cd)+$", "abcdab", True),
        ("^(ab|cd)+$", "abc", False),
        ("^(?:a|)$", "", True),
        ("^web-[0-9]+$", "web-17", True),
        ("^web-[0-9]+$", "web-", False),
        ("^[^a-c]$", "d", True),
        ("^[^a-c]$", "b", False),
        ("^[]a]$", "]", True),
        ("^[a-]$", "-", True),
        ("^[\\]]$", "]", True),
        ("^[\\d-]+$", "1-2", True),
        ("^[[:alpha:]]+$", "abc", True),
        ("^[[:^digit:]]+$", "a1", False),
        ("^\\d\\D\\s\\S\\w\\W$", "1a b_-", True),
        ("^\\x41$", "A", True),
        ("^a\\.b$", "axb", False),
        ("^.$", "\n", False),
        ("(?s)^.$", "\n", True),
        ("^b", "a\nb", False),
        ("(?m)^b$", "a\nb\nc", True),
        ("\\bweb\\b", "my web 1", True),
        ("\\bweb\\b", "webs", False),
        ("e\\Bb", "web", True),
        ("\\Aa\\z", "a", True),
        ("(?i)ssd", "SSD", True),
        ("(?i:s)sd", "SSD", False),
        ("(?i:s)sd", "Ssd", True),
        ("a(?i)b", "aB", True),
        ("a(?i)b", "AB", False),
        ("((?i)a)b", "AB", False),
        ("(?i)a(?-i)b", "AB", False),
        ("(?i)[a-c]", "B", True),
        ("^a|b$", "ax", True),
        ("^a|b$", "xb", True),
        ("^a|b$", "xax", False),
        ("(^)*a", "xa", True),
        ("(a|a)*b", "aab", True),
        ("é", "café", True),
    ],
)
def test_pattern_is_found_as_in_go(pattern: str, subject: str, found: bool) -> None:
    assert search(pattern, subject) is found


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[", "[a", "[]", "[b-a]", "[a-\\d]", "*", "a**", "a+*", "\\", "\\1", "\\q", "\\pL",
     "(?=a)", "(?P<n>a)", "(?", "(?i", "[[:nope:]]", "[[:alpha", "a{2}", "\\x4", "[\\"],
)  # fmt: skip
def test_pattern_that_cannot_be_read(pattern: str) -> None:
    with pytest.raises(PatternError) as caught:
        read_pattern(pattern)
    assert str(caught.value)


@pytest.mark.parametrize("pattern", ["(a+)+", "(a*)*", "(a|b*)+", "((a+)?)*", "(?:x(y+)z)*"])
def test_repetition_of_a_repetition_is_refused(pattern: str) -> None:
    with pytest.raises(NestedRepetitionError, match="repeated group"):
        read_pattern(pattern)


def test_pattern_and_subject_have_limits() -> None:
    read_pattern("a" * LONGEST_PATTERN)
    with pytest.raises(PatternError, match="at most 256 characters"):
        read_pattern("a" * (LONGEST_PATTERN + 1))
    with pytest.raises(PatternError, match="nested deeper"):
        read_pattern("(" * 100 + ")" * 100)
    assert search("a", "a" * LONGEST_SUBJECT)
    assert not search("a", "a" * (LONGEST_SUBJECT + 1))


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("(a|a)*b", id="ambiguous-choice"),
        pytest.param("(a|aa)*b", id="overlapping-choice"),
        pytest.param("a*a*a*a*a*a*a*a*b", id="repetitions-in-a-row"),
        pytest.param(".*.*.*.*.*.*=", id="dots-in-a-row"),
        pytest.param("(aa?)*b", id="optional-in-a-repetition"),
        pytest.param("^(a?a?a?a?a?a?a?a?)*b", id="many-optionals"),
    ],
)
def test_patterns_that_stop_a_backtracking_matcher_take_few_steps(pattern: str) -> None:
    automaton = Automaton(read_pattern(pattern))
    assert not automaton.search("a" * LONGEST_SUBJECT)
    assert automaton._steps < MOST_STEPS / 10


def test_a_pattern_that_needs_too_many_steps_is_given_up() -> None:
    # Behind each a, the automaton must remember which of the last 60 characters were one.
    automaton = Automaton(read_pattern("a" + "." * 60 + "c"))
    subject = "".join(random.Random(1).choices("ab", k=LONGEST_SUBJECT))
    with pytest.raises(CostError, match="too many steps"):
        automaton.search(subject)


def _group(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    choices = st.lists(parts, min_size=1, max_size=3).map("|".join)
    return choices.map(lambda choice: f"({choice})")


# The standard library refuses to repeat a lone assertion, so those get no sign.
_ASSERTIONS = st.sampled_from(["^", "$", "\\b"])
_ATOMS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", "\\w", "\\d", "-"])
_OPTIONAL = st.one_of(_ASSERTIONS, st.tuples(_ATOMS, st.sampled_from(["", "?"])).map("".join))
_FLAT = st.lists(_OPTIONAL, max_size=4).map("".join)
_REPEATED = st.tuples(st.one_of(_ATOMS, _group(_FLAT)), st.sampled_from(["*", "+", "+?", "?", ""]))
_PATTERNS = st.lists(st.one_of(_ASSERTIONS, _REPEATED.map("".join)), max_size=4).map("".join)
_CHOICES = st.lists(_PATTERNS, min_size=1, max_size=3).map("|".join)


@settings(deadline=None)
@given(_CHOICES, st.lists(st.text("abc-1 ", max_size=7), min_size=1, max_size=4))
def test_finds_what_the_standard_library_finds(pattern: str, subjects: list[str]) -> None:
    # One automaton for all subjects: what it remembers must not leak from one to the next.
    automaton = Automaton(read_pattern(pattern))
    reference = re.compile(pattern.replace("$", "\\Z"), re.ASCII)
    for subject in subjects:
        assert automaton.search(subject) is (reference.search(subject) is not None)


@settings(deadline=None)
@given(st.text("ab()[]|*+?.^$\\-:i{", max_size=12), st.text("ab", max_size=5))
def test_any_text_is_read_or_refused(pattern: str, subject: str) -> None:
    try:
        program = read_pattern(pattern)
    except PatternError:
        return
    assert Automaton(program).search(subject) in (True, False)
