"""What a value may look like."""

from collections.abc import Callable

import pytest

from router.rules import grammar


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (grammar.host, " Shop.Example.org ", "shop.example.org"),
        (grammar.host, "a_b", "a_b"),
        (grammar.path, "/", ""),
        (grammar.path, "/a/b.c/", "/a/b.c"),
        (grammar.check_path, "/", "/"),
        (grammar.check_path, "/health/?deep=1&x=y", "/health/?deep=1&x=y"),
        (grammar.mode, "TCP", "tcp"),
        (grammar.balance, "leastconn", "leastconn"),
        (grammar.weight, "256", 256),
        (grammar.port, "65535", 65535),
        (grammar.flag, "Yes", True),
        (grammar.flag, "", False),
    ],
)
def test_good_values_are_taken(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (grammar.host, ""),
        (grammar.host, "*.org"),
        (grammar.host, "a..b"),
        (grammar.host, "a b"),
        (grammar.host, "a\nb"),
        (grammar.host, "~.*"),
        (grammar.host, "é.org"),
        (grammar.host, "a" * 254),
        (grammar.path, "a"),
        (grammar.path, "/../x"),
        (grammar.path, "/a b"),
        (grammar.path, "/{{ 7*7 }}"),
        (grammar.path, "/a\n    server evil 1.2.3.4:80"),
        (grammar.path, "/" + "a" * 255),
        (grammar.check_path, "health"),
        (grammar.check_path, "/x?%0a"),
        (grammar.check_path, "/x y"),
        (grammar.mode, "udp"),
        (grammar.balance, "url_param x"),
        (grammar.weight, "0"),
        (grammar.weight, "257"),
        (grammar.weight, "१"),
        (grammar.port, "0"),
        (grammar.port, "-1"),
        (grammar.flag, "perhaps"),
    ],
)
def test_bad_values_are_refused(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=r"^(n|not )"):
        parse(text)
