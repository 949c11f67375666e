"""The matcher of users' patterns: Go's language, and no pattern that can stop the manager."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.regex.automaton import LONGEST_SUBJECT, MOST_STEPS, Automaton
from scheduler.regex.errors import CostError, PatternError
from scheduler.regex.pattern import LONGEST_PATTERN, MOST_REPETITIONS, read_pattern
from scheduler.regex.program import MOST_INSTRUCTIONS


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
        ("^[\\d-z]+$", "1-z", True),
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
        ("(?i)^[^a-c]$", "B", False),
        ("(?i)^[^a-c]$", "D", True),
        ("(?i)^[[:^lower:]]$", "A", False),
        ("(?i)^[^[:upper:]]$", "a", False),
        ("^a|b$", "ax", True),
        ("^a|b$", "xb", True),
        ("^a|b$", "xax", False),
        ("(^)*a", "xa", True),
        ("(a|a)*b", "aab", True),
        ("é", "café", True),
        ("^web-[0-9]{2}$", "web-17", True),
        ("^web-[0-9]{2}$", "web-1", False),
        ("^web-[0-9]{2}$", "web-171", False),
        ("v1\\.[0-9]{1,3}$", "app:v1.120", True),
        ("v1\\.[0-9]{1,3}$", "app:v1.1200", False),
        ("^(a|b){3}$", "aba", True),
        ("^(a|b){3}$", "abab", False),
        ("^a{2,}$", "aaaa", True),
        ("^a{2,}$", "a", False),
        ("^a{2,}?b$", "aab", True),
        ("^a{0}b{0,1}$", "b", True),
        ("^a{0}b{0,1}$", "a", False),
        ("^(a{1,2}b){2}$", "aabab", True),
        ("^(a{1,2}b){2}$", "aaab", False),
        ("(^a){2}", "aa", False),
        ("^a{,2}$", "a{,2}", True),
        ("^{x}$", "{x}", True),
        ("^(?P<name>a+)(?<other>b)$", "aab", True),
        ("^(a+)+$", "aaa", True),
        ("^(a*)*b$", "aaab", True),
        ("^((a+)?b)*$", "aabb", True),
        ("^(?:x(y+)z)*$", "xyyzxyz", True),
        ("^()*$", "", True),
    ],
)
def test_pattern_is_found_as_in_go(pattern: str, subject: str, found: bool) -> None:
    assert search(pattern, subject) is found


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[", "[a", "[]", "[b-a]", "[a-\\d]", "*", "a**", "a+*", "\\", "\\1", "\\q", "\\pL",
     "(?", "(?i", "[[:nope:]]", "[[:alpha", "\\x4", "[\\", "(?P<n", "(?P<>a)", "(?P>n)", "{2}",
     "a|{2}", "a{2}{3}", "a{2}*", "a*{2}", "a{3,2}", "a{1001}", "a{1,1001}", "(?>a)"],
)  # fmt: skip
def test_pattern_that_cannot_be_read(pattern: str) -> None:
    with pytest.raises(PatternError) as caught:
        read_pattern(pattern)
    assert str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?=a)", "look-around such as (?= is not supported, as in Go"),
        ("a(?!b)", "look-around such as (?= is not supported, as in Go"),
        ("(?<=a)b", "look-around such as (?= is not supported, as in Go"),
        ("(?<!a)b", "look-around such as (?= is not supported, as in Go"),
        ("(a)\\1", "references to groups (\\1) are not supported, as in Go"),
        ("(?P<n>a)\\k<n>", "references to groups (\\k) are not supported, as in Go"),
        ("(?P<n>a)(?P=n)", "references to groups are not supported, as in Go"),
        ("(?P<a-b>c)", "the name of a group has letters, digits and underscores only"),
        ("a{1001}", "{1001} repeats more than 1000 times"),
        ("a{2,1001}", "{2,1001} repeats more than 1000 times"),
        ("a{3,2}", "{3,2} is the wrong way round"),
        ("a{2}{3}", "two repetition signs follow each other"),
        ("a(?i)*", "there is nothing before * that it could repeat"),
        ("|{2}", "there is nothing before {2} that it could repeat"),
    ],
)
def test_what_is_not_supported_is_said(pattern: str, message: str) -> None:
    with pytest.raises(PatternError) as caught:
        read_pattern(pattern)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "pattern", ["(a{100}){200}", "((a{0,99}){99}){99}", "((((a{9}){9}){9}){9}){9}"]
)
def test_what_repetitions_write_out_has_a_limit(pattern: str) -> None:
    with pytest.raises(PatternError, match="make it too long"):
        read_pattern(pattern)


def test_the_largest_counts_can_be_used() -> None:
    automaton = Automaton(read_pattern(f"^[a-z]{{0,{MOST_REPETITIONS}}}$"))
    assert len(automaton._instructions) < MOST_INSTRUCTIONS
    assert automaton.search("a" * MOST_REPETITIONS)
    assert not automaton.search("a" * (MOST_REPETITIONS + 1))


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
        pytest.param("(a+)+b", id="repetition-of-a-repetition"),
        pytest.param("(((a*)*)*)*b", id="repetitions-four-deep"),
        pytest.param("(a{0,9}){0,9}b", id="counts-in-a-count"),
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
_ATOMS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", "\\w", "\\d", "-", "{", "a}"])
_SIGNS = st.sampled_from(
    [
        "",
        "",
        "*",
        "+",
        "?",
        "*?",
        "+?",
        "??",
        "{2}",
        "{0,1}",
        "{1,3}",
        "{0,}",
        "{2,}",
        "{2,3}?",
        "{0}",
    ]
)
# Few leaves: what is linear here takes the standard library exponential time.
_PATTERNS = st.recursive(
    st.one_of(_ASSERTIONS, st.tuples(_ATOMS, _SIGNS).map("".join)),
    lambda parts: st.builds(
        lambda choices, opening, sign: f"{opening}{'|'.join(map(''.join, choices))}){sign}",
        st.lists(st.lists(parts, max_size=3), min_size=1, max_size=3),
        st.sampled_from(["(", "(?:"]),
        _SIGNS,
    ),
    max_leaves=5,
)
_SEQUENCES = st.lists(_PATTERNS, max_size=3).map("".join)
_SUBJECTS = st.text("abc-1 {", max_size=7)


@given(_SEQUENCES, st.lists(_SUBJECTS, min_size=1, max_size=4))
def test_finds_what_the_standard_library_finds(pattern: str, subjects: list[str]) -> None:
    # One automaton for all subjects: what it remembers must not leak from one to the next.
    automaton = Automaton(read_pattern(pattern))
    reference = re.compile(pattern.replace("$", "\\Z"), re.ASCII)
    for subject in subjects:
        assert automaton.search(subject) is (reference.search(subject) is not None)


@given(_SEQUENCES, _SUBJECTS, _SUBJECTS)
def test_a_search_can_go_on_behind_a_prefix(pattern: str, prefix: str, subject: str) -> None:
    automaton = Automaton(read_pattern(pattern))
    state = automaton.behind(prefix)
    found = Automaton(read_pattern(pattern)).search(prefix + subject)
    assert automaton.search(subject, state) is found
    if state.can_never_match:
        assert not found


def test_prefixes_that_make_no_difference_lead_to_one_place() -> None:
    automaton = Automaton(read_pattern("web-[0-9]{2}$"))
    assert automaton.behind("") is automaton.behind("/") is automaton.behind("/node-1/")
    anchored = Automaton(read_pattern("^/?web$"))
    assert anchored.behind("") is not anchored.behind("/")
    assert anchored.behind("node/").can_never_match


@given(st.text("ab()[]|*+?.^$\\-:i{},2<P", max_size=12), st.text("ab", max_size=5))
def test_any_text_is_read_or_refused(pattern: str, subject: str) -> None:
    try:
        program = read_pattern(pattern)
    except PatternError:
        return
    assert Automaton(program).search(subject) in (True, False)
