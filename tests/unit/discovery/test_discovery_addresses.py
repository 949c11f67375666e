import pytest

from common.hostport import TcpEndpoint, UnixEndpoint
from discovery.base import Address
from discovery.entries import MAX_RANGE, parse_entry, parse_list
from discovery.errors import BadDiscoveryError


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.0.0.1:2375", "10.0.0.1:2375"),
        ("tcp://10.0.0.1:02375", "10.0.0.1:2375"),
        ("[::1]:2375", "[::1]:2375"),
        ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
    ],
)
def test_one_engine_has_one_spelling(text: str, canonical: str) -> None:
    assert str(Address.parse(text)) == canonical


def test_an_address_can_be_dialled() -> None:
    assert Address.parse("[::1]:1").endpoint == TcpEndpoint("::1", 1)
    assert Address.parse("unix:///a").endpoint == UnixEndpoint("/a")


@pytest.mark.parametrize("text", ["", "h", ":2375", "h:0", "h:70000", "unix://a", "http://h:1"])
def test_what_cannot_be_dialled_is_no_address(text: str) -> None:
    with pytest.raises(BadDiscoveryError):
        Address.parse(text)


def test_a_range_stands_for_one_address_each() -> None:
    assert [str(address) for address in parse_entry("10.0.0.[9:11]:2375")] == [
        "10.0.0.9:2375",
        "10.0.0.10:2375",
        "10.0.0.11:2375",
    ]


def test_a_range_can_be_in_the_port_or_a_path() -> None:
    assert [str(address) for address in parse_entry("h:[1:2]")] == ["h:1", "h:2"]
    assert [str(address) for address in parse_entry("unix:///e[1:2].sock")] == [
        "unix:///e1.sock",
        "unix:///e2.sock",
    ]


def test_ipv6_brackets_are_no_range() -> None:
    assert [str(address) for address in parse_entry("[fe80::1:2]:2375")] == ["[fe80::1:2]:2375"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        pytest.param("10.[0:1].0.[1:2]:2375", "one range", id="two-ranges"),
        pytest.param("10.0.0.[5:4]:2375", "ends before it begins", id="backwards"),
        pytest.param("h[0:999999999]:1", str(MAX_RANGE), id="too-many"),
        pytest.param(f"h[1:{MAX_RANGE + 1}]:1", str(MAX_RANGE), id="one-too-many"),
        pytest.param("10.0.0.[a:b]:2375", "valid host", id="no-numbers"),
    ],
)
def test_a_bad_range_is_refused(entry: str, words: str) -> None:
    with pytest.raises(BadDiscoveryError, match=words):
        parse_entry(entry)


def test_the_biggest_range_is_taken() -> None:
    assert len(parse_entry(f"h[1:{MAX_RANGE}]:1")) == MAX_RANGE


def test_a_list_may_have_blanks_and_empty_entries() -> None:
    assert [str(address) for address in parse_list(" a:1, ,b:[1:2],")] == ["a:1", "b:1", "b:2"]
