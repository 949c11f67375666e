import pytest

from common.hostport import (
    TcpEndpoint,
    UnixEndpoint,
    is_reachable_hostport,
    join_hostport,
    parse_endpoint,
    split_hostport,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("10.0.0.1:2375", ("10.0.0.1", 2375), id="ipv4"),
        pytest.param("[::1]:2375", ("::1", 2375), id="ipv6-without-its-brackets"),
        pytest.param("node-1.example.org:80", ("node-1.example.org", 80), id="name"),
        pytest.param("node_1:80", ("node_1", 80), id="underscore"),
        pytest.param(":2375", ("", 2375), id="every-interface"),
        pytest.param("h:0", ("h", 0), id="port-of-the-kernel's-choice"),
    ],
)
def test_host_and_port_are_split(text: str, parts: tuple[str, int]) -> None:
    assert split_hostport(text) == parts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("host", "no port", id="no-port"),
        pytest.param("host:", "no valid port", id="empty-port"),
        pytest.param("host:65536", "no valid port", id="port-too-big"),
        pytest.param("host:٣", "no valid port", id="digits-of-another-script"),
        pytest.param("host:-1", "no valid port", id="negative-port"),
        pytest.param("::1:2375", "brackets", id="bare-ipv6"),
        pytest.param("[nope]:1", "IPv6", id="brackets-around-no-ipv6"),
        pytest.param("a b:1", "no valid host", id="blank"),
        pytest.param("a\r\nX-Evil: 1:1", "brackets", id="line-break"),
        pytest.param("a\n:1", "no valid host", id="line-break-at-the-end"),
        pytest.param("user@host:1", "no valid host", id="user"),
    ],
)
def test_what_is_no_host_and_port_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        split_hostport(text)


def test_joining_puts_brackets_around_ipv6_only() -> None:
    assert join_hostport("::1", 1) == "[::1]:1"
    assert join_hostport("h", 1) == "h:1"


@pytest.mark.parametrize(
    ("text", "is_reachable"),
    [("h:1", True), ("h:65535", True), ("h:0", False), (":1", False), ("h", False), ("h:x", False)],
)
def test_others_need_a_host_and_a_port_from_one_up(text: str, is_reachable: bool) -> None:
    assert is_reachable_hostport(text) is is_reachable


def test_endpoints_are_tcp_unless_said_otherwise() -> None:
    assert parse_endpoint("h:1") == parse_endpoint("TCP://h:1") == TcpEndpoint("h", 1)
    assert parse_endpoint("unix:///run/x.sock") == UnixEndpoint("/run/x.sock")
    assert str(parse_endpoint("tcp://[::1]:2")) == "tcp://[::1]:2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("http://h:1", 'unsupported protocol: "http"', id="classic's-words"),
        pytest.param("unix://x.sock", "absolute", id="relative-path"),
        pytest.param("unix:///" + "x" * 107, "107 bytes", id="path-too-long"),
        pytest.param("unix:///a\0b", "107 bytes", id="zero-byte"),
    ],
)
def test_other_endpoints_are_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_endpoint(text)
