"""What one character of a subject may be: classes, escapes, sets in brackets.

Source: github.com/google/re2/wiki/Syntax (the language only).
"""

from __future__ import annotations

from collections.abc import Callable
from string import hexdigits

from scheduler.regex.errors import PatternError

CharTest = Callable[[str], bool]


class ClassReader:
    """Reads ``[...]`` from behind its opening bracket."""

    def __init__(self, pattern: str, at: int, *, ignores_case: bool) -> None:
        self._pattern = pattern
        self._at = at
        self._ignores_case = ignores_case

    def read(self) -> tuple[CharTest, int]:
        """Return the test of the whole class and the position behind its bracket.

        Raises:
            PatternError: the class does not end, or a part of it makes no sense.
        """
        negated = self._pattern.startswith("^", self._at)
        self._at += negated
        tests: list[CharTest] = []
        is_first = True
        while is_first or not self._pattern.startswith("]", self._at):
            is_first = False
            tests.append(self._member())
        return (none_of(tests) if negated else one_of(tests)), self._at + 1

    def _member(self) -> CharTest:
        if self._pattern.startswith("[:", self._at):
            return self._named()
        low, test = self._single()
        is_range = self._pattern.startswith("-", self._at) and not self._pattern.startswith(
            "-]", self._at
        )
        if low is None or not is_range:
            return self._folded(test)
        self._at += 1
        high, _ = self._single()
        if high is None or low > high:
            raise PatternError("a range in [] is the wrong way round or has no end")
        return self._folded(between(low, high))

    def _folded(self, test: CharTest) -> CharTest:
        # Before any negation: ``(?i)[^a]`` accepts neither a nor A.
        return any_case(test) if self._ignores_case else test

    def _single(self) -> tuple[str | None, CharTest]:
        r"""Return the character (None for a class such as ``\d``) and its test."""
        if self._at >= len(self._pattern):
            raise PatternError("there is a [ without its ]")
        char = self._pattern[self._at]
        self._at += 1
        if char != "\\":
            return char, equals(char)
        letter = self._pattern[self._at : self._at + 1]
        if not letter:
            raise PatternError("there is a [ without its ]")
        test, self._at = escaped(self._pattern, self._at + 1, letter)
        if letter in _CLASS_ESCAPES:
            return None, test
        return next(char for char in map(chr, range(256)) if test(char)), test

    def _named(self) -> CharTest:
        end = self._pattern.find(":]", self._at)
        name = self._pattern[self._at + 2 : end] if end >= 0 else ""
        is_negated = name.startswith("^")
        test = _NAMED_CLASSES.get(name.removeprefix("^"))
        if test is None:
            raise PatternError("it has a [: :] class that does not exist")
        self._at = end + 2
        test = self._folded(test)
        return none_of([test]) if is_negated else test


def escaped(pattern: str, at: int, char: str) -> tuple[CharTest, int]:
    r"""Return the test of ``\char`` and the position behind it; *at* is just behind *char*.

    Raises:
        PatternError: RE2 has no such escape, or it is one of the rare ones that we leave out.
    """
    if char in _CLASS_ESCAPES:
        return _CLASS_ESCAPES[char], at
    if char in _CONTROL_ESCAPES:
        return equals(_CONTROL_ESCAPES[char]), at
    digits = pattern[at : at + 2]
    if char == "x" and len(digits) == 2 and set(digits) <= set(hexdigits):  # noqa: PLR2004
        return equals(chr(int(digits, 16))), at + 2
    if char.isascii() and not char.isalnum():
        return equals(char), at
    if char == "k" or char in "123456789":
        raise PatternError(f"references to groups (\\{char}) are not supported, as in Go")
    raise PatternError(f"\\{char} is not supported")


def equals(wanted: str) -> CharTest:
    """Accept *wanted* alone."""
    return wanted.__eq__


def between(low: str, high: str) -> CharTest:
    """Accept a range of code points, both ends included."""
    return lambda char: low <= char <= high


def one_of(tests: list[CharTest]) -> CharTest:
    """Accept what any of *tests* accepts."""
    return lambda char: any(test(char) for test in tests)


def none_of(tests: list[CharTest]) -> CharTest:
    """Accept what none of *tests* accepts."""
    return lambda char: not any(test(char) for test in tests)


def any_case(test: CharTest) -> CharTest:
    """Accept a character if *test* accepts it in upper or lower case."""

    def either(char: str) -> bool:
        if test(char):
            return True
        # "ß".upper() is two characters, which no single symbol can be.
        return any(len(form) == 1 and test(form) for form in (char.lower(), char.upper()))

    return either


def anything(_: str) -> bool:
    """Accept every character."""
    return True


def anything_but_newline(char: str) -> bool:
    """Accept what a dot accepts without the flag ``s``."""
    return char != "\n"


def is_word(char: str) -> bool:
    r"""Tell whether *char* is an ASCII letter, digit or underscore: RE2's ``\w``."""
    return char.isascii() and (char.isalnum() or char == "_")


def _ascii(test: CharTest) -> CharTest:
    return lambda char: char.isascii() and test(char)


def _not(test: CharTest) -> CharTest:
    return lambda char: not test(char)


_is_digit = between("0", "9")
_is_space = frozenset("\t\n\f\r ").__contains__
_CLASS_ESCAPES: dict[str, CharTest] = {
    "d": _is_digit,
    "D": _not(_is_digit),
    "w": is_word,
    "W": _not(is_word),
    "s": _is_space,
    "S": _not(_is_space),
}
_CONTROL_ESCAPES = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NAMED_CLASSES: dict[str, CharTest] = {
    "alnum": _ascii(str.isalnum),
    "alpha": _ascii(str.isalpha),
    "ascii": str.isascii,
    "blank": frozenset("\t ").__contains__,
    "cntrl": _ascii(lambda char: not char.isprintable()),
    "digit": _is_digit,
    "graph": between("!", "~"),
    "lower": _ascii(str.islower),
    "print": between(" ", "~"),
    "punct": _ascii(lambda char: char.isprintable() and not char.isalnum() and char != " "),
    "space": frozenset("\t\n\v\f\r ").__contains__,
    "upper": _ascii(str.isupper),
    "word": is_word,
    "xdigit": frozenset(hexdigits).__contains__,
}
